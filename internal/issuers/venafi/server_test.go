package venafi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/issuers/venafi"
	"github.com/certwright/certwright/test/cyberark"
)

// world is a stand-in with a clock that a test moves.
type world struct {
	*cyberark.Server

	mu    sync.Mutex
	now   time.Time
	calls []venafi.Call
}

func newWorld(t *testing.T) *world {
	w := &world{now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
	w.Server = cyberark.Start(t, w.clock)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) options(t *testing.T, zone string) venafi.Options {
	t.Helper()
	transport, err := venafi.NewTransport(w.CA)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return venafi.Options{Zone: zone, UserAgent: "test", Transport: transport, Clock: w.clock, Observe: func(c venafi.Call) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls = append(w.calls, c)
	}}
}

func must(t *testing.T) func(venafi.Server, error) venafi.Server {
	return func(server venafi.Server, err error) venafi.Server {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return server
	}
}

func (w *world) tpp(t *testing.T, change func(*venafi.TPP)) venafi.Server {
	t.Helper()
	access := venafi.TPP{URL: w.URL + "/vedsdk", Username: cyberark.Username, Password: cyberark.Password}
	if change != nil {
		change(&access)
	}
	return must(t)(venafi.NewTPP(access, w.options(t, `Shops\Web`)))
}

