package cyberark

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// The credentials that are accepted, and the zones that there are.
const (
	Username, Password, ClientID = "jane", "pa55word", "cert-manager.io"
	AccessToken                  = "an-access-token-from-the-user"
	APIKey                       = "11111111-2222-3333-4444-555555555555"
	OAuthClient, OAuthSecret     = "svc@1234567890.iam.example.com", "oauth-secret"
	TSGID                        = "1234567890"

	Folder      = `\VED\Policy\Shops\Web`
	Application = "Web Shop"
	Template    = "Default"
)

// Server is the stand-in. Its fields may be changed within Change only.
type Server struct {
	URL string // without a path
	CA  []byte // that its TLS certificate is verified with, PEM

	// Pending is how often a certificate is said not to be there yet.
	Pending int
	// Logins counts the tokens that were given.
	Logins int
	// TokenLife is how long tokens are good for.
	TokenLife time.Duration
	// Calls are the requests, by method and path, in their order.
	Calls []string
	// Received are the bodies of the requests for certificates.
	Received []map[string]any
	// Override answers a request instead; nil or false leaves it to the stand-in.
	Override func(w http.ResponseWriter, r *http.Request) bool
	// Policy is what the policy folder allows.
	Policy map[string]any
	// Rules is what the issuing template allows.
	Rules map[string]any
	// Old has retrieve give the certificate that an object had before, even
	// though a new one was asked for.
	Old bool

	t     testing.TB
	clock func() time.Time

	mu     sync.Mutex
	key    crypto.Signer
	root   *x509.Certificate
	tokens map[string]bool
	issued map[string]*object
	count  int
}

// object is a certificate that was asked for.
type object struct {
	csr    *x509.CertificateRequest
	end    time.Time
	polls  int
	chain  []byte // PEM
	before []byte // of the one before
}

// Start starts a server for a test.
func Start(t testing.TB, clock func() time.Time) *Server {
	t.Helper()
	s := &Server{
		t: t, clock: clock, TokenLife: time.Hour, tokens: map[string]bool{}, issued: map[string]*object{},
		Policy: map[string]any{
			"WildcardsAllowed": true, "SubjAltNameDnsAllowed": true, "SubjAltNameIpAllowed": true, "SubjAltNameEmailAllowed": true, "SubjAltNameUriAllowed": true,
			"UniqueSubjectEnforced": false, "KeyPair": map[string]any{"KeyAlgorithm": map[string]any{"Locked": false, "Value": "RSA"}, "KeySize": map[string]any{"Locked": true, "Value": 2048}},
		},
		Rules: map[string]any{
			"id": "template-1", "name": Template, "subjectCNRegexes": []string{".*"}, "sanRegexes": []string{".*"},
			"subjectORegexes": []string{".*"}, "subjectOURegexes": []string{".*"}, "subjectLRegexes": []string{".*"}, "subjectSTRegexes": []string{".*"}, "subjectCValues": []string{".*"},
			"keyTypes": []any{map[string]any{"keyType": "RSA", "keyLengths": []int{2048, 3072}}, map[string]any{"keyType": "EC", "keyCurves": []string{"P256", "P384"}}},
		},
	}
	s.makeRoot()
	mux := http.NewServeMux()
	s.serveTPP(mux)
	s.serveSaaS(mux)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.Calls = append(s.Calls, r.Method+" "+r.URL.Path)
		if s.Override == nil || !s.Override(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	web.StartTLS()
	t.Cleanup(web.Close)
	s.URL = web.URL
	s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	return s
}

// Change changes the server, between two requests, or looks at it.
func (s *Server) Change(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// EndTokens has all tokens so far refused. It is for Change.
func (s *Server) EndTokens() { clear(s.tokens) }

// Root is the certificate of the CA, PEM.
func (s *Server) Root() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.root.Raw})
}

func (s *Server) makeRoot() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	now := s.clock()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Stand-in Root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte{1, 2, 3},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	s.key = key
	if s.root, err = x509.ParseCertificate(der); err != nil {
		s.t.Fatal(err)
	}
}

// accept takes a signing request in PEM, whose signature must be good.
func (s *Server) accept(id, text string, lifetime time.Duration) error {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(bytes.TrimSpace(rest)) > 0 {
		return fmt.Errorf("PKCS10 data is invalid")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	if err := csr.CheckSignature(); err != nil {
		return err
	}
	o := &object{csr: csr, end: s.clock().Add(lifetime), polls: s.Pending}
	if before := s.issued[id]; before != nil {
		o.before = before.chain
	}
	s.issued[id] = o
	return nil
}

// collect gives the chain of a certificate, the leaf first; nil if it is not
// there yet.
func (s *Server) collect(o *object) []byte {
	if s.Old && o.before != nil {
		return o.before
	}
	if o.polls > 0 {
		o.polls--
		return nil
	}
	if o.chain != nil {
		return o.chain
	}
	s.count++
	now := s.clock()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(int64(1000 + s.count)), RawSubject: o.csr.RawSubject, NotBefore: now.Add(-time.Minute), NotAfter: o.end,
		DNSNames: o.csr.DNSNames, IPAddresses: o.csr.IPAddresses, EmailAddresses: o.csr.EmailAddresses, URIs: o.csr.URIs,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}, s.root, o.csr.PublicKey, s.key)
	if err != nil {
		s.t.Errorf("sign: %v", err)
		return nil
	}
	o.chain = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), s.Root()...)
	return o.chain
}

// newToken gives a token that is good until it is ended.
func (s *Server) newToken() string {
	s.Logins++
	token := fmt.Sprintf("token-%d-%s", s.Logins, strings.ToLower(rand.Text()))
	s.tokens[token] = true
	return token
}

// authorized says whether the request has a good token, and refuses it if not.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if ok && (token == AccessToken || s.tokens[token]) {
		return true
	}
	Reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token", "error_description": "The access token is unknown, expired, or revoked"})
	return false
}

// Reply answers with JSON.
func Reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

// read reads the JSON of a request into a value. Fields that the API does not
// have are a mistake of the client's.
func (s *Server) read(w http.ResponseWriter, r *http.Request, into any) bool {
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		s.t.Errorf("%s: Content-Type %q", r.URL.Path, kind)
	}
	text, err := io.ReadAll(r.Body)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(into)
	}
	if err != nil {
		s.t.Errorf("%s: %v in %s", r.URL.Path, err, text)
		badRequest(w, err.Error())
		return false
	}
	if strings.HasSuffix(r.URL.Path, "/request") || strings.HasSuffix(r.URL.Path, "/certificaterequests") {
		var body map[string]any
		if err := json.Unmarshal(text, &body); err != nil {
			s.t.Error(err)
		}
		s.Received = append(s.Received, body)
	}
	return true
}
