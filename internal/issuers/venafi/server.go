package venafi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Server is one zone of a Certificate Manager, with the credentials for it.
// Errors of all methods are *Error, *PolicyError or *PendingError, unless the
// context is over. It may be used by several goroutines.
type Server interface {
	// Verify makes sure that the credentials are accepted and reads what the
	// zone allows.
	Verify(ctx context.Context) error

	// Submit asks for a certificate and gives the id to retrieve it with. What
	// the zone does not allow is a *PolicyError.
	Submit(ctx context.Context, r Request) (id string, err error)

	// Retrieve gives the certificate in PEM, the leaf first and its issuers
	// after it; a *PendingError if it is not there yet.
	Retrieve(ctx context.Context, id string) ([]byte, error)
}

// Request is a certificate to ask for.
type Request struct {
	CSR      *x509.CertificateRequest
	PEM      []byte // of CSR
	Duration time.Duration
	Fields   []Field
}

// Options are what all kinds of servers are made with.
type Options struct {
	// Zone is a policy folder (self-hosted), "application\template" (service),
	// or a template (Next-Generation Trust Security).
	Zone string
	// UserAgent is what the server is told.
	UserAgent string
	// Transport carries the requests; see NewTransport.
	Transport http.RoundTripper
	// Observe is told of every request; may be nil.
	Observe func(Call)
	// Clock tells the time.
	Clock func() time.Time
}

// Call is one request to a server, for metrics (contract, section 4).
type Call struct {
	Name     string // of the API's operation: one of the constants
	Duration time.Duration
	OK       bool
}

// The calls, as the metric names them.
const (
	CallToken    = "token" // of OAuth, which has metrics of its own
	CallVerify   = "verify_credentials"
	CallReadZone = "read_zone_configuration"
	CallReset    = "reset_certificate"
	CallRequest  = "request_certificate"
	CallRetrieve = "retrieve_certificate"
)

// origin is what is told to the server about where a request comes from, to be
// seen by who looks at the certificate there.
const origin = "Certwright"

const (
	// requestTimeout bounds one request, its answer included. Servers answer
	// within seconds; what takes longer is asked for by a later request.
	requestTimeout = 30 * time.Second

	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
)

// NewTransport makes connections that trust the roots in bundle (PEM), or the
// system's if it is empty, by the proxy of the process's environment. It errs if
// there is no certificate in the bundle.
func NewTransport(bundle []byte) (*http.Transport, error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Internet Information Services, which serves the self-hosted one, asks
		// anew once it knows the path, where client certificates are accepted
		// for some paths only.
		Renegotiation: tls.RenegotiateOnceAsClient,
	}
	if len(bundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(bundle) {
			return nil, errors.New("the CA bundle holds no PEM certificate")
		}
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: handshakeTimeout,
		IdleConnTimeout:     idleTimeout,
	}, nil
}

// baseURL makes the URL under which the API is, with a slash at its end. What
// goes there has secrets in it, so it is https, even if the text says http, as
// it always was.
func baseURL(text string) (string, error) {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		if scheme := strings.ToLower(strings.TrimSuffix(text, "://"+rest)); scheme != "http" && scheme != "https" {
			return "", errors.New("the URL must begin with https://")
		}
		text = rest
	}
	u, err := url.Parse("https://" + text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the URL must be one such as https://host/path, without user, query and fragment")
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	u.RawPath = ""
	return u.String(), nil
}
