package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// requestTimeout is the time for one request, connecting and reading the
	// answer included. Vault signs within milliseconds with a key that is in it,
	// and within a second with one in an HSM; a worker waits no longer than this
	// for one that is down.
	requestTimeout = 10 * time.Second

	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 90 * time.Second // as net/http's default
	idlePerHost      = 4                // of the workers, few sign with the same issuer at once
	maxHeaderBytes   = 64 << 10
	// maxAnswer bounds an answer: a certificate with a long chain is 20 KB.
	maxAnswer = 1 << 20
	// maxRedirects: a standby node sends to the active one, once.
	maxRedirects = 2
)

// Config is how to reach a server, and how the two recognise each other.
type Config struct {
	// Server is the URL of the server. Its path, if any, goes before /v1.
	Server string
	// ServerName is the name in the server's certificate, if that is not the
	// host of the URL.
	ServerName string
	// Namespace is the Vault namespace of all that is asked for; empty is the
	// root namespace.
	Namespace string
	// Roots are PEM certificates that replace the system's; empty: the system's.
	Roots []byte
	// Certificate and Key are shown to a server that asks for them, in PEM; both
	// or none.
	Certificate, Key []byte
	UserAgent        string
}

// Client speaks with one server. It holds no token.
type Client struct {
	base      *url.URL
	namespace string
	userAgent string
	http      *http.Client
}

// New makes a client with connections of its own. It errs if the settings can
// not be used, and then says which.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Server)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") || base.RawQuery != "" || base.User != nil {
		return nil, errors.New("the server is not a URL like https://vault.example.com:8200")
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.ServerName}
	if len(cfg.Roots) > 0 {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(cfg.Roots) {
			return nil, errors.New("the CA bundle holds no PEM certificate")
		}
	}
	if len(cfg.Certificate) > 0 || len(cfg.Key) > 0 {
		pair, err := tls.X509KeyPair(cfg.Certificate, cfg.Key)
		if err != nil {
			// The error of crypto/tls tells which part is wrong, and nothing of it.
			return nil, fmt.Errorf("the client certificate and its key can not be used: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return &Client{
		base: base, namespace: cfg.Namespace, userAgent: cfg.UserAgent,
		http: &http.Client{
			Timeout:       requestTimeout,
			CheckRedirect: mayFollow,
			Transport: &http.Transport{
				Proxy:                  http.ProxyFromEnvironment,
				DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
				TLSClientConfig:        conf,
				TLSHandshakeTimeout:    handshakeTimeout,
				IdleConnTimeout:        idleTimeout,
				MaxIdleConnsPerHost:    idlePerHost,
				MaxResponseHeaderBytes: maxHeaderBytes,
				ForceAttemptHTTP2:      true,
			},
		},
	}, nil
}

// mayFollow lets a standby node send the same request to the active one. The
// token goes along, so it never goes from https to http.
func mayFollow(next *http.Request, via []*http.Request) error {
	last := via[len(via)-1]
	if len(via) > maxRedirects || next.Method != last.Method || (last.URL.Scheme == "https" && next.URL.Scheme != "https") {
		return http.ErrUseLastResponse
	}
	return nil
}

// Close drops the idle connections of a client that is not used any more.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Host is the server in a message.
func (c *Client) Host() string { return c.base.Hostname() }

// call is one request.
type call struct {
	doing  string // for errors: "sign certificate"
	method string
	path   string // from /v1 on, or a whole mount path
	query  string
	token  string
	body   any // nil: none
	// secrets are values in the body that no error may hold.
	secrets []string
	// outside every namespace: few endpoints are.
	outside bool
}

// answer is the frame of all answers of Vault.
type answer struct {
	Data json.RawMessage `json:"data"`
	Auth *struct {
		ClientToken   string `json:"client_token"`
		LeaseDuration int64  `json:"lease_duration"` // seconds
		Renewable     bool   `json:"renewable"`
		NumUses       int    `json:"num_uses"`
	} `json:"auth"`
	Errors []string `json:"errors"`
}

// do makes a request. Errors are an *Error or an *UnreachableError, or of the
// context.
func (c *Client) do(ctx context.Context, r call) (*answer, error) {
	status, content, header, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	a := &answer{}
	decoded := len(content) == 0 || json.Unmarshal(content, a) == nil
	if status != http.StatusOK && status != http.StatusNoContent {
		return nil, &Error{Doing: r.doing, Host: c.Host(), Status: status, Messages: clean(a.Errors, append(slices.Clone(r.secrets), r.token)), RetryAfter: retryAfter(header)}
	}
	if !decoded {
		return nil, &Error{Doing: r.doing, Host: c.Host(), Status: status, Messages: []string{"the answer is not JSON: is this a Vault server?"}}
	}
	return a, nil
}

// send makes a request, and reads the answer whatever its status is.
func (c *Client) send(ctx context.Context, r call) (status int, content []byte, header http.Header, err error) {
	target := c.base.JoinPath(r.path)
	target.RawQuery = r.query
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return 0, nil, nil, fmt.Errorf("%s: encode request: %w", r.doing, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), body)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: make request: %w", r.doing, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	req.Header.Set("X-Vault-Request", "true") // Vault Agent may ask for it, against forged requests
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("X-Vault-Token", r.token)
	}
	if c.namespace != "" && !r.outside {
		req.Header.Set("X-Vault-Namespace", c.namespace)
	}
	resp, err := c.http.Do(req) // #nosec G704 -- the issuer's author names the server
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil, nil, fmt.Errorf("%s: %w", r.doing, ctx.Err())
		}
		return 0, nil, nil, &UnreachableError{Doing: r.doing, Host: c.Host(), Err: err}
	}
	defer func() { _ = resp.Body.Close() }() // all that is of use has been read
	content, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, nil, &UnreachableError{Doing: r.doing, Host: c.Host(), Err: err}
	}
	return resp.StatusCode, content, resp.Header, nil
}

// CheckPath errs if a path of the API would lead out of where it belongs.
func CheckPath(p string) error {
	if strings.Trim(p, "/") == "" {
		return errors.New("it is empty")
	}
	plain, err := url.PathUnescape(p)
	if err != nil {
		return errors.New("it has a % that stands for nothing")
	}
	for segment := range strings.SplitSeq(plain, "/") {
		if segment == ".." || segment == "." {
			return fmt.Errorf("it has a segment %q", segment)
		}
	}
	return nil
}
