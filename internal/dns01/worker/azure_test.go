package worker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// azureAPI stands in for the API of Azure: a record set with an ETag.
type azureAPI struct {
	t       *testing.T
	kind    string // of zones
	version string
	fields  [2]string // names of TTL and records

	mu     sync.Mutex
	values []string
	tag    int
	rivals int // how often somebody else is faster
}

func (a *azureAPI) serve() http.Handler {
	mux := http.NewServeMux()
	path := "/subscriptions/sub-1/resourceGroups/group-1/providers/Microsoft.Network/" + a.kind + "/example.com/TXT/_acme-challenge"
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.values) == 0 {
			reply(w, 404, map[string]any{"code": "NotFound", "message": "The resource record '_acme-challenge' does not exist"})
			return
		}
		records := []any{}
		for _, value := range a.values {
			records = append(records, map[string]any{"value": []string{value}})
		}
		reply(w, 200, map[string]any{"etag": a.etag(), "properties": map[string]any{a.fields[0]: 60, a.fields[1]: records}})
		if a.rivals > 0 { // after it was read
			a.rivals--
			a.values = append(a.values, fmt.Sprint("rival ", a.rivals))
			a.tag++
		}
	})
	mux.HandleFunc("PUT "+path, func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		body := strictly(a.t, w, r, "properties")
		if body == nil || !a.matches(w, r) {
			return
		}
		properties := body["properties"].(map[string]any)
		if properties[a.fields[0]] != 60.0 || len(properties) != 2 {
			a.t.Errorf("got %v", properties)
		}
		a.values = nil
		for _, record := range properties[a.fields[1]].([]any) {
			a.values = append(a.values, record.(map[string]any)["value"].([]any)[0].(string))
		}
		a.tag++
		reply(w, 200, map[string]any{"etag": a.etag()})
	})
	mux.HandleFunc("DELETE "+path, func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.matches(w, r) {
			a.values = nil
			w.WriteHeader(http.StatusOK)
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer azure-token" || r.URL.Query().Get("api-version") != a.version {
			a.t.Errorf("%s with %q", r.URL, r.Header.Get("Authorization"))
		}
		mux.ServeHTTP(w, r)
	})
}

func (a *azureAPI) etag() string { return fmt.Sprint("tag-", a.tag) }

func (a *azureAPI) matches(w http.ResponseWriter, r *http.Request) bool {
	if len(a.values) > 0 && r.Header.Get("If-Match") == a.etag() || len(a.values) == 0 && r.Header.Get("If-None-Match") == "*" {
		return true
	}
	reply(w, 412, map[string]any{"code": "PreconditionFailed"})
	return false
}

func (a *azureAPI) look() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.values)
}

// entra stands in for what gives tokens: for a client secret, or for the token
// of a service account.
func entra(t *testing.T, assertion string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /common/discovery/instance", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{
			"tenant_discovery_endpoint": "https://login.microsoftonline.com/tenant-1/v2.0/.well-known/openid-configuration",
			"metadata":                  []any{map[string]any{"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net", "aliases": []string{"login.microsoftonline.com"}}},
		})
	})
	mux.HandleFunc("GET /tenant-1/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{
			"authorization_endpoint": "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/authorize",
			"token_endpoint":         "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token",
			"issuer":                 "https://login.microsoftonline.com/tenant-1/v2.0",
		})
	})
	mux.HandleFunc("POST /tenant-1/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("client_id") != "client-1" || !strings.Contains(r.PostFormValue("scope"), "https://management.azure.com/.default") || r.PostFormValue("grant_type") != "client_credentials" {
			t.Errorf("got %v", r.PostForm)
		}
		if assertion != "" && r.PostFormValue("client_assertion") != assertion || assertion == "" && r.PostFormValue("client_secret") != "azure-secret" {
			reply(w, 401, map[string]any{"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided: " + r.PostFormValue("client_secret") + ". Trace ID: 1-2 Correlation ID: 3-4 Timestamp: 2026-11-24 10:00:00Z"})
			return
		}
		reply(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "azure-token"})
	})
	return mux
}

var azureZone = map[string]string{"AZURE_SUBSCRIPTION_ID": "sub-1", "AZURE_RESOURCE_GROUP": "group-1", "AZURE_TTL": "60"}

