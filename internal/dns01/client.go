package dns01

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Exchanger asks one server one question. The server is host:port, or the URL
// of a DNS over HTTPS server. An error is a *ServerError.
type Exchanger interface {
	Exchange(ctx context.Context, server string, q Question) (Answer, error)
}

// ServerError tells that a server gave no answer that can be used.
type ServerError struct {
	Server string
	// Why is the same text for the same cause: SERVFAIL, no answer, connection
	// refused.
	Why string
}

func (e *ServerError) Error() string { return fmt.Sprintf("%s (%s)", e.Server, e.Why) }

const (
	// exchangeTimeout is for one question over one transport. A recursive
	// server that finds a slow zone takes two seconds.
	exchangeTimeout = 3 * time.Second
	// udpSize is what passes everywhere without fragments (the DNS flag day of
	// 2020). A longer answer comes over TCP.
	udpSize = 1232
	// maxMessage is what the length of a message over TCP can say (RFC 1035,
	// section 4.2.2). Over HTTPS no more is read.
	maxMessage = 1<<16 - 1

	mediaType = "application/dns-message" // RFC 8484, section 6
)

// Client speaks DNS over UDP, over TCP if that does not do, and over HTTPS.
type Client struct {
	https *http.Client
}

// NewClient makes a client. It verifies the certificates of DNS over HTTPS
// servers as HTTP clients do. https may be nil.
func NewClient(https *http.Client) *Client {
	if https == nil {
		https = &http.Client{}
	}
	return &Client{https: https}
}

// Exchange implements Exchanger.
func (c *Client) Exchange(ctx context.Context, server string, q Question) (Answer, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.Name, uint16(q.Kind))
	m.RecursionDesired = q.Recursive
	m.SetEdns0(udpSize, false)
	answer, err := c.ask(ctx, server, m)
	if err != nil {
		return Answer{}, &ServerError{Server: server, Why: Cause(err)}
	}
	if answer.Rcode == dns.RcodeFormatError && answer.IsEdns0() == nil {
		m.Extra = nil // a server from before EDNS (RFC 6891, section 7)
		if answer, err = c.ask(ctx, server, m); err != nil {
			return Answer{}, &ServerError{Server: server, Why: Cause(err)}
		}
	}
	switch {
	case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
		return Answer{}, &ServerError{Server: server, Why: codeName(answer.Rcode)}
	case len(answer.Question) != 1 || canonical(answer.Question[0].Name) != q.Name || answer.Question[0].Qtype != uint16(q.Kind):
		return Answer{}, &ServerError{Server: server, Why: "an answer to another question"}
	}
	return readAnswer(answer), nil
}

// codeName is an answer's code as tools print it.
func codeName(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("code %d", code)
}

func (c *Client) ask(ctx context.Context, server string, m *dns.Msg) (*dns.Msg, error) {
	if strings.HasPrefix(server, "https://") {
		return c.askHTTPS(ctx, server, m)
	}
	answer, err := askOver(ctx, "udp", server, m)
	if err == nil && !answer.Truncated || ctx.Err() != nil {
		return answer, err
	}
	return askOver(ctx, "tcp", server, m)
}

func askOver(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: network, Timeout: exchangeTimeout}
	answer, _, err := client.ExchangeContext(ctx, m, server)
	return answer, err
}

var errNoDNS = errors.New("not a DNS over HTTPS server")

// askHTTPS asks over HTTPS (RFC 8484, section 4.1).
func (c *Client) askHTTPS(ctx context.Context, url string, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*exchangeTimeout) // a TLS handshake comes first
	defer cancel()
	question := m.Copy()
	question.Id = 0 // so that caches see the same question
	packed, err := question.Pack()
	if err != nil {
		return nil, fmt.Errorf("encode question: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", mediaType)
	request.Header.Set("Accept", mediaType)
	response, err := c.https.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != mediaType {
		return nil, errNoDNS
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	answer := new(dns.Msg)
	if len(body) > maxMessage || answer.Unpack(body) != nil {
		return nil, errNoDNS
	}
	return answer, nil
}

// Cause is why there was no answer, without ports, ids and instants: the same
// text for the same cause.
func Cause(err error) string {
	var dnsErr *dns.Error
	var timeout net.Error
	var lookup *net.DNSError
	switch {
	case errors.Is(err, errNoDNS):
		return errNoDNS.Error()
	case errors.As(err, &lookup):
		return "its address is not known"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dnsErr):
		return "an answer that can not be read"
	}
	return "no answer"
}
