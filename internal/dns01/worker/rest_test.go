package worker

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// recordsAPI stands in for APIs that give each value an ID.
type recordsAPI struct {
	t *testing.T
	http.Handler

	mu      sync.Mutex
	next    int
	records map[string]map[string]any
}

func (a *recordsAPI) add(fields map[string]any) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	id := fmt.Sprint(1000 + a.next)
	a.records[id] = fields
	return id
}

// values are those of one field, without quotes.
func (a *recordsAPI) values(field string) func() []string {
	return func() []string {
		a.mu.Lock()
		defer a.mu.Unlock()
		var values []string
		for _, fields := range a.records {
			values = append(values, strings.Trim(fields[field].(string), `"`))
		}
		return values
	}
}

func (a *recordsAPI) remove(w http.ResponseWriter, id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.records[id]; !ok {
		http.Error(w, `{"error":"no such record"}`, http.StatusNotFound)
		return false
	}
	delete(a.records, id)
	return true
}

// strictly reads a body that has exactly these fields.
func strictly(t *testing.T, w http.ResponseWriter, r *http.Request, fields ...string) map[string]any {
	var body map[string]any
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &body)
	}
	if err == nil && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		err = fmt.Errorf("content type %q", r.Header.Get("Content-Type"))
	}
	for _, field := range fields {
		if _, ok := body[field]; err == nil && !ok {
			err = fmt.Errorf("no field %s", field)
		}
	}
	if err == nil && len(body) != len(fields) {
		err = fmt.Errorf("fields besides %q", fields)
	}
	if err != nil {
		t.Errorf("%s %s: %v: %s", r.Method, r.URL, err, text)
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return nil
	}
	return body
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// authorized refuses requests without the header.
func authorized(handler http.Handler, headers map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			if r.Header.Get(name) != value {
				// As some do: with what it was sent.
				reply(w, http.StatusForbidden, map[string]any{"success": false, "errors": []any{map[string]any{"code": 9109, "message": "Invalid " + r.Header.Get(name)}}})
				return
			}
		}
		handler.ServeHTTP(w, r)
	})
}

func cloudflareAPI(t *testing.T, headers map[string]string) *recordsAPI {
	a := &recordsAPI{t: t, records: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /client/v4/zones", func(w http.ResponseWriter, r *http.Request) {
		zones := []any{}
		if r.URL.Query().Get("name") == "example.com" {
			zones = append(zones, map[string]any{"id": "0f0f", "name": "example.com"})
		}
		reply(w, 200, map[string]any{"success": true, "result": zones, "result_info": map[string]any{"total_pages": 1}})
	})
	mux.HandleFunc("GET /client/v4/zones/0f0f/dns_records", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		found := []any{}
		for id, fields := range a.records {
			if fields["name"] == r.URL.Query().Get("name") && fields["type"] == r.URL.Query().Get("type") {
				found = append(found, map[string]any{"id": id, "name": fields["name"], "type": "TXT", "content": fields["content"], "ttl": fields["ttl"], "proxied": false})
			}
		}
		reply(w, 200, map[string]any{"success": true, "result": found, "result_info": map[string]any{"total_pages": 1}})
	})
	mux.HandleFunc("POST /client/v4/zones/0f0f/dns_records", func(w http.ResponseWriter, r *http.Request) {
		body := strictly(t, w, r, "type", "name", "content", "ttl")
		if body == nil {
			return
		}
		if body["ttl"] != 120.0 {
			t.Errorf("got TTL %v", body["ttl"])
		}
		for _, fields := range a.records {
			if fields["content"] == body["content"] {
				reply(w, 400, map[string]any{"success": false, "errors": []any{map[string]any{"code": 81058, "message": "An identical record already exists."}}})
				return
			}
		}
		body["id"] = a.add(body)
		reply(w, 200, map[string]any{"success": true, "result": body})
	})
	mux.HandleFunc("DELETE /client/v4/zones/0f0f/dns_records/{id}", func(w http.ResponseWriter, r *http.Request) {
		if a.remove(w, r.PathValue("id")) {
			reply(w, 200, map[string]any{"success": true, "result": map[string]any{"id": r.PathValue("id")}})
		}
	})
	a.Handler = authorized(mux, headers)
	return a
}

