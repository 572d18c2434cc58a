package acme

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

const (
	// DefaultTimeout is the time for one HTTP request, connecting and reading the body included. CAs answer within a second or
	// two; those that issue inside finalize need some ten. A longer wait would hold a reconcile worker for an answer that
	// is found by a later GET anyway.
	DefaultTimeout = 30 * time.Second

	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second // as net/http's default; longer than the pauses within one order
	pingAfter        = 15 * time.Second // finds a connection that a NAT dropped before a request waits for it in vain
	pingTimeout      = 5 * time.Second
	maxHeaderBytes   = 64 << 10 // an order's headers are under 2 KB; net/http would take 10 MB
	maxRedirects     = 5
)

// HTTPOptions describes how an ACME server is reached and trusted.
type HTTPOptions struct {
	// CABundle holds PEM certificates that replace the system's roots. Empty: the system's roots.
	CABundle []byte
	// SkipTLSVerify trusts any server certificate. It excludes CABundle.
	SkipTLSVerify bool
	// Timeout bounds one HTTP request. DefaultTimeout if zero.
	Timeout time.Duration
}

// NewHTTPClient makes an HTTP client with connections of its own, that uses the proxy of the process's environment and gives
// up on a silent server. It errs if CABundle holds no certificate or a broken one, or comes with SkipTLSVerify.
func NewHTTPClient(options HTTPOptions) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch {
	case len(options.CABundle) > 0 && options.SkipTLSVerify:
		return nil, errors.New("set up TLS: a CA bundle and skipping verification exclude each other")
	case len(options.CABundle) > 0:
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(options.CABundle) {
			return nil, errors.New("set up TLS: the CA bundle holds no PEM certificate")
		}
		config.RootCAs = pool
	case options.SkipTLSVerify:
		config.InsecureSkipVerify = true // #nosec G402 -- the issuer's author asked for it
	}
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	return &http.Client{
		Timeout: options.Timeout,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    handshakeTimeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    noncePoolSize,
			MaxResponseHeaderBytes: maxHeaderBytes,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		},
	}, nil
}

// withRedirectPolicy returns a copy of the client that follows redirects of GET and HEAD only, and never from https to http. A
// POST is signed for its URL (RFC 8555 6.4), so another place would refuse it; its redirect is returned as the answer it is.
func withRedirectPolicy(client *http.Client) *http.Client {
	bound := *client
	bound.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		first := via[0]
		downgrade := via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https"
		if first.Method == http.MethodPost || downgrade || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &bound
}
