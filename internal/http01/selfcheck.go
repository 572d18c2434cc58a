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
	"syscall"
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
// none yet. It is safe for concurrent use.
//
// One look that shows the right answer is enough. More looks would not tell
// more about what the CA sees, which looks from elsewhere and later; and each
// pause between them would be added to every certificate.
type Checker struct{ client *http.Client }

// CheckerConfig is how a Checker reaches the world. The zero value is as every
// other program does.
type CheckerConfig struct {
	// Nameservers ("host:port") are asked instead of the system's.
	Nameservers []string
	// DialContext replaces the way in which connections are made. Nameservers
	// are then without effect.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy as in http.Transport; that of the environment if nil.
	Proxy func(*http.Request) (*url.URL, error)
}

var errTooManyRedirects = errors.New("too many redirects")

// NewChecker makes a Checker.
func NewChecker(config CheckerConfig) *Checker {
	dial := config.DialContext
	if dial == nil {
		dialer := &net.Dialer{Timeout: checkTimeout, Resolver: resolver(config.Nameservers)}
		dial = dialer.DialContext
	}
	proxy := config.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	return &Checker{client: &http.Client{
		Timeout: checkTimeout,
		Transport: &http.Transport{
			Proxy:       proxy,
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
	}}
}

// Check looks once. The text says what was seen; it is the same for the same
// sight, and quotes nothing of it.
func (c *Checker) Check(ctx context.Context, domain, token, key string) (lifecycle.SelfCheckVerdict, string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, checkURL(domain, token), nil)
	if err != nil {
		return lifecycle.SelfCheckWrong, "the name can not stand in a URL"
	}
	response, err := c.client.Do(request)
	if err != nil {
		if errors.Is(err, errTooManyRedirects) {
			return lifecycle.SelfCheckWrong, fmt.Sprintf("there were more than %d redirects", maxRedirects)
		}
		return lifecycle.SelfCheckUnreachable, unreachable(err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	where := ""
	if final := response.Request.URL; final.Host != request.URL.Host || final.Scheme != request.URL.Scheme {
		where = " after a redirect to " + final.Scheme + "://" + final.Hostname()
	}
	if response.StatusCode != http.StatusOK {
		return lifecycle.SelfCheckWrong, fmt.Sprintf("the answer has status %d instead of 200%s", response.StatusCode, where)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return lifecycle.SelfCheckUnreachable, "the answer broke off" + where
	case len(body) > maxBody:
		return lifecycle.SelfCheckWrong, "the answer is larger than 1 MiB" + where
	case strings.TrimRight(string(body), " \t\r\n") != key: // white space at the end: RFC 8555, section 8.3
		return lifecycle.SelfCheckWrong, "somebody else answers for the path of the challenge" + where
	}
	return lifecycle.SelfCheckPassed, ""
}

func checkURL(domain, token string) string {
	host := domain
	if ip, err := netip.ParseAddr(domain); err == nil && ip.Is6() {
		host = "[" + domain + "]"
	}
	return (&url.URL{Scheme: "http", Host: host, Path: responder.PathPrefix + token}).String()
}

// unreachable says why there was no answer, without addresses and ports, which
// differ from one attempt to the next.
func unreachable(err error) string {
	where := ""
	if u, ok := errors.AsType[*url.Error](err); ok {
		if target, parseErr := url.Parse(u.URL); parseErr == nil {
			where = " (" + target.Scheme + "://" + target.Hostname() + ")"
		}
	}
	return cause(err) + where
}

func cause(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case dns.IsNotFound:
			return "the name does not resolve"
		case dns.IsTimeout:
			return "looking up the name timed out"
		}
		return "looking up the name failed"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); (ok && timeout.Timeout()) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer within 10 s"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "TLS failed: " + alert.Error()
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS failed: the answer is not TLS"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed without an answer"
	}
	return "the request failed"
}

// resolver asks the nameservers, one after the other as the standard library
// repeats a question.
func resolver(nameservers []string) *net.Resolver {
	if len(nameservers) == 0 {
		return nil
	}
	next := make(chan string, len(nameservers))
	for _, n := range nameservers {
		next <- n
	}
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			server := <-next
			next <- server
			return new(net.Dialer).DialContext(ctx, network, server)
		},
	}
}