func (w *world) cloud(t *testing.T) venafi.Server {
	t.Helper()
	return must(t)(venafi.NewCloud(venafi.Cloud{URL: w.URL, APIKey: cyberark.APIKey}, w.options(t, cyberark.Application+`\`+cyberark.Template)))
}

func (w *world) ngts(t *testing.T, change func(*venafi.NGTS)) venafi.Server {
	t.Helper()
	access := venafi.NGTS{
		URL: w.URL + "/ngts", TokenEndpoint: w.URL + "/ngts/oauth2/access_token", TSGID: cyberark.TSGID,
		ClientID: cyberark.OAuthClient, ClientSecret: cyberark.OAuthSecret,
	}
	if change != nil {
		change(&access)
	}
	return must(t)(venafi.NewNGTS(access, w.options(t, cyberark.Template)))
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// request is a request for a certificate, with the key of its own if it is nil.
func request(t *testing.T, template *x509.CertificateRequest, key any) venafi.Request {
	t.Helper()
	if key == nil {
		key = newKey(t)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	return venafi.Request{CSR: csr, PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), Duration: 30 * 24 * time.Hour}
}

func webRequest(t *testing.T) venafi.Request {
	t.Helper()
	return request(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "www.example.com"}, DNSNames: []string{"www.example.com", "example.com"}}, nil)
}

func TestEveryKindOfServerIssuesACertificate(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		server func(*world, *testing.T) venafi.Server
		id     string
		calls  []string
	}{
		"self-hosted, by password": {
			server: func(w *world, t *testing.T) venafi.Server { return w.tpp(t, nil) },
			id:     `\VED\Policy\Shops\Web\www.example.com`,
			calls: []string{
				"POST /vedauth/authorize/oauth", "POST /vedsdk/certificates/checkpolicy",
				"POST /vedsdk/certificates/reset", "POST /vedsdk/certificates/request", "POST /vedsdk/certificates/retrieve", "POST /vedsdk/certificates/retrieve",
			},
		},
		"self-hosted, by a token of the user": {
			server: func(w *world, t *testing.T) venafi.Server {
				return w.tpp(t, func(a *venafi.TPP) { *a = venafi.TPP{URL: a.URL, AccessToken: cyberark.AccessToken} })
			},
			id: `\VED\Policy\Shops\Web\www.example.com`,
			calls: []string{
				"GET /vedauth/authorize/verify", "POST /vedsdk/certificates/checkpolicy",
				"POST /vedsdk/certificates/reset", "POST /vedsdk/certificates/request", "POST /vedsdk/certificates/retrieve", "POST /vedsdk/certificates/retrieve",
			},
		},
		"service": {
			server: (*world).cloud,
			id:     "request-1",
			calls: []string{
				"GET /v1/useraccounts", "GET /outagedetection/v1/applications/name/Web Shop", "GET /outagedetection/v1/applications/Web Shop/certificateissuingtemplates/Default",
				"POST /outagedetection/v1/certificaterequests", "GET /outagedetection/v1/certificaterequests/request-1",
				"GET /outagedetection/v1/certificaterequests/request-1", "GET /outagedetection/v1/certificates/certificate-of-request-1/contents",
			},
		},
		"Next-Generation Trust Security": {
			server: func(w *world, t *testing.T) venafi.Server { return w.ngts(t, nil) },
			id:     "request-1",
			calls: []string{
				"POST /ngts/oauth2/access_token", "GET /ngts/v1/certificateissuingtemplates",
				"POST /ngts/outagedetection/v1/certificaterequests", "GET /ngts/outagedetection/v1/certificaterequests/request-1",
				"GET /ngts/outagedetection/v1/certificaterequests/request-1", "GET /ngts/outagedetection/v1/certificates/certificate-of-request-1/contents",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Pending = 1
			server := row.server(w, t)
			if err := server.Verify(t.Context()); err != nil {
				t.Fatal(err)
			}
			r := webRequest(t)
			id, err := server.Submit(t.Context(), r)
			if err != nil || id != row.id {
				t.Fatalf("submit: id %q, error %v", id, err)
			}
			_, err = server.Retrieve(t.Context(), id)
			if pending, ok := errors.AsType[*venafi.PendingError](err); !ok || pending.Status == "" {
				t.Fatalf("retrieve too early: %v", err)
			}
			chain, err := server.Retrieve(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			block, rest := pem.Decode(chain)
			leaf, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(w.Root())
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "example.com", CurrentTime: w.clock()}); err != nil {
				t.Error(err)
			}
			if !r.CSR.PublicKey.(*ecdsa.PublicKey).Equal(leaf.PublicKey) || leaf.NotAfter.Sub(w.clock()) != r.Duration || string(rest) != string(w.Root()) {
				t.Errorf("got a certificate until %v, and after it %s", leaf.NotAfter, rest)
			}
			w.Change(func(s *cyberark.Server) {
				if diff := cmp.Diff(row.calls, s.Calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
			for _, call := range w.calls {
				if !call.OK && call.Name != venafi.CallReset {
					t.Errorf("call %s is observed to have failed", call.Name)
				}
			}
			if len(w.calls) != len(row.calls) {
				t.Errorf("observed %d calls of %d", len(w.calls), len(row.calls))
			}
		})
	}
}

func TestTheSelfHostedServerIsToldEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uri, err := url.Parse("spiffe://example.com/web")
	if err != nil {
		t.Fatal(err)
	}
	r := request(t, &x509.CertificateRequest{
		DNSNames: []string{"www.example.com"}, IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}, EmailAddresses: []string{"jane@example.com"}, URIs: []*url.URL{uri},
	}, nil)
	r.Fields = []venafi.Field{{Name: "Team", Value: "a"}, {Name: "Cost center", Value: "1234", Type: "Plain"}, {Name: "Team", Value: "b"}}
	if _, err := w.tpp(t, nil).Submit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	end := "2026-12-24T08:00:00Z"
	want := map[string]any{
		"PolicyDN": cyberark.Folder, "ObjectName": "www.example.com", "PKCS10": string(r.PEM), "CertificateType": "AUTO", "Origin": "Certwright",
		"DisableAutomaticRenewal": true, "Reenable": true, "KeyAlgorithm": "ECC", "EllipticCurve": "P256",
		"SubjectAltNames": []any{
			map[string]any{"Type": 1.0, "Name": "jane@example.com"}, map[string]any{"Type": 2.0, "Name": "www.example.com"},
			map[string]any{"Type": 7.0, "Name": "192.0.2.1"}, map[string]any{"Type": 6.0, "Name": "spiffe://example.com/web"},
		},
		"CASpecificAttributes": []any{
			map[string]any{"Name": "Origin", "Value": "Certwright"},
			map[string]any{"Name": "Microsoft CA:Specific End Date", "Value": end}, map[string]any{"Name": "DigiCert CA:Specific End Date", "Value": end},
			map[string]any{"Name": "EntrustNET CA:Specific End Date", "Value": end}, map[string]any{"Name": "Specific End Date", "Value": end},
		},
		"CustomFields": []any{
			map[string]any{"Name": "Cost center", "Values": []any{"1234"}}, map[string]any{"Name": "Team", "Values": []any{"a", "b"}},
		},
	}
	if diff := cmp.Diff([]map[string]any{want}, w.Received); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestANameToBeFoundByIsNeededAtTheSelfHostedServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.tpp(t, nil).Submit(t.Context(), request(t, &x509.CertificateRequest{Subject: pkix.Name{Organization: []string{"Example"}}}, nil))
	if _, ok := errors.AsType[*venafi.PolicyError](err); !ok || len(w.Received) != 0 {
		t.Errorf("got %v after %d requests", err, len(w.Received))
	}
}

func TestWhatIsKnownOfAZoneIsNotAskedForEachTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := w.cloud(t)
	count := func() (n int) {
		w.Change(func(s *cyberark.Server) {
			for _, call := range s.Calls {
				if strings.Contains(call, "/applications/") {
					n++
				}
			}
		})
		return n
	}
	for range 3 {
		if _, err := server.Submit(t.Context(), webRequest(t)); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n != 2 {
		t.Errorf("%d requests about the zone for three certificates, want 2", n)
	}
	w.pass(11 * time.Minute)
	if _, err := server.Submit(t.Context(), webRequest(t)); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 4 {
		t.Errorf("%d requests about the zone once it is old, want 4", n)
	}
}

func TestTheEndOfARequestAtTheServiceIsAnError(t *testing.T) {
	t.Parallel()
	for status, ends := range map[string]bool{"FAILED": true, "REJECTED": true, "REJECTED_APPROVAL": true, "CANCELLED": true, "PENDING_APPROVAL": false, "REQUESTED": false} {
		w := newWorld(t)
		w.Override = func(out http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/certificaterequests/request-7") {
				return false
			}
			cyberark.Reply(out, http.StatusOK, map[string]any{"id": "request-7", "status": status, "errorInformation": map[string]any{"type": "VALIDATION", "code": 8001, "message": "the CA has said no"}})
			return true
		}
		_, err := w.cloud(t).Retrieve(t.Context(), "request-7")
		if ends {
			want := "retrieve the certificate: the request is " + status + ": the CA has said no"
			if !venafi.IsKind(err, venafi.Refused) || err.Error() != want {
				t.Errorf("%s: got %v", status, err)
			}
		} else if pending, ok := errors.AsType[*venafi.PendingError](err); !ok || pending.Status != status {
			t.Errorf("%s: got %v", status, err)
		}
	}
}

func TestURLsAreTakenAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	host := strings.TrimPrefix(w.URL, "https://")
	for _, text := range []string{host, host + "/vedsdk", "https://" + host + "/vedsdk/", "http://" + host + "/", "HTTPS://" + host + "/vedsdk"} {
		if err := w.tpp(t, func(a *venafi.TPP) { a.URL = text }).Verify(t.Context()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"ftp://tpp.example.com", "https://", "https://user:secret@tpp.example.com", "https://tpp.example.com/?a=b", "https://tpp.example.com:port"} {
		_, err := venafi.NewTPP(venafi.TPP{URL: text}, w.options(t, "a"))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	for _, zone := range []string{"Web Shop", `\Default`, `Web Shop\`, `a\b\c`} {
		if _, err := venafi.NewCloud(venafi.Cloud{}, w.options(t, zone)); err == nil {
			t.Errorf("zone %q is taken", zone)
		}
	}
	if _, err := venafi.NewNGTS(venafi.NGTS{TokenEndpoint: "ftp://auth.example.com"}, w.options(t, "a")); err == nil || !strings.Contains(err.Error(), "tokenEndpoint") {
		t.Errorf("token endpoint: got %v", err)
	}
	for zone, folder := range map[string]string{`Shops\Web`: cyberark.Folder, `\Shops\Web`: cyberark.Folder, `\VED\Policy\Shops\Web`: cyberark.Folder, `\VED\Policy\Shops\Web\`: cyberark.Folder} {
		server := must(t)(venafi.NewTPP(venafi.TPP{URL: w.URL, AccessToken: cyberark.AccessToken}, w.options(t, zone)))
		if err := server.Verify(t.Context()); err != nil {
			t.Errorf("%s is not %s: %v", zone, folder, err)
		}
	}
}

func TestATransportNeedsACertificateInItsBundle(t *testing.T) {
	t.Parallel()
	if _, err := venafi.NewTransport([]byte("no PEM")); err == nil {
		t.Error("taken")
	}
	if _, err := venafi.NewTransport(nil); err != nil {
		t.Error(err)
	}
}

// named are the calls of a path.
func named(calls []string, call string) int {
	return len(slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return c != call }))
}
