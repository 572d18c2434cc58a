package revocationlist

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFetchKeepsToItsBoundsAndTellsNothingOfWhatItReads(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret text")) }))
	t.Cleanup(other.Close)
	mux := http.NewServeMux()
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for range 11 {
			_, _ = w.Write(chunk)
		}
	})
	mux.Handle("/away", http.RedirectHandler(strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound))
	mux.Handle("/around", http.RedirectHandler("/around", http.StatusFound))
	mux.Handle("/near", http.RedirectHandler("/list", http.StatusMovedPermanently))
	mux.HandleFunc("/list", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			http.Error(w, "", http.StatusBadRequest)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for path, want := range map[string]string{
		"/large":  "it has more than 10 MiB",
		"/away":   "it can not be fetched: it leads to another host",
		"/around": "it can not be fetched: it leads on and on",
		"/none":   "it can not be fetched: status 404",
		"/near":   "",
	} {
		_, err := fetch(t.Context(), newClient(), server.URL+path)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: error %q, want %q", path, got, want)
		}
	}
}

func TestAddressesThatAreNotFetchedFrom(t *testing.T) {
	t.Parallel()
	points := []string{"ldap://a/b", "file:///etc/passwd", "http://user:word@a/b", "http:///b", "gopher://a", "http://a.example/" + strings.Repeat("a", maxAddress), "http://good.example/1.crl", "HTTPS://good.example/2.crl"}
	if got := strings.Join(addresses(points), " "); got != "http://good.example/1.crl HTTPS://good.example/2.crl" {
		t.Errorf("addresses %q", got)
	}
}
