package worker

import (
	"net/http"
	"sync"
	"testing"
)

// acmeDNSAPI stands in for acme-dns, which keeps the two newest values.
type acmeDNSAPI struct {
	mu     sync.Mutex
	values []string
}

func (a *acmeDNSAPI) serve(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /update", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-User") != "c36f50e8-4632-44f0-83fe-e070fef28a10" || r.Header.Get("X-Api-Key") != "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z" {
			reply(w, 401, map[string]any{"error": "forbidden"})
			return
		}
		body := strictly(t, w, r, "subdomain", "txt")
		if body == nil {
			return
		}
		if body["subdomain"] != "8e5700ea-a4bf-41c7-8a77-e990661dcc6a" || len(body["txt"].(string)) != 43 {
			reply(w, 400, map[string]any{"error": "bad_txt"})
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.values = append(a.values, body["txt"].(string))
		a.values = a.values[max(0, len(a.values)-2):]
		reply(w, 200, map[string]any{"txt": body["txt"]})
	})
	return mux
}

// accounts are as the tools that register accounts write them, with fields that
// do not matter here.
const accounts = `{"example.com": {"username": "c36f50e8-4632-44f0-83fe-e070fef28a10", "password": "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z",
	"fulldomain": "8e5700ea-a4bf-41c7-8a77-e990661dcc6a.auth.example.net", "subdomain": "8e5700ea-a4bf-41c7-8a77-e990661dcc6a", "allowfrom": []}}`

func TestACMEDNSTakesTheAccountOfTheDomain(t *testing.T) {
	t.Parallel()
	api := &acmeDNSAPI{}
	in := newInternet(t, map[string]http.Handler{"auth.example.net": api.serve(t)})
	client := in.client(nil)
	provider := client.Provider(settings("acmedns", map[string]string{"ACME_DNS_API_BASE": "https://auth.example.net"}, map[string]string{"ACME_DNS_ACCOUNTS": accounts}), nil)
	apex, wildcard := record("apex"), record("wildcard")
	// Where the CNAME leads.
	apex.FQDN, apex.Zone = "8e5700ea-a4bf-41c7-8a77-e990661dcc6a.auth.example.net.", "auth.example.net."
	wildcard.FQDN, wildcard.Zone = apex.FQDN, apex.Zone
	for _, record := range []string{apex.Value, wildcard.Value} {
		now := apex
		if record == wildcard.Value {
			now = wildcard
		}
		if err := provider.EnsureTXT(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	if len(api.values) != 2 || api.values[0] != apex.Value || api.values[1] != wildcard.Value {
		t.Errorf("got %q", api.values)
	}
	if err := provider.RemoveTXT(t.Context(), apex); err != nil {
		t.Error(err)
	}
}

func TestADomainWithoutAnACMEDNSAccountStalls(t *testing.T) {
	t.Parallel()
	in := newInternet(t, nil) // nothing is registered on the way
	provider := in.client(nil).Provider(settings("acmedns", map[string]string{"ACME_DNS_API_BASE": "https://auth.example.net"}, map[string]string{"ACME_DNS_ACCOUNTS": accounts}), nil)
	other := record("x")
	other.Domain, other.FQDN, other.Zone = "example.org", "_acme-challenge.example.org.", "example.org."
	err := provider.EnsureTXT(t.Context(), other)
	if err == nil || err.Error() != "there is no account for example.org among those given: register one at the server and add it" || !IsStalled(err) {
		t.Errorf("got %v", err)
	}
}
