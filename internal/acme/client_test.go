package acme

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	valid := Config{DirectoryURL: "https://ca.example/directory", HTTPClient: http.DefaultClient}
	for name, test := range map[string]struct {
		adjust func(*Config)
		want   string
	}{
		"no directory":       {func(c *Config) { c.DirectoryURL = "" }, "directory URL"},
		"relative directory": {func(c *Config) { c.DirectoryURL = "/directory" }, "directory URL"},
		"file directory":     {func(c *Config) { c.DirectoryURL = "file:///etc/passwd" }, "directory URL"},
		"password in URL":    {func(c *Config) { c.DirectoryURL = "https://me:secret@ca.example/" }, "directory URL"},
		"no HTTP client":     {func(c *Config) { c.HTTPClient = nil }, "HTTP client"},
		"unusable key":       {func(c *Config) { c.Key = p521 }, "account key"},
		"relative account":   {func(c *Config) { c.AccountURL = "account/1" }, "account URL"},
	} {
		config := valid
		test.adjust(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one about the %s", name, err, test.want)
		}
	}
	if _, err := New(valid); err != nil {
		t.Errorf("a directory and an HTTP client should be enough: %v", err)
	}
}

func TestRequestWithoutKeyOrAccountIsNotSent(t *testing.T) {
	t.Parallel()
	keyless, s := newTestClient(t, func(c *Config) { c.Key = nil })
	if _, err := keyless.GetOrder(t.Context(), s.URL+"/order/1"); err == nil {
		t.Error("a client without a key signed a request")
	}
	if _, err := keyless.NewAccount(t.Context(), AccountRequest{}); err == nil {
		t.Error("a client without a key created an account")
	}
	if _, err := keyless.KeyAuthorization("token"); err == nil {
		t.Error("a client without a key made a key authorization")
	}
	accountless, s2 := newTestClient(t, func(c *Config) { c.AccountURL = "" })
	if _, err := accountless.GetOrder(t.Context(), s2.URL+"/order/1"); err == nil {
		t.Error("a client without an account fetched an order")
	}
	if _, err := accountless.GetOrder(t.Context(), "ftp://ca.example/order/1"); err == nil {
		t.Error("a client fetched an order by ftp")
	}
	if got := len(s.requests("")) + len(s2.requests("")); got != 0 {
		t.Errorf("%d requests were sent, want none", got)
	}
}

func TestClientsShareNoncesAndDirectory(t *testing.T) {
	t.Parallel()
	nonces, directory := new(NoncePool), new(DirectoryCache)
	first, s := newTestClient(t, func(c *Config) { c.Nonces, c.Directory = nonces, directory })
	second := first.WithAccount(s.URL + "/account/2")
	s.on("/order/1", reply{body: `{"status":"pending"}`})
	for _, client := range []*Client{first, second, first} {
		if _, err := client.GetOrder(t.Context(), s.URL+"/order/1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.requests("/directory")); got != 1 {
		t.Errorf("directory fetched %d times, want once", got)
	}
	if got := len(s.requests("/nonce")); got != 1 {
		t.Errorf("nonce fetched %d times, want once: each answer brings the next", got)
	}
	posts := s.requests("/order/1")
	if got, want := posts[1].keyID, s.URL+"/account/2"; got != want {
		t.Errorf("kid = %q, want %q", got, want)
	}
	if got, want := first.AccountURL(), s.URL+"/account/1"; got != want {
		t.Errorf("WithAccount changed the client it was called on: %q, want %q", got, want)
	}
}

func TestClientIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.badNonces = 5
	var group sync.WaitGroup
	for i := range 8 {
		path := fmt.Sprintf("/order/%d", i)
		s.on(path, reply{body: `{"status":"pending"}`})
		group.Go(func() {
			for range 5 {
				if _, err := c.GetOrder(t.Context(), s.URL+path); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
