package acme

import (
	"crypto"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// scriptedServer is an ACME server that checks each request as RFC 8555 demands, and then says what the test wrote down for the
// request's path.
type scriptedServer struct {
	*httptest.Server
	t      *testing.T
	key    crypto.PublicKey // the account's
	verify bool             // false lets requests through unchecked

	mu        sync.Mutex
	counter   int
	live      map[string]bool // nonces given out and not used
	badNonces int             // how many more POSTs are refused with badNonce
	script    map[string][]reply
	received  []receivedRequest
}

// reply is one scripted response. The last one of a path is repeated.
type reply struct {
	status int // 200 if zero
	header map[string]string
	body   string
	handle http.HandlerFunc // instead of the above
}

// receivedRequest is one request that was seen.
type receivedRequest struct {
	method, path string
	header       http.Header
	nonce        string
	keyID        string
	embeddedKey  bool
	payload      string
}

func newScriptedServer(t *testing.T, key crypto.PublicKey) *scriptedServer {
	t.Helper()
	s := &scriptedServer{t: t, key: key, verify: true, live: map[string]bool{}, script: map[string][]reply{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.on("/directory", reply{body: fmt.Sprintf(`{"newNonce":"%[1]s/nonce","newAccount":"%[1]s/new-account","newOrder":"%[1]s/new-order","renewalInfo":"%[1]s/renewal"}`, s.URL)})
	return s
}

// on sets what a path answers, in turn.
func (s *scriptedServer) on(path string, replies ...reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[path] = replies
}

// requests lists what was asked of a path; of all paths if it is empty.
func (s *scriptedServer) requests(path string) []receivedRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	var matching []receivedRequest
	for _, r := range s.received {
		if path == "" || r.path == path {
			matching = append(matching, r)
		}
	}
	return matching
}

func (s *scriptedServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	seen := receivedRequest{method: r.Method, path: r.URL.Path, header: r.Header}
	refuse := false
	if r.Method == http.MethodPost {
		refuse = s.checkPost(r, &seen)
	}
	s.received = append(s.received, seen)
	if r.Method == http.MethodPost || r.URL.Path == "/nonce" {
		s.counter++
		nonce := fmt.Sprintf("nonce-%d", s.counter)
		s.live[nonce] = true
		w.Header().Set("Replay-Nonce", nonce)
	}
	var next reply
	if replies := s.script[r.URL.Path]; !refuse && len(replies) > 0 {
		if next = replies[0]; len(replies) > 1 {
			s.script[r.URL.Path] = replies[1:]
		}
	} else if !refuse && r.URL.Path != "/nonce" {
		s.t.Errorf("unexpected %s %s", r.Method, r.URL.Path)
	}
	s.mu.Unlock()

	if refuse {
		next = problemReply(http.StatusBadRequest, "badNonce", "JWS has an invalid anti-replay nonce: "+seen.nonce)
	}
	if next.handle != nil {
		next.handle(w, r)
		return
	}
	if next.body != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	for name, value := range next.header {
		w.Header().Set(name, value)
	}
	if next.status != 0 {
		w.WriteHeader(next.status)
	}
	_, _ = io.WriteString(w, next.body)
}

// checkPost does what a server does with a signed request. It tells whether the nonce is to be refused.
func (s *scriptedServer) checkPost(r *http.Request, seen *receivedRequest) (refuse bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("read request: %v", err)
		return false
	}
	if got := r.Header.Get("Content-Type"); got != "application/jose+json" {
		s.t.Errorf("POST %s: content type %q", r.URL.Path, got)
	}
	if r.UserAgent() == "" {
		s.t.Errorf("POST %s: no User-Agent", r.URL.Path)
	}
	object, err := jose.ParseSignedJSON(string(body), []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.RS256})
	if err != nil || len(object.Signatures) != 1 {
		s.t.Errorf("POST %s: parse JWS: %v", r.URL.Path, err)
		return false
	}
	header := object.Signatures[0].Protected
	seen.nonce, seen.keyID, seen.embeddedKey = header.Nonce, header.KeyID, header.JSONWebKey != nil
	if s.verify {
		payload, err := object.Verify(s.key)
		if err != nil {
			s.t.Errorf("POST %s: verify JWS: %v", r.URL.Path, err)
		}
		seen.payload = string(payload)
	}
	if got, want := header.ExtraHeaders["url"], s.URL+r.URL.RequestURI(); got != want {
		s.t.Errorf("POST %s: url header %v, want %v", r.URL.Path, got, want)
	}
	if (seen.keyID != "") == seen.embeddedKey {
		s.t.Errorf("POST %s: want exactly one of kid and jwk", r.URL.Path)
	}
	if !s.live[seen.nonce] {
		s.t.Errorf("POST %s: nonce %q was never given out, or is used", r.URL.Path, seen.nonce)
	}
	delete(s.live, seen.nonce)
	if s.badNonces > 0 {
		s.badNonces--
		return true
	}
	return false
}

// problemReply answers with a problem document.
func problemReply(status int, kind, detail string) reply {
	document, _ := json.Marshal(map[string]any{"type": typePrefix + kind, "detail": detail, "status": status})
	return reply{status: status, header: map[string]string{"Content-Type": "application/problem+json; charset=utf-8"}, body: string(document)}
}

// with adds a header to a reply.
func (r reply) with(name, value string) reply {
	header := map[string]string{name: value}
	for n, v := range r.header {
		header[n] = v
	}
	r.header = header
	return r
}

// testKey is an account key for tests that do not care which.
func testKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := GenerateAccountKey(KeyECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rsaKey is made once: it is slow to make.
var rsaKey = sync.OnceValues(func() (crypto.Signer, error) { return GenerateAccountKey(KeyRSA2048) })

// testNow is the time of every clock in these tests.
var testNow = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// newTestClient is a client with an account at a scripted server.
func newTestClient(t *testing.T, adjust ...func(*Config)) (*Client, *scriptedServer) {
	t.Helper()
	key := testKey(t)
	s := newScriptedServer(t, key.Public())
	config := Config{
		DirectoryURL: s.URL + "/directory",
		HTTPClient:   s.Client(),
		Key:          key,
		AccountURL:   s.URL + "/account/1",
		Clock:        func() time.Time { return testNow },
	}
	for _, f := range adjust {
		f(&config)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

// expand replaces $URL by the server's URL.
func (s *scriptedServer) expand(text string) string { return strings.ReplaceAll(text, "$URL", s.URL) }
