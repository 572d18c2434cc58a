package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// serve runs a server of a DNS provider in the node's network.
func (z *zones) serve(handler http.Handler) (url string) {
	z.Helper()
	listener, err := z.network.listen(z.Context(), nodeAddress)
	if err != nil {
		z.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close() // of this machine's network, and not used
	server.Listener = listener
	server.Start()
	z.Cleanup(server.Close)
	return server.URL
}

// provider is what the stand-ins have in common. They put the records into BIND,
// as what they stand in for has a DNS server behind it.
type provider struct {
	*zones
	zone string

	mu     sync.Mutex
	keys   map[string]bool     // whether they are right
	seen   map[string]bool     // the keys that were shown
	values map[string][]string // by name
}

func (z *zones) provider(zone string, keys ...string) *provider {
	p := &provider{zones: z, zone: zone, keys: map[string]bool{}, seen: map[string]bool{}, values: map[string][]string{}}
	for _, key := range keys {
		p.keys[key] = true
	}
	return p
}

// knows tells whether a request has a key that is right, and keeps in mind which
// one it has.
func (p *provider) knows(r *http.Request) bool {
	key := r.Header.Get("X-Api-Key")
	p.seen[key] = true
	return p.keys[key]
}

// shown are the keys that were shown since it was asked last.
func (p *provider) shown() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = map[string]bool{}
	return seen
}

// write answers with an error if it fails.
func (p *provider) write(w http.ResponseWriter, r *http.Request, name string, values []string) bool {
	if err := p.bind.Replace(r.Context(), p.zones.keys[p.zone], p.zone, name, values...); err != nil {
		reply(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return false
	}
	p.values[name] = values
	return true
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who has gone does not miss it
}

// strictly reads a body, and refuses fields that the API does not have.
func strictly(w http.ResponseWriter, r *http.Request, body any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(body); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return false
	}
	return true
}

// acmeDNS is the API of acme-dns, with one account. It keeps the newest two
// values.
func (p *provider) acmeDNS(subdomain string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /update", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.knows(r) || r.Header.Get("X-Api-User") != subdomain {
			reply(w, http.StatusUnauthorized, map[string]string{"error": "forbidden"})
			return
		}
		var body struct{ Subdomain, Txt string }
		if !strictly(w, r, &body) {
			return
		}
		if body.Subdomain != subdomain || len(body.Txt) != 43 { // the digest of a key authorization
			reply(w, http.StatusBadRequest, map[string]string{"error": "bad_txt"})
			return
		}
		name := subdomain + "." + p.zone
		values := append(slices.Clone(p.values[name]), body.Txt)
		if p.write(w, r, name, values[max(0, len(values)-2):]) {
			reply(w, http.StatusOK, map[string]string{"txt": body.Txt})
		}
	})
	return mux
}

// rrset is a set of records as PowerDNS has it. Older versions have some fields
// twice.
type rrset struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"`
	Kind       string   `json:"kind,omitempty"`
	ChangeType string   `json:"changetype,omitempty"`
	TTL        int      `json:"ttl"`
	Records    []record `json:"records"`
}

type record struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
	Name     string `json:"name,omitempty"`
	Type     string `json:"type,omitempty"`
	TTL      int    `json:"ttl,omitempty"`
}

// powerDNS is the API of PowerDNS, with one zone.
func (p *provider) powerDNS() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if !p.knows(r) {
				http.Error(w, "Unauthorized", http.StatusUnauthorized)
				return
			}
			do(w, r)
		})
	}
	handle("GET /api", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, []map[string]any{{"url": "/api/v1", "version": 1}})
	})
	zone := "/api/v1/servers/localhost/zones/" + p.zone
	handle("GET "+zone, func(w http.ResponseWriter, _ *http.Request) {
		sets := []rrset{}
		for name, values := range p.values {
			set := rrset{Name: name, Type: "TXT", TTL: 1}
			for _, value := range values {
				set.Records = append(set.Records, record{Content: strconv.Quote(value)})
			}
			sets = append(sets, set)
		}
		reply(w, http.StatusOK, map[string]any{"id": p.zone, "name": p.zone, "kind": "Native", "rrsets": sets})
	})
	handle("PATCH "+zone, func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			RRSets []rrset `json:"rrsets"`
		}
		if strictly(w, r, &body) && p.patch(w, r, body.RRSets) {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	return mux
}

func (p *provider) patch(w http.ResponseWriter, r *http.Request, sets []rrset) bool {
	for _, set := range sets {
		var values []string
		for _, record := range set.Records {
			value, err := strconv.Unquote(record.Content)
			if err != nil {
				reply(w, http.StatusUnprocessableEntity, map[string]string{"error": "a TXT record must be in quotes"})
				return false
			}
			values = append(values, value)
		}
		if set.Type != "TXT" || !strings.HasSuffix(set.Name, "."+p.zone) || (set.ChangeType == "REPLACE") != (len(values) > 0) {
			reply(w, http.StatusUnprocessableEntity, map[string]string{"error": "not a change of TXT records of the zone"})
			return false
		}
		if !p.write(w, r, set.Name, values) {
			return false
		}
		if len(values) == 0 {
			delete(p.values, set.Name)
		}
	}
	return true
}
