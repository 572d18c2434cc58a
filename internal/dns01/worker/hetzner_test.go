package worker

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// hetznerAPI stands in for one of lego's other providers, whose API adds and
// removes values of an RRset.
type hetznerAPI struct {
	mu     sync.Mutex
	values []string
}

func (a *hetznerAPI) serve(t *testing.T, name string) http.Handler {
	mux := http.NewServeMux()
	change := func(edit func(value string)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			fields := []string{"records"}
			if strings.HasSuffix(r.URL.Path, "add_records") {
				fields = append(fields, "ttl")
			}
			body := strictly(t, w, r, fields...)
			if body == nil {
				return
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, record := range body["records"].([]any) {
				edit(strings.Trim(record.(map[string]any)["value"].(string), `"`))
			}
			reply(w, 201, map[string]any{"action": map[string]any{"id": 7, "command": "x", "status": "running"}})
		}
	}
	path := "/v1/zones/example.com/rrsets/" + name + "/TXT/actions/"
	mux.HandleFunc("POST "+path+"add_records", change(func(value string) {
		if !slices.Contains(a.values, value) {
			a.values = append(a.values, value)
		}
	}))
	mux.HandleFunc("POST "+path+"remove_records", change(func(value string) {
		a.values = slices.DeleteFunc(a.values, func(have string) bool { return have == value })
	}))
	mux.HandleFunc("GET /v1/actions/7", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"action": map[string]any{"id": 7, "command": "x", "status": "success"}})
	})
	return authorized(mux, map[string]string{"Authorization": "Bearer hetzner-token"})
}

func (a *hetznerAPI) look() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.values)
}

func TestAProviderOfLegoKeepsTwoValuesApart(t *testing.T) {
	t.Parallel()
	api := &hetznerAPI{values: []string{"somebody else's"}}
	in := newInternet(t, map[string]http.Handler{"api.hetzner.cloud": api.serve(t, "_acme-challenge")})
	twoValues(t, func() *Provider {
		return in.client(nil).Provider(settings("hetzner", nil, map[string]string{"HETZNER_API_TOKEN": "hetzner-token\n"}), nil)
	}, "somebody else's", api.look)
}

// The operator has followed a CNAME, from a zone that lego is never told of.
func TestAProviderOfLegoWritesWhereTheCNAMELeads(t *testing.T) {
	t.Parallel()
	api := &hetznerAPI{}
	in := newInternet(t, map[string]http.Handler{"api.hetzner.cloud": api.serve(t, "customer.validation")})
	provider := in.client(nil).Provider(settings("hetzner", nil, map[string]string{"HETZNER_API_TOKEN": "hetzner-token"}), nil)
	there := record("x")
	there.Domain, there.FQDN = "shop.customer.net", "customer.validation.example.com."
	if err := provider.EnsureTXT(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	if got := api.look(); !slices.Equal(got, []string{there.Value}) {
		t.Errorf("got %q", got)
	}
	if err := provider.RemoveTXT(t.Context(), there); err != nil || len(api.look()) > 0 {
		t.Errorf("got %v, %q", err, api.look())
	}
}