func with(config map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	for name, value := range config {
		all[name] = value
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

func publicZones(t *testing.T) *azureAPI {
	return &azureAPI{t: t, kind: "dnsZones", version: "2018-05-01", fields: [2]string{"TTL", "TXTRecords"}}
}

func TestAzureKeepsTwoValuesApartByEveryWayToAuthenticate(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("service-account-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	managed := func(query, id string) string {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-IDENTITY-HEADER") != "header-1" || r.URL.Query().Get(query) != id || r.URL.Query().Get("resource") != "https://management.azure.com" {
				t.Errorf("got %s %v", r.URL, r.Header)
			}
			reply(w, 200, map[string]any{"access_token": "azure-token", "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"})
		}))
		t.Cleanup(site.Close)
		return site.URL
	}
	for name, test := range map[string]struct {
		settings    Settings
		assertion   string
		private     bool
		environment map[string]string
	}{
		"client secret": {settings: Settings{
			Config:      with(azureZone, "AZURE_CLIENT_ID", "client-1", "AZURE_TENANT_ID", "tenant-1"),
			Credentials: map[string]string{"AZURE_CLIENT_SECRET": "azure-secret"},
		}},
		"private zone by name": {private: true, settings: Settings{
			Config:      with(azureZone, "AZURE_CLIENT_ID", "client-1", "AZURE_TENANT_ID", "tenant-1", "AZURE_PRIVATE_ZONE", "true", "AZURE_ZONE_NAME", "example.com"),
			Credentials: map[string]string{"AZURE_CLIENT_SECRET": "azure-secret"},
		}},
		"workload identity": {
			settings: Settings{Config: azureZone, Ambient: true}, assertion: "service-account-token",
			environment: map[string]string{"AZURE_CLIENT_ID": "client-1", "AZURE_TENANT_ID": "tenant-1", "AZURE_FEDERATED_TOKEN_FILE": token, "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/"},
		},
		"workload identity of another client": {
			settings:    Settings{Config: with(azureZone, "AZURE_CLIENT_ID", "client-1", "AZURE_TENANT_ID", "tenant-1"), Ambient: true},
			assertion:   "service-account-token",
			environment: map[string]string{"AZURE_CLIENT_ID": "client-2", "AZURE_TENANT_ID": "tenant-2", "AZURE_FEDERATED_TOKEN_FILE": token},
		},
		"managed identity by client": {
			settings:    Settings{Config: with(azureZone, "AZURE_CLIENT_ID", "client-1"), Ambient: true},
			environment: map[string]string{"IDENTITY_ENDPOINT": managed("client_id", "client-1"), "IDENTITY_HEADER": "header-1"},
		},
		"managed identity by resource": {
			settings:    Settings{Config: with(azureZone, "AZURE_RESOURCE_ID", "/subscriptions/x/id"), Ambient: true},
			environment: map[string]string{"IDENTITY_ENDPOINT": managed("mi_res_id", "/subscriptions/x/id"), "IDENTITY_HEADER": "header-1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := publicZones(t)
			if test.private {
				api.kind, api.version, api.fields = "privateDnsZones", "2020-06-01", [2]string{"ttl", "txtRecords"}
			}
			api.values = []string{"somebody else's"}
			test.settings.Provider = "azuredns"
			in := newInternet(t, map[string]http.Handler{"management.azure.com": api.serve(), "login.microsoftonline.com": entra(t, test.assertion)})
			twoValues(t, func() *Provider { return in.client(test.environment).Provider(&test.settings, nil) }, "somebody else's", api.look)
		})
	}
}

func azureBySecret(in *internet, secret string) *Provider {
	return in.client(nil).Provider(settings("azuredns", with(azureZone, "AZURE_CLIENT_ID", "client-1", "AZURE_TENANT_ID", "tenant-1"),
		map[string]string{"AZURE_CLIENT_SECRET": secret}), nil)
}

func TestAzureWritesAnewWhenSomebodyElseWasFaster(t *testing.T) {
	t.Parallel()
	api := publicZones(t)
	api.values, api.rivals = []string{"somebody else's"}, 2
	in := newInternet(t, map[string]http.Handler{"management.azure.com": api.serve(), "login.microsoftonline.com": entra(t, "")})
	if err := azureBySecret(in, "azure-secret").EnsureTXT(t.Context(), record("x")); err != nil {
		t.Fatal(err)
	}
	if got, want := api.look(), []string{"somebody else's", "rival 1", "rival 0", record("x").Value}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnAzureRecordWithoutOtherValuesIsMadeAndDeleted(t *testing.T) {
	t.Parallel()
	api := publicZones(t)
	in := newInternet(t, map[string]http.Handler{"management.azure.com": api.serve(), "login.microsoftonline.com": entra(t, "")})
	twoValues(t, func() *Provider { return azureBySecret(in, "azure-secret") }, "", api.look)
	if err := azureBySecret(in, "azure-secret").RemoveTXT(t.Context(), record("x")); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
}

func TestARefusedSecretOfAzureStallsAndIsNotShown(t *testing.T) {
	t.Parallel()
	in := newInternet(t, map[string]http.Handler{"login.microsoftonline.com": entra(t, "")})
	err := azureBySecret(in, "stolen-azure-secret").EnsureTXT(t.Context(), record("x"))
	if err == nil || !IsStalled(err) || strings.Contains(err.Error(), "stolen") || !strings.Contains(err.Error(), "AADSTS7000215") || strings.Contains(err.Error(), "10:00") {
		t.Errorf("got %v", err)
	}
}

// raw is JSON as a text.
func raw(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