func digitalOceanAPI(t *testing.T) *recordsAPI {
	a := &recordsAPI{t: t, records: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/domains/example.com/records", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		found := []any{}
		for id, fields := range a.records {
			if fields["name"].(string)+".example.com" == r.URL.Query().Get("name") && fields["type"] == r.URL.Query().Get("type") {
				found = append(found, map[string]any{"id": json.Number(id), "type": "TXT", "name": fields["name"], "data": fields["data"], "ttl": fields["ttl"]})
			}
		}
		reply(w, 200, map[string]any{"domain_records": found, "links": map[string]any{}, "meta": map[string]any{"total": len(found)}})
	})
	mux.HandleFunc("POST /v2/domains/example.com/records", func(w http.ResponseWriter, r *http.Request) {
		if body := strictly(t, w, r, "type", "name", "data", "ttl"); body != nil {
			reply(w, 201, map[string]any{"domain_record": map[string]any{"id": json.Number(a.add(body)), "type": "TXT"}})
		}
	})
	mux.HandleFunc("DELETE /v2/domains/example.com/records/{id}", func(w http.ResponseWriter, r *http.Request) {
		if a.remove(w, r.PathValue("id")) {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	a.Handler = authorized(mux, map[string]string{"Authorization": "Bearer do-token"})
	return a
}

func netlifyAPI(t *testing.T) *recordsAPI {
	a := &recordsAPI{t: t, records: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/dns_zones/example_com/dns_records", func(w http.ResponseWriter, r *http.Request) {
		if body := strictly(t, w, r, "hostname", "type", "ttl", "value"); body != nil {
			reply(w, 201, map[string]any{"id": a.add(body), "hostname": body["hostname"], "type": "TXT", "value": body["value"]})
		}
	})
	mux.HandleFunc("DELETE /api/v1/dns_zones/example_com/dns_records/{id}", func(w http.ResponseWriter, r *http.Request) {
		if a.remove(w, r.PathValue("id")) {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	a.Handler = authorized(mux, map[string]string{"Authorization": "Bearer netlify-token"})
	return a
}

// The two ways to authenticate to Cloudflare.
var cloudflareCredentials = map[string]struct {
	headers, config, credentials map[string]string
}{
	"token": {map[string]string{"Authorization": "Bearer cf-token"}, nil, map[string]string{"CF_DNS_API_TOKEN": "cf-token"}},
	"key": {
		map[string]string{"X-Auth-Key": "cf-key", "X-Auth-Email": "me@example.com"},
		map[string]string{"CF_API_EMAIL": "me@example.com"}, map[string]string{"CF_API_KEY": "cf-key"},
	},
}

func TestCloudflareKeepsTwoValuesApart(t *testing.T) {
	t.Parallel()
	for name, auth := range cloudflareCredentials {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := cloudflareAPI(t, auth.headers)
			api.add(map[string]any{"type": "TXT", "name": "_acme-challenge.example.com", "content": "somebody else's", "ttl": 1.0})
			in := newInternet(t, map[string]http.Handler{"api.cloudflare.com": api})
			twoValues(t, func() *Provider { // each operation without what an earlier one knew
				return in.client(nil).Provider(settings("cloudflare", auth.config, auth.credentials), nil)
			}, "somebody else's", api.values("content"))
		})
	}
}

func TestARefusedTokenStallsAndIsNotShown(t *testing.T) {
	t.Parallel()
	in := newInternet(t, map[string]http.Handler{"api.cloudflare.com": cloudflareAPI(t, cloudflareCredentials["token"].headers)})
	err := in.client(nil).Provider(settings("cloudflare", nil, map[string]string{"CF_DNS_API_TOKEN": "stolen-secret-1"}), nil).EnsureTXT(t.Context(), record("x"))
	want := `Cloudflare refuses the credentials: answer 403: {"errors":[{"code":9109,"message":"Invalid Bearer [secret]"}],"success":false}`
	if err == nil || err.Error() != want || !IsStalled(err) {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestDigitalOceanKeepsTwoValuesApart(t *testing.T) {
	t.Parallel()
	api := digitalOceanAPI(t)
	api.add(map[string]any{"type": "TXT", "name": "_acme-challenge", "data": "somebody else's", "ttl": 1.0})
	in := newInternet(t, map[string]http.Handler{"api.digitalocean.com": api})
	twoValues(t, func() *Provider {
		return in.client(nil).Provider(settings("digitalocean", nil, map[string]string{"DO_AUTH_TOKEN": "do-token"}), nil)
	}, "somebody else's", api.values("data"))
}

// One of those that keep the ID of the record in memory.
func TestAProviderThatRemembersIsToldWhatItSaid(t *testing.T) {
	t.Parallel()
	api := netlifyAPI(t)
	in := newInternet(t, map[string]http.Handler{"api.netlify.com": api})
	client := in.client(nil)
	twoValues(t, func() *Provider {
		return client.Provider(settings("netlify", nil, map[string]string{"NETLIFY_TOKEN": "netlify-token"}), nil)
	}, "", api.values("value"))
	if len(client.notes) != 0 {
		t.Errorf("the client still remembers %v", client.notes)
	}
}

func TestAProviderThatHasForgottenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	api := netlifyAPI(t)
	in := newInternet(t, map[string]http.Handler{"api.netlify.com": api})
	err := in.client(nil).Provider(settings("netlify", nil, map[string]string{"NETLIFY_TOKEN": "netlify-token"}), nil).RemoveTXT(t.Context(), record("x"))
	want := "what netlify answered when the record _acme-challenge.example.com was written is lost; if the record is there, remove it by hand"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !IsStalled(err) {
		t.Errorf("got %v", err)
	}
}

func TestTheMemoryOfAnotherRecordIsRefused(t *testing.T) {
	t.Parallel()
	api := netlifyAPI(t)
	in := newInternet(t, map[string]http.Handler{"api.netlify.com": api})
	provider := in.client(nil).Provider(settings("netlify", nil, map[string]string{"NETLIFY_TOKEN": "netlify-token"}), &slip{})
	if err := provider.EnsureTXT(t.Context(), record("one")); err != nil {
		t.Fatal(err)
	}
	if err := provider.RemoveTXT(t.Context(), record("other")); err == nil || !strings.Contains(err.Error(), "altered") {
		t.Errorf("got %v", err)
	}
	if got := api.values("value")(); len(got) != 1 {
		t.Errorf("the record has %q", got)
	}
}
