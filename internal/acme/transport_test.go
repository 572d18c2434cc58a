package acme

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestServerIsTrustedByItsBundleOrNotAtAll(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		base := "https://" + r.Host
		_, _ = w.Write([]byte(`{"newNonce":"` + base + `/n","newAccount":"` + base + `/a","newOrder":"` + base + `/o"}`))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshakes are the point
	server.StartTLS()
	t.Cleanup(server.Close)
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, test := range map[string]struct {
		options HTTPOptions
		want    string // part of the summary; empty if it works
	}{
		"system roots": {HTTPOptions{}, "unknown authority"},
		"bundle":       {HTTPOptions{CABundle: bundle}, ""},
		"other bundle": {HTTPOptions{CABundle: []byte(intermediatePEM)}, "unknown authority"},
		"unverified":   {HTTPOptions{SkipTLSVerify: true}, ""},
	} {
		client, err := NewHTTPClient(test.options)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{DirectoryURL: server.URL + "/directory", HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Directory(t.Context())
		if (err == nil) != (test.want == "") || !strings.Contains(Summary(err), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		client.CloseIdleConnections()
	}
}

func TestContradictoryOrEmptyTrustIsRefused(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]HTTPOptions{
		"both":         {CABundle: []byte(intermediatePEM), SkipTLSVerify: true},
		"empty bundle": {CABundle: []byte("not PEM")},
	} {
		if _, err := NewHTTPClient(options); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRequestsHaveATimeout(t *testing.T) {
	t.Parallel()
	client, err := NewHTTPClient(HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if client.Timeout != DefaultTimeout {
		t.Errorf("timeout = %v, want %v", client.Timeout, DefaultTimeout)
	}
}

func TestDirectoryFollowsRedirectsButNotToPlainHTTP(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	good := s.script["/directory"]
	s.on("/directory", reply{status: http.StatusFound, header: map[string]string{"Location": "/v2/directory"}})
	s.on("/v2/directory", good...)
	if _, err := c.Directory(t.Context()); err != nil {
		t.Errorf("redirect within a server: %v", err)
	}

	secure := httptest.NewTLSServer(http.RedirectHandler(s.URL+"/v2/directory", http.StatusFound))
	t.Cleanup(secure.Close)
	downgraded, err := New(Config{DirectoryURL: secure.URL, HTTPClient: secure.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := downgraded.Directory(t.Context()); statusOf(err) != http.StatusFound {
		t.Errorf("redirect from https to http: %v, want the redirect itself as an error", err)
	}

	circle, s2 := newTestClient(t)
	s2.on("/directory", reply{status: http.StatusFound, header: map[string]string{"Location": "/directory"}})
	if _, err := circle.Directory(t.Context()); statusOf(err) != http.StatusFound {
		t.Errorf("redirect in a circle: %v, want the redirect itself as an error", err)
	}
	if got := len(s2.requests("/directory")); got != maxRedirects+1 {
		t.Errorf("%d requests in a circle, want %d", got, maxRedirects+1)
	}
}
