package issuers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// acmeServer is as much of an ACME server as accounts need. It believes every
// signature; what it is asked is written down.
type acmeServer struct {
	*httptest.Server

	mu       sync.Mutex
	accounts map[string]*testAccount // by public key
	asked    []string
	// refuse may answer instead of the server: with a status, the type of a
	// problem and more headers. Status 0 lets the server answer.
	refuse   func(what string) (status int, problem string, header http.Header)
	needsEAB bool
	// silent leaves contacts out of the answers, as some CAs do.
	silent      bool
	losesAnswer bool
	forgot      int
}

type testAccount struct {
	url, status string
	contact     []string
	kid         string // of the external account
}

func startACME(t *testing.T) *acmeServer {
	t.Helper()
	s := &acmeServer{accounts: map[string]*testAccount{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *acmeServer) directory() string { return s.URL + "/directory" }

// take returns what was asked since the last time, nonces aside.
func (s *acmeServer) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := strings.Join(s.asked, ", ")
	s.asked = nil
	return asked
}

// forget is what happens to a CA that is set up anew.
func (s *acmeServer) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts = map[string]*testAccount{}
	s.forgot++
}

func (s *acmeServer) only() *testAccount {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, account := range s.accounts {
		return account
	}
	return nil
}

func (s *acmeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Replay-Nonce", "bm9uY2U")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/directory":
		if !s.refused(w, "directory") {
			json.NewEncoder(w).Encode(map[string]string{ //nolint:errchkjson // of strings
				"newNonce": s.URL + "/nonce", "newAccount": s.URL + "/new-account", "newOrder": s.URL + "/new-order",
				"revokeCert": s.URL + "/revoke", "keyChange": s.URL + "/key-change",
			})
		}
	case r.URL.Path == "/new-account":
		s.newAccount(w, r)
	case strings.HasPrefix(r.URL.Path, "/account/"):
		s.update(w, r)
	case r.URL.Path == "/new-order":
		problem(w, http.StatusBadRequest, "accountDoesNotExist")
	case r.URL.Path == "/key-change":
		s.changeKey(w, r)
	case r.URL.Path == "/revoke":
		var payload struct {
			Reason int `json:"reason"`
		}
		what := "revoke by key"
		if header := readJWS(r, &payload); header.KeyID != "" {
			what = "revoke by account"
		}
		s.refused(w, fmt.Sprintf("%s for %d", what, payload.Reason))
	}
}

// changeKey gives an account another key. With losesAnswer the account gets
// it, and nobody is told.
func (s *acmeServer) changeKey(w http.ResponseWriter, r *http.Request) {
	var inner struct {
		Protected string `json:"protected"`
		Payload   string `json:"payload"`
	}
	readJWS(r, &inner)
	if s.refused(w, "change key") {
		return
	}
	var header protectedHeader
	decode(inner.Protected, &header)
	var payload struct {
		OldKey json.RawMessage `json:"oldKey"`
	}
	decode(inner.Payload, &payload)
	account := s.accounts[string(payload.OldKey)]
	if account == nil || s.accounts[string(header.JWK)] != nil {
		problem(w, http.StatusConflict, "malformed")
		return
	}
	delete(s.accounts, string(payload.OldKey))
	s.accounts[string(header.JWK)] = account
	if s.losesAnswer {
		s.losesAnswer = false
		panic(http.ErrAbortHandler)
	}
}

func (s *acmeServer) newAccount(w http.ResponseWriter, r *http.Request) {
	var payload struct {
		Contact            []string `json:"contact"`
		OnlyReturnExisting bool     `json:"onlyReturnExisting"`
		EAB                *struct {
			Protected string `json:"protected"`
		} `json:"externalAccountBinding"`
	}
	protected := readJWS(r, &payload)
	what := "create"
	if payload.OnlyReturnExisting {
		what = "find"
	}
	if s.refused(w, what) {
		return
	}
	key := string(protected.JWK)
	account := s.accounts[key]
	switch {
	case account != nil:
	case payload.OnlyReturnExisting:
		problem(w, http.StatusBadRequest, "accountDoesNotExist")
		return
	case s.needsEAB && payload.EAB == nil:
		problem(w, http.StatusUnauthorized, "externalAccountRequired")
		return
	default:
		account = &testAccount{url: fmt.Sprintf("%s/account/%d", s.URL, len(s.accounts)+1+100*s.forgot), status: "valid", contact: payload.Contact}
		if payload.EAB != nil {
			var inner struct {
				KeyID string `json:"kid"`
			}
			decode(payload.EAB.Protected, &inner)
			account.kid = inner.KeyID
		}
		s.accounts[key] = account
		w.Header().Set("Location", account.url)
		w.WriteHeader(http.StatusCreated)
		s.show(w, account)
		return
	}
	w.Header().Set("Location", account.url)
	s.show(w, account)
}

func (s *acmeServer) update(w http.ResponseWriter, r *http.Request) {
	var payload struct {
		Contact []string `json:"contact"`
		Status  string   `json:"status"`
	}
	readJWS(r, &payload)
	what := "update"
	if payload.Status != "" {
		what = "deactivate"
	}
	if s.refused(w, what) {
		return
	}
	for _, account := range s.accounts {
		if !strings.HasSuffix(account.url, r.URL.Path) {
			continue
		}
		if payload.Status != "" {
			account.status = payload.Status
		} else {
			account.contact = payload.Contact
		}
		s.show(w, account)
	}
}

func (s *acmeServer) show(w http.ResponseWriter, account *testAccount) {
	document := map[string]any{"status": account.status}
	if !s.silent {
		document["contact"] = account.contact
	}
	json.NewEncoder(w).Encode(document) //nolint:errchkjson // of strings
}

func (s *acmeServer) refused(w http.ResponseWriter, what string) bool {
	s.asked = append(s.asked, what)
	if s.refuse == nil {
		return false
	}
	status, kind, header := s.refuse(what)
	if status == 0 {
		return false
	}
	for name := range header {
		w.Header().Set(name, header.Get(name))
	}
	problem(w, status, kind)
	return true
}

// problem answers with a problem document; without a kind, as something that
// is no ACME server.
func problem(w http.ResponseWriter, status int, kind string) {
	if kind == "" {
		http.Error(w, "<h1>Sorry</h1>", status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"urn:ietf:params:acme:error:%s","detail":"not today"}`, kind)
}

type protectedHeader struct {
	JWK   json.RawMessage `json:"jwk"`
	KeyID string          `json:"kid"`
}

func readJWS(r *http.Request, payload any) protectedHeader {
	var jws struct {
		Protected string `json:"protected"`
		Payload   string `json:"payload"`
	}
	if err := json.NewDecoder(r.Body).Decode(&jws); err != nil {
		return protectedHeader{}
	}
	var header protectedHeader
	decode(jws.Protected, &header)
	decode(jws.Payload, payload)
	return header
}

func decode(text string, into any) {
	if raw, err := base64.RawURLEncoding.DecodeString(text); err == nil {
		_ = json.Unmarshal(raw, into) // an empty payload stays empty
	}
}
