package worker

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// cloudDNSAPI stands in for Google Cloud DNS, which takes a change only if what
// it deletes is exactly what is there.
type cloudDNSAPI struct {
	t      *testing.T
	mu     sync.Mutex
	values []string // with quotes
	ttl    int
}

type googleSet struct {
	Name, Type string
	TTL        int
	RRdatas    []string
}

func (a *cloudDNSAPI) serve() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dns/v1/projects/project-1/managedZones", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("dnsName") != "example.com." {
			a.t.Errorf("got %s", r.URL)
		}
		reply(w, 200, map[string]any{"managedZones": []any{
			map[string]any{"name": "zone-private", "visibility": "private", "dnsName": "example.com."},
			map[string]any{"name": "zone-public", "visibility": "public", "dnsName": "example.com."},
		}})
	})
	mux.HandleFunc("GET /dns/v1/projects/project-1/managedZones/zone-public/rrsets", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if r.URL.Query().Get("name") != "_acme-challenge.example.com." || r.URL.Query().Get("type") != "TXT" {
			a.t.Errorf("got %s", r.URL)
		}
		sets := []any{}
		if len(a.values) > 0 {
			sets = append(sets, map[string]any{"name": "_acme-challenge.example.com.", "type": "TXT", "ttl": a.ttl, "rrdatas": a.values, "kind": "dns#resourceRecordSet"})
		}
		reply(w, 200, map[string]any{"rrsets": sets})
	})
	mux.HandleFunc("POST /dns/v1/projects/project-1/managedZones/zone-public/changes", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		var change struct{ Additions, Deletions []googleSet }
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&change); err != nil {
			a.t.Error(err)
			return
		}
		var deleted []string
		for _, set := range change.Deletions {
			deleted = set.RRdatas
			if set.TTL != a.ttl {
				a.t.Errorf("deletes TTL %d where it is %d", set.TTL, a.ttl)
			}
		}
		if !slices.Equal(deleted, a.values) {
			reply(w, 412, map[string]any{"error": map[string]any{"code": 412, "message": "Precondition not met"}})
			return
		}
		a.values = nil
		for _, set := range change.Additions {
			a.values, a.ttl = set.RRdatas, set.TTL
			if set.TTL != 60 || set.Type != "TXT" || set.Name != "_acme-challenge.example.com." {
				a.t.Errorf("got %+v", set)
			}
		}
		reply(w, 200, map[string]any{"id": "1", "status": "pending"})
	})
	return authorized(mux, map[string]string{"Authorization": "Bearer google-token"})
}

func (a *cloudDNSAPI) look() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var values []string
	for _, value := range a.values {
		values = append(values, strings.Trim(value, `"`))
	}
	return values
}

func googleKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw(map[string]string{
		"type": "service_account", "project_id": "another-project", "client_email": "dns@project-1.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://oauth2.googleapis.com/token",
	})
}

func googleTokens(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" || r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || strings.Count(r.PostFormValue("assertion"), ".") != 2 {
			t.Errorf("got %s %v", r.URL, r.PostForm)
		}
		reply(w, 200, map[string]any{"access_token": "google-token", "token_type": "Bearer", "expires_in": 3600})
	})
}

func TestCloudDNSKeepsTwoValuesApartByEveryWayToAuthenticate(t *testing.T) {
	t.Parallel()
	key := googleKey(t)
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	config := map[string]string{"GCE_PROJECT": "project-1", "GCE_TTL": "60"}
	for name, test := range map[string]struct {
		settings    Settings
		environment map[string]string
	}{
		"key file":     {Settings{Config: config, Credentials: map[string]string{"GCE_SERVICE_ACCOUNT": key}}, nil},
		"zone by name": {Settings{Config: with(config, "GCE_ZONE_ID", "zone-public"), Credentials: map[string]string{"GCE_SERVICE_ACCOUNT": key}}, nil},
		"ambient":      {Settings{Config: config, Ambient: true}, map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": file}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &cloudDNSAPI{t: t, values: []string{`"somebody else's"`}, ttl: 300}
			test.settings.Provider = "gcloud"
			in := newInternet(t, map[string]http.Handler{"dns.googleapis.com": api.serve(), "oauth2.googleapis.com": googleTokens(t)})
			twoValues(t, func() *Provider { return in.client(test.environment).Provider(&test.settings, nil) }, "somebody else's", api.look)
		})
	}
}

// Such credentials name a file whose content is sent to a URL, both of the
// author's choice.
func TestOnlyAKeyOfAServiceAccountIsTakenFromASecret(t *testing.T) {
	t.Parallel()
	in := newInternet(t, nil)
	for _, key := range []string{
		raw(map[string]any{
			"type": "external_account", "audience": "x", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "https://evil.example/token",
			"credential_source": map[string]string{"file": "/var/run/secrets/kubernetes.io/serviceaccount/token"},
		}),
		"no JSON of mine",
	} {
		err := in.client(nil).Provider(settings("gcloud", map[string]string{"GCE_PROJECT": "project-1"}, map[string]string{"GCE_SERVICE_ACCOUNT": key}), nil).EnsureTXT(t.Context(), record("x"))
		if want := "configure gcloud: the service account's key is not a JSON key file of type service_account"; err == nil || err.Error() != want || !IsStalled(err) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAZoneThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	none := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"managedZones":[]}`) })
	in := newInternet(t, map[string]http.Handler{"dns.googleapis.com": none, "oauth2.googleapis.com": googleTokens(t)})
	err := in.client(nil).Provider(settings("gcloud", map[string]string{"GCE_PROJECT": "project-1"}, map[string]string{"GCE_SERVICE_ACCOUNT": googleKey(t)}), nil).EnsureTXT(t.Context(), record("x"))
	if err == nil || err.Error() != "project project-1 has no public zone for example.com" || !IsStalled(err) {
		t.Errorf("got %v", err)
	}
}
