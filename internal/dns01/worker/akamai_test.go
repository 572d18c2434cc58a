package worker

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// akamaiAPI stands in for Edge DNS.
type akamaiAPI struct {
	t      *testing.T
	mu     sync.Mutex
	values []string
}

var edgeGrid = regexp.MustCompile(`^EG1-HMAC-SHA256 client_token=client-token-1;access_token=access-token-1;timestamp=\d{8}T\d\d:\d\d:\d\d\+0000;nonce=[^;]+;signature=\S+$`)

func (a *akamaiAPI) serve() http.Handler {
	mux := http.NewServeMux()
	path := "/config-dns/v2/zones/example.com/names/_acme-challenge.example.com./types/TXT"
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.values) == 0 {
			reply(w, 404, map[string]any{"type": "x", "title": "Not Found", "status": 404})
			return
		}
		var data []string
		for _, value := range a.values {
			data = append(data, fmt.Sprintf("%q", value))
		}
		reply(w, 200, map[string]any{"name": "_acme-challenge.example.com.", "type": "TXT", "ttl": 300, "rdata": data})
	})
	write := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body := strictly(a.t, w, r, "name", "type", "ttl", "rdata")
			if body == nil {
				return
			}
			if body["ttl"] != 300.0 {
				a.t.Errorf("got TTL %v", body["ttl"])
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.values = nil
			for _, value := range body["rdata"].([]any) {
				a.values = append(a.values, strings.Trim(value.(string), `"`))
			}
			reply(w, status, body)
		}
	}
	mux.HandleFunc("POST "+path, write(201))
	mux.HandleFunc("PUT "+path, write(200))
	mux.HandleFunc("DELETE "+path, func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.values = nil
		w.WriteHeader(http.StatusNoContent)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !edgeGrid.MatchString(r.Header.Get("Authorization")) {
			a.t.Errorf("not signed: %q", r.Header.Get("Authorization"))
		}
		mux.ServeHTTP(w, r)
	})
}

func TestAkamaiKeepsTwoValuesApart(t *testing.T) {
	t.Parallel()
	for _, foreign := range []string{"somebody else's", ""} {
		api := &akamaiAPI{t: t}
		if foreign != "" {
			api.values = []string{foreign}
		}
		in := newInternet(t, map[string]http.Handler{"akab-1.luna.akamaiapis.net": api.serve()})
		twoValues(t, func() *Provider {
			return in.client(nil).Provider(settings("edgedns", map[string]string{"AKAMAI_HOST": "akab-1.luna.akamaiapis.net", "AKAMAI_TTL": "300"}, map[string]string{
				"AKAMAI_CLIENT_TOKEN": "client-token-1", "AKAMAI_CLIENT_SECRET": "client-secret-1", "AKAMAI_ACCESS_TOKEN": "access-token-1",
			}), nil)
		}, foreign, func() []string {
			api.mu.Lock()
			defer api.mu.Unlock()
			return slices.Clone(api.values)
		})
	}
}
