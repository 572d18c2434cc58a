package http01

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/certwright/certwright/internal/http01/responder"
	"github.com/certwright/certwright/internal/lifecycle"
)

const (
	checkTimeout = 10 * time.Second // contract 2.8, and that of the CAs
	maxBody      = 1 << 20
	maxRedirects = 10 // what the CAs follow
)

// Checker looks at challenges in the way a CA does: a GET over HTTP, redirects
// followed, to HTTPS too, where no certificate is verified because there may be
// none yet. A name with addresses of both families is looked at over both at
// the same time, for CAs prefer IPv6. It is safe for concurrent use.
//
// One look that shows the right answer is enough. More looks would not tell
// more about what the CA sees, which looks from elsewhere and later; and each
// pause between them would be added to every certificate.
type Checker struct {
	resolver Resolver // nil: names are left to dial
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	proxy    func(*http.Request) (*url.URL, error)
}

// CheckerConfig is how a Checker reaches the world. The zero value is as every
// other program does.
type CheckerConfig struct {
	// Nameservers are asked instead of the system's, see NewResolver.
	Nameservers []string
	// Resolver replaces all nameservers but those of a Target.
	Resolver Resolver
	// DialContext replaces the way in which connections are made. Without a
	// Resolver it gets the names themselves.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy as in http.Transport; that of the environment if nil.
	Proxy func(*http.Request) (*url.URL, error)
}

// Target is a challenge to look at.
type Target struct {
	Domain string // DNS name or IP address
	Token  string
	Key    string // the right answer
	// Nameservers of the solver; the Checker's if there are none.
	Nameservers []string
}

var errTooManyRedirects = errors.New("too many redirects")

// NewChecker makes a Checker. It errs if a nameserver is not one.
func NewChecker(config CheckerConfig) (*Checker, error) {
	c := &Checker{resolver: config.Resolver, dial: config.DialContext, proxy: config.Proxy}
	if c.resolver == nil && c.dial == nil {
		resolver, err := NewResolver(config.Nameservers)
		if err != nil {
			return nil, err
		}
		c.resolver = resolver
	}
	if c.dial == nil {
		c.dial = (&net.Dialer{Timeout: checkTimeout}).DialContext
	}
	if c.proxy == nil {
		c.proxy = http.ProxyFromEnvironment
	}
	return c, nil
}

// Check looks once. The text says what was seen; it is the same for the same
// sight, and quotes nothing of it.
func (c *Checker) Check(ctx context.Context, target Target) (lifecycle.SelfCheckVerdict, string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, checkURL(target.Domain, target.Token), nil)
	if err != nil {
		return lifecycle.SelfCheckWrong, "the name can not stand in a URL"
	}
	resolver := c.resolver
	if len(target.Nameservers) > 0 {
		if resolver, err = NewResolver(target.Nameservers); err != nil {
			return lifecycle.SelfCheckWrong, "the solver's http01.nameservers can not be used: " + err.Error()
		}
	}
	if through, err := c.proxy(request); resolver == nil || through != nil || err != nil {
		s := c.look(request, target, c.dial) // the proxy looks the name up
		return s.verdict, s.text
	}
	addresses, seen := lookUp(ctx, resolver, target.Domain)
	if seen.verdict != 0 {
		return seen.verdict, seen.text
	}
	s := c.lookAt(ctx, request, target, resolver, addresses)
	return s.verdict, s.text
}

// sight is what one look showed.
type sight struct {
	verdict lifecycle.SelfCheckVerdict
	text    string
}

