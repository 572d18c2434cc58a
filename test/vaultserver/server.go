package vaultserver

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a Vault server. Its exported fields are set before it is asked for
// anything, or with Change.
type Server struct {
	// Namespace is the only one in which something is mounted.
	Namespace string
	// Policy are the paths on which its tokens may write, besides what the
	// default policy allows.
	Policy []string
	// Logins are the auth methods, by the path of their login.
	Logins map[string]Login
	// TokenTTL is the life of the tokens that logins give; zero: for ever.
	TokenTTL time.Duration
	// TokenMaxTTL bounds what renewing can make of it; zero: no bound.
	TokenMaxTTL time.Duration
	// TokenUses is how many requests they are good for; zero: any number.
	TokenUses int
	// NotRenewable tokens live their time.
	NotRenewable bool
	// Sealed and Uninitialized servers answer nothing but that.
	Sealed, Uninitialized bool
	// Standby nodes have their say in the health.
	Standby bool
	// Broken answers everything with this status, if not zero.
	Broken int
	// RetryAfter is the header of such answers.
	RetryAfter string
	// Domain is that of the names that the role signs; empty: all.
	Domain string
	// NoStore keeps no certificate by its serial number.
	NoStore bool
	// Now tells the time.
	Now func() time.Time

	// URL is where it is, Roots what verifies it, in PEM.
	URL   string
	Roots []byte

	mu      sync.Mutex
	counts  map[string]int
	tokens  map[string]*token
	pki     *engine
	revoked map[string]time.Time
	stored  map[string]bool
}

// Option is how a server is made.
type Option func(*httptest.Server)

// ClientCertificates has the server ask for certificates of a CA, and refuse
// connections without.
func ClientCertificates(roots *x509.CertPool) Option {
	return func(s *httptest.Server) {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, roots
	}
}

// New starts a server with TLS that ends with the test. Its certificate is for
// example.com and 127.0.0.1.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{
		Logins: map[string]Login{}, Now: time.Now,
		counts: map[string]int{}, tokens: map[string]*token{}, revoked: map[string]time.Time{}, stored: map[string]bool{},
	}
	s.pki = newEngine(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}
	for _, option := range options {
		option(server)
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of connections that tests break
	server.StartTLS()
	t.Cleanup(server.Close)
	s.URL = server.URL
	s.Roots = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return s
}

// Change changes the server while it is in use.
func (s *Server) Change(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Requests returns how often each endpoint has been asked since the last time.
func (s *Server) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := maps.Clone(s.counts)
	clear(s.counts)
	return counts
}

// request is one that has passed the general rules.
type request struct {
	*http.Request

	path  string
	body  []byte
	token *token // nil without one that is good
}

// reply is the answer to one; errors if there are any.
type reply struct {
	status int
	data   any
	auth   any
	errors []string
}

func refuse(status int, message string) reply {
	return reply{status: status, errors: []string{message}}
}

// denied is how Vault answers whatever a token may not do.
func denied() reply {
	return refuse(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[r.Method+" "+r.URL.Path]++
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	answer := s.answer(&request{Request: r, path: r.URL.Path, body: content})
	w.Header().Set("Content-Type", "application/json")
	if s.RetryAfter != "" && answer.status >= http.StatusBadRequest {
		w.Header().Set("Retry-After", s.RetryAfter)
	}
	w.WriteHeader(answer.status)
	if answer.status == http.StatusNoContent {
		return
	}
	frame := map[string]any{"request_id": "2c7f4b0e-6a40-4c3f-9a53-7b1c1f3c2d11", "data": answer.data, "auth": answer.auth}
	if answer.status >= http.StatusBadRequest {
		frame = map[string]any{"errors": append([]string{}, answer.errors...)}
	}
	if r.URL.Path == "/v1/sys/health" {
		_ = json.NewEncoder(w).Encode(answer.data)
		return
	}
	_ = json.NewEncoder(w).Encode(frame) // a client that has gone notices itself
}

func (s *Server) answer(r *request) reply {
	if s.Broken != 0 {
		return refuse(s.Broken, "internal error")
	}
	if r.path == "/v1/sys/health" {
		return s.health(r)
	}
	if s.Sealed || s.Uninitialized {
		return refuse(http.StatusServiceUnavailable, "Vault is sealed")
	}
	if r.Header.Get("X-Vault-Request") != "true" {
		return refuse(http.StatusPreconditionFailed, "missing 'X-Vault-Request' header")
	}
	if got, sent := r.Header["X-Vault-Namespace"]; sent != (s.Namespace != "") || (sent && got[0] != s.Namespace) {
		return s.noRoute(r)
	}
	if len(r.body) > 0 && r.Header.Get("Content-Type") != "application/json" {
		return refuse(http.StatusBadRequest, "the body is not application/json")
	}
	return s.route(r)
}

func (s *Server) noRoute(r *request) reply {
	return refuse(http.StatusNotFound, "no handler for route \""+strings.TrimPrefix(r.path, "/v1/")+"\". route entry not found.")
}

func (s *Server) route(r *request) reply {
	if login := s.Logins[r.path]; login != nil {
		if r.Method != http.MethodPost {
			return refuse(http.StatusMethodNotAllowed, "unsupported operation")
		}
		if r.Header.Get("X-Vault-Token") != "" {
			return refuse(http.StatusBadRequest, "a login needs no token")
		}
		if refusal := login(r); refusal != nil {
			return *refusal
		}
		return s.grant()
	}
	if r.token = s.find(r.Header.Get("X-Vault-Token")); r.token == nil {
		return refuse(http.StatusForbidden, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
	}
	switch r.path {
	case "/v1/auth/token/lookup-self":
		return s.lookup(r)
	case "/v1/auth/token/renew-self":
		return s.renew(r)
	}
	return s.engine(r)
}

// health answers outside of every namespace, to anybody.
func (s *Server) health(r *request) reply {
	if _, sent := r.Header["X-Vault-Namespace"]; sent {
		return refuse(http.StatusBadRequest, "unsupported path")
	}
	if r.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "unsupported operation")
	}
	status := http.StatusOK
	switch {
	case s.Uninitialized:
		status = http.StatusNotImplemented
	case s.Sealed:
		status = http.StatusServiceUnavailable
	case s.Standby && r.URL.Query().Get("standbyok") != "true":
		status = http.StatusTooManyRequests
	}
	return reply{status: status, data: map[string]bool{"initialized": !s.Uninitialized, "sealed": s.Sealed, "standby": s.Standby}}
}

// decode reads a body that has the given fields and no others.
func decode(r *request, into any) *reply {
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		answer := refuse(http.StatusBadRequest, "failed to parse JSON input: "+err.Error())
		return &answer
	}
	return nil
}