// lookUp finds the addresses of a domain. If there are none, the sight says why.
func lookUp(ctx context.Context, resolver Resolver, domain string) ([]netip.Addr, sight) {
	if address, err := netip.ParseAddr(domain); err == nil {
		return []netip.Addr{address.Unmap()}, sight{}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	addresses, err := resolver.LookupIP(ctx, domain)
	switch {
	case err == nil && len(addresses) > 0:
		return addresses, sight{}
	case err == nil || isNotFound(err):
		return nil, sight{lifecycle.SelfCheckWrong, "the name does not resolve"}
	}
	return nil, sight{lifecycle.SelfCheckUnreachable, cause(err)}
}

// lookAt looks over every family that the name has addresses of.
func (c *Checker) lookAt(ctx context.Context, request *http.Request, target Target, resolver Resolver, addresses []netip.Addr) sight {
	six, four := families(addresses)
	one := func(first []netip.Addr) sight {
		s := c.look(request.Clone(ctx), target, c.dialer(resolver, target.Domain, first))
		if s.verdict == lifecycle.SelfCheckWrong && allPrivate(first) && !isAddress(target.Domain) {
			// Nobody outside sees what is there. What the CA sees is
			// elsewhere, or the CA is inside, too.
			return sight{lifecycle.SelfCheckInside, s.text + ", at a private address"}
		}
		return s
	}
	switch {
	case len(six) == 0:
		return one(four)
	case len(four) == 0:
		return one(six)
	}
	overFour := make(chan sight, 1)
	go func() { overFour <- one(four) }()
	return both(one(six), <-overFour)
}

// both is what looks over IPv6 and IPv4 come to. CAs prefer IPv6, and use IPv4
// if they get no connection.
func both(six, four sight) sight {
	if six.verdict == four.verdict && six.text == four.text {
		return six
	}
	differ := fmt.Sprintf("over IPv6: %s; over IPv4: %s", six.textOr("the right answer"), four.textOr("the right answer"))
	switch {
	case six.verdict == lifecycle.SelfCheckPassed && four.verdict == lifecycle.SelfCheckWrong:
		// Most CAs see the right answer. Which one this is, is not known.
		return sight{lifecycle.SelfCheckUnreachable, differ}
	case six.verdict == lifecycle.SelfCheckPassed, four.verdict == lifecycle.SelfCheckPassed && six.verdict.Blind():
		return sight{lifecycle.SelfCheckPassed, ""}
	case six.verdict == lifecycle.SelfCheckWrong, four.verdict == lifecycle.SelfCheckWrong:
		return sight{lifecycle.SelfCheckWrong, differ}
	}
	return sight{lifecycle.SelfCheckUnreachable, differ}
}

func (s sight) textOr(right string) string {
	if s.verdict == lifecycle.SelfCheckPassed {
		return right
	}
	return s.text
}

// look asks once.
func (c *Checker) look(request *http.Request, target Target, dial func(context.Context, string, string) (net.Conn, error)) sight {
	client := &http.Client{
		Timeout: checkTimeout,
		Transport: &http.Transport{
			Proxy:       c.proxy,
			DialContext: dial,
			// The certificate that would verify is the one to be issued.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as the CA does; nothing is sent
			// A connection that is kept would go to the place that was right
			// at the last look.
			DisableKeepAlives:      true,
			TLSHandshakeTimeout:    checkTimeout,
			ResponseHeaderTimeout:  checkTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errTooManyRedirects
			}
			return nil
		},
	}
	response, err := client.Do(request)
	if err != nil {
		return noAnswer(err, target.Domain)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	where := ""
	if final := response.Request.URL; final.Host != request.URL.Host || final.Scheme != request.URL.Scheme {
		where = " after a redirect to " + final.Scheme + "://" + final.Hostname()
	}
	if response.StatusCode != http.StatusOK {
		return sight{lifecycle.SelfCheckWrong, fmt.Sprintf("the answer has status %d instead of 200%s", response.StatusCode, where)}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return sight{lifecycle.SelfCheckUnreachable, "the answer broke off" + where}
	case len(body) > maxBody:
		return sight{lifecycle.SelfCheckWrong, "the answer is larger than 1 MiB" + where}
	case strings.TrimRight(string(body), " \t\r\n") != target.Key: // white space at the end: RFC 8555, section 8.3
		return sight{lifecycle.SelfCheckWrong, "somebody else answers for the path of the challenge" + where}
	}
	return sight{lifecycle.SelfCheckPassed, ""}
}

func checkURL(domain, token string) string {
	host := domain
	if ip, err := netip.ParseAddr(domain); err == nil && ip.Is6() {
		host = "[" + domain + "]"
	}
	return (&url.URL{Scheme: "http", Host: host, Path: responder.PathPrefix + token}).String()
}
