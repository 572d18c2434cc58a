package issuers

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/cyberark"
)

const pickupID = `\VED\Policy\Shops\Web\www.example.com`

func TestCyberArkIsAskedOnceAndThenForTheCertificate(t *testing.T) {
	t.Parallel()
	w := newVenafiWorld(t)
	w.server.Pending = 2
	in := w.request(t, w.issuer(nil))
	in.Request.Spec.Duration = &metav1.Duration{Duration: 48 * time.Hour}
	in.Issuer.(*cmv1.Issuer).Annotations = map[string]string{cmv1.VenafiCustomFieldsAnnotationKey: `[{"name":"Team","value":"all"},{"name":"Site","value":"1"}]`}
	in.Request.Annotations = map[string]string{cmv1.VenafiCustomFieldsAnnotationKey: `[{"name":"Team","value":"web"}]`, "example.com/theirs": "1"}

	want := lifecycle.OutcomePending{Reason: "IssuancePending", Wake: testNow.Add(2 * time.Second)}
	if diff := cmp.Diff(lifecycle.Outcome(want), w.sign(t, &in)); diff != "" {
		t.Errorf("submitted (-want +got):\n%s", diff)
	}
	if got := in.Request.Annotations; got[cmv1.VenafiPickupIDAnnotationKey] != pickupID || got["example.com/theirs"] != "1" {
		t.Errorf("annotations %v", got)
	}
	w.server.Change(func(s *cyberark.Server) {
		fields := []any{map[string]any{"Name": "Site", "Values": []any{"1"}}, map[string]any{"Name": "Team", "Values": []any{"web"}}}
		if diff := cmp.Diff(fields, s.Received[0]["CustomFields"]); diff != "" {
			t.Errorf("custom fields (-want +got):\n%s", diff)
		}
	})
	now := w.pass(2 * time.Second)
	if got := w.sign(t, &in); got != lifecycle.Outcome(lifecycle.OutcomePending{Reason: "IssuancePending", Wake: now.Add(2 * time.Second)}) {
		t.Errorf("after two seconds: %+v", got)
	}
	now = w.pass(5 * time.Minute)
	if got := w.sign(t, &in); got != lifecycle.Outcome(lifecycle.OutcomePending{
		Reason: "IssuancePending", Message: "the certificate has not been issued yet: Post CSR", Wake: now.Add((5*time.Minute + 2*time.Second) / 10),
	}) {
		t.Errorf("after five minutes: %+v", got)
	}
	issued, ok := w.sign(t, &in).(lifecycle.OutcomeIssued)
	if !ok {
		t.Fatal("not issued")
	}
	chain := decodeChain(t, issued.Chain)
	if len(chain) != 1 || chain[0].Subject.CommonName != "www.example.com" || !pki.SameKey(chain[0].PublicKey, in.CSR.PublicKey) || string(issued.CA) != string(w.server.Root()) {
		t.Errorf("chain of %d, CA %s", len(chain), issued.CA)
	}
	if life := chain[0].NotAfter.Sub(testNow); life != 48*time.Hour {
		t.Errorf("valid for %v", life)
	}
	w.server.Change(func(s *cyberark.Server) {
		if s.Logins != 1 || len(s.Received) != 1 {
			t.Errorf("%d tokens and %d requests for one certificate", s.Logins, len(s.Received))
		}
	})
}

func TestARequestOfKubernetesIsAnnotatedInItsOwnWay(t *testing.T) {
	t.Parallel()
	w := newVenafiWorld(t)
	in := w.request(t, w.issuer(nil))
	in.Kind = certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest")
	w.sign(t, &in)
	if len(w.notes.objects) != 1 {
		t.Fatalf("%d objects are annotated", len(w.notes.objects))
	}
	csr, ok := w.notes.objects[0].(*certificatesv1.CertificateSigningRequest)
	if !ok || csr.Name != in.Request.Name || csr.Annotations["venafi.experimental.cert-manager.io/pickup-id"] != pickupID {
		t.Errorf("annotated %+v", w.notes.objects[0])
	}
}

func TestAnIDThatCanNotBeStoredIsAnError(t *testing.T) {
	t.Parallel()
	w := newVenafiWorld(t)
	w.notes.err = errors.New("etcd is down")
	if outcome, err := w.Sign(t.Context(), w.request(t, w.issuer(nil))); outcome != nil || !errors.Is(err, w.notes.err) {
		t.Errorf("got %v, %v", outcome, err)
	}
}

func TestTheCertificateOfAnEarlierRequestIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newVenafiWorld(t)
	issuer := w.issuer(nil)
	first := w.request(t, issuer)
	w.sign(t, &first)
	if _, ok := w.sign(t, &first).(lifecycle.OutcomeIssued); !ok {
		t.Fatal("the first is not issued")
	}
	second := w.request(t, issuer)
	w.sign(t, &second)
	w.server.Change(func(s *cyberark.Server) { s.Old = true })
	if pending, ok := w.sign(t, &second).(lifecycle.OutcomePending); !ok || pending.Message != "" {
		t.Errorf("at once: %+v", pending)
	}
	w.pass(2 * time.Minute)
	if pending, ok := w.sign(t, &second).(lifecycle.OutcomePending); !ok || pending.Message != "the server still gives another certificate of that name" {
		t.Errorf("after two minutes: %+v", pending)
	}
	w.pass(10 * time.Minute)
	failed, ok := w.sign(t, &second).(lifecycle.OutcomeFailed)
	if !ok || failed.Reason != "RetrieveError" || !strings.Contains(failed.Message, "there may be another request for the same name") {
		t.Errorf("after twelve minutes: %+v", failed)
	}
	w.server.Change(func(s *cyberark.Server) { s.Old = false })
	third := w.request(t, issuer)
	w.sign(t, &third)
	if _, ok := w.sign(t, &third).(lifecycle.OutcomeIssued); !ok {
		t.Error("the third is not issued")
	}
}

func TestAServerThatWantsFewerRequestsIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newVenafiWorld(t)
	issuer := w.issuer(nil)
	first, second := w.request(t, issuer), w.request(t, issuer)
	w.sign(t, &first)
	w.server.Change(func(s *cyberark.Server) {
		s.Override = func(out http.ResponseWriter, _ *http.Request) bool {
			out.Header().Set("Retry-After", "300")
			cyberark.Reply(out, http.StatusTooManyRequests, map[string]any{})
			return true
		}
	})
	calls := func() (n int) {
		w.server.Change(func(s *cyberark.Server) { n = len(s.Calls) })
		return n
	}
	before := calls()
	want := lifecycle.OutcomePending{
		Reason:  "RetrieveError",
		Message: "retrieve the certificate: 127.0.0.1 answered 429 Too Many Requests: no reason is given; next attempt at 2026-11-24T08:05:00Z",
		Wake:    testNow.Add(5 * time.Minute),
	}
	if diff := cmp.Diff(lifecycle.Outcome(want), w.sign(t, &first)); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	w.pass(time.Minute)
	want.Reason = "RequestError"
	for _, in := range []*Input{&first, &second} {
		if diff := cmp.Diff(lifecycle.Outcome(want), w.sign(t, in)); diff != "" {
			t.Errorf("meanwhile (-want +got):\n%s", diff)
		}
	}
	if n := calls() - before; n != 1 {
		t.Errorf("%d requests within the time to wait, want 1", n)
	}
	w.server.Change(func(s *cyberark.Server) { s.Override = nil })
	w.pass(4 * time.Minute)
	if _, ok := w.sign(t, &first).(lifecycle.OutcomeIssued); !ok {
		t.Error("not issued after the time")
	}
}

func TestWhatComesOfAnErrorOfCyberArk(t *testing.T) {
	t.Parallel()
	answer := func(path string, status int, body any) func(*venafiWorld) {
		return func(w *venafiWorld) {
			w.server.Override = func(out http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, path) {
					return false
				}
				cyberark.Reply(out, status, body)
				return true
			}
		}
	}
	pending := func(reason, message string, wait time.Duration) lifecycle.Outcome {
		return lifecycle.OutcomePending{Reason: reason, Message: message, Wake: testNow.Add(wait)}
	}
	fails := func(reason, message string) lifecycle.Outcome {
		return lifecycle.OutcomeFailed{Reason: reason, Message: message}
	}
	custom := func(text string) func(*Input) {
		return func(in *Input) {
			in.Request.Annotations = map[string]string{cmv1.VenafiCustomFieldsAnnotationKey: text}
		}
	}
	collect := func(in *Input) {
		in.Request.Annotations = map[string]string{cmv1.VenafiPickupIDAnnotationKey: pickupID}
	}
	for name, row := range map[string]struct {
		world func(*venafiWorld)
		input func(*Input)
		want  lifecycle.Outcome
	}{
		"custom fields that are none": {nil, custom("{"), fails("CustomFieldsError", `annotation venafi.cert-manager.io/custom-fields of the request: it is not a JSON list such as [{"name": "Cost center", "value": "1234"}]`)},
		"custom fields of the issuer that are none": {nil, func(in *Input) {
			in.Issuer.(*cmv1.Issuer).Annotations = map[string]string{cmv1.VenafiCustomFieldsAnnotationKey: `[{"name":"a","type":"b"}]`}
		}, fails("CustomFieldsError", `annotation venafi.cert-manager.io/custom-fields of Issuer "cyberark": field "a" has the type "b"; the only one that there is, is Plain`)},
		"a name that the zone does not allow": {func(w *venafiWorld) { w.server.Policy["WhitelistedDomains"] = []string{"example.org"} }, nil,
			fails("RequestError", `the policy of the policy folder \VED\Policy\Shops\Web does not allow the common name "www.example.com"`)},
		"a request that the server refuses": {answer("/request", 400, map[string]any{"Error": "Signature algorithm is not allowed"}), nil,
			fails("RequestError", "request the certificate: 127.0.0.1 answered 400 Bad Request: Signature algorithm is not allowed")},
		"a server in trouble": {answer("/request", 503, map[string]any{}), nil, pending("RequestError", "request the certificate: 127.0.0.1 answered 503 Service Unavailable: no reason is given; retried within a minute", 30*time.Second)},
		"a wrong password": {func(w *venafiWorld) {
			w.secrets.put("shop", "tpp", map[string][]byte{"username": []byte(cyberark.Username), "password": []byte("guessed-password")})
		}, nil, pending("VenafiInitError", "get a token: 127.0.0.1 answered 400 Bad Request: invalid_grant; Username/password combination not valid; tried again when the Secret of the issuer changes, and now and then", time.Minute)},
		"no Secret": {func(w *venafiWorld) { w.secrets.delete("shop", "tpp") }, nil, pending("SecretMissing", `Secret "tpp" does not exist in namespace "shop"`, 30*time.Second)},
		"a Secret without credentials": {func(w *venafiWorld) {
			w.secrets.put("shop", "tpp", map[string][]byte{"username": []byte("jane")})
		}, nil, pending("VenafiInitError", `Secret "tpp" in namespace "shop" has neither access-token nor username and password`, 30*time.Second)},
		"a certificate that the server does not have":   {nil, collect, fails("RetrieveError", `retrieve the certificate: 127.0.0.1 answered 400 Bad Request: Certificate \VED\Policy\Shops\Web\www.example.com does not exist or you do not have sufficient rights to the object.`)},
		"a certificate that can not be issued":          {answer("/retrieve", 500, map[string]any{"Stage": 500, "Status": "the CA says no"}), collect, fails("RetrieveError", "retrieve the certificate: 127.0.0.1 answered 500 Internal Server Error: the CA says no")},
		"what is no certificate":                        {answer("/retrieve", 200, map[string]any{"CertificateData": "bm9uZQ=="}), collect, fails("ParseError", "decode certificates: no PEM block found")},
		"a server in trouble while a certificate waits": {answer("/retrieve", 502, map[string]any{}), collect, pending("RetrieveError", "retrieve the certificate: 127.0.0.1 answered 502 Bad Gateway: no reason is given; retried within a minute", 30*time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newVenafiWorld(t)
			in := w.request(t, w.issuer(nil))
			if row.world != nil {
				row.world(w)
			}
			if row.input != nil {
				row.input(&in)
			}
			if diff := cmp.Diff(row.want, w.sign(t, &in)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if n := w.submitted(); n != 0 {
				t.Errorf("%d requests were submitted", n)
			}
		})
	}
}

func TestCyberArkIssuersAreChecked(t *testing.T) {
	t.Parallel()
	cloud := func(w *venafiWorld, zone string) *cmv1.Issuer {
		return w.issuer(func(s *cmv1.VenafiIssuer) {
			*s = cmv1.VenafiIssuer{Zone: zone, Cloud: &cmv1.VenafiCloud{URL: w.server.URL, APITokenSecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "key"}}}}
		})
	}
	ngts := func(w *venafiWorld) *cmv1.Issuer {
		return w.issuer(func(s *cmv1.VenafiIssuer) {
			*s = cmv1.VenafiIssuer{Zone: cyberark.Template, NGTS: &cmv1.VenafiNGTS{
				URL: w.server.URL + "/ngts", TokenEndpoint: w.server.URL + "/ngts/oauth2/access_token", TSGID: cyberark.TSGID, CredentialsRef: cmmeta.LocalObjectReference{Name: "oauth"},
			}}
		})
	}
	ready := lifecycle.IssuerVerdict{Ready: true, Reason: "IsReady", Message: "The server accepts the credentials and has the zone", Wake: testNow.Add(time.Hour)}
	retry := func(message string) lifecycle.IssuerVerdict {
		return lifecycle.IssuerVerdict{Reason: "ErrorSetup", Fault: &lifecycle.Fault{Kind: lifecycle.Retry, Message: message}}
	}
	for name, row := range map[string]struct {
		issuer func(*venafiWorld) *cmv1.Issuer
		want   lifecycle.IssuerVerdict
	}{
		"a password": {func(w *venafiWorld) *cmv1.Issuer { return w.issuer(nil) }, ready},
		"a token, and the CA bundle in the issuer": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "tpp", map[string][]byte{"access-token": []byte(cyberark.AccessToken + "\n")})
			return w.issuer(func(s *cmv1.VenafiIssuer) { s.TPP.CABundleSecretRef, s.TPP.CABundle = nil, w.server.CA })
		}, ready},
		"an API key": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "key", map[string][]byte{"api-key": []byte(cyberark.APIKey)})
			return cloud(w, cyberark.Application+`\`+cyberark.Template)
		}, ready},
		"an OAuth client": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "oauth", map[string][]byte{"client-id": []byte(cyberark.OAuthClient), "client-secret": []byte(cyberark.OAuthSecret)})
			return ngts(w)
		}, ready},
		"a wrong API key": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "key", map[string][]byte{"api-key": []byte("22222222-2222-3333-4444-555555555555")})
			return cloud(w, cyberark.Application+`\`+cyberark.Template)
		}, lifecycle.IssuerVerdict{Reason: "AuthFailed", Message: "verify the credentials: 127.0.0.1 answered 401 Unauthorized: Unauthorized access (10501)", Wake: testNow.Add(30 * time.Minute)}},
		"a wrong client secret": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "oauth", map[string][]byte{"client-id": []byte(cyberark.OAuthClient), "client-secret": []byte("other-secret")})
			return ngts(w)
		}, lifecycle.IssuerVerdict{Reason: "AuthFailed", Message: "get a token: 127.0.0.1 answered 401 Unauthorized: invalid_client; Client authentication failed", Wake: testNow.Add(30 * time.Minute)}},
		"half an OAuth client": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "oauth", map[string][]byte{"client-id": []byte("a")})
			return ngts(w)
		}, lifecycle.IssuerVerdict{Reason: "AuthFailed", Message: `Secret "oauth" in namespace "shop" must have client-id and client-secret`}},
		"a Secret without the key": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "key", map[string][]byte{"other": []byte("a")})
			return cloud(w, `a\b`)
		}, lifecycle.IssuerVerdict{Reason: "ErrorSetup", Message: `Secret "key" in namespace "shop" has no api-key`}},
		"a zone that is none": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "key", map[string][]byte{"api-key": []byte(cyberark.APIKey)})
			return cloud(w, "Default")
		}, lifecycle.IssuerVerdict{Reason: "ErrorSetup", Message: `venafi: the zone must be an application and the alias of an issuing template, such as My Application\Default`}},
		"a zone that does not exist": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "key", map[string][]byte{"api-key": []byte(cyberark.APIKey)})
			return cloud(w, `Web Shop\Other`)
		}, retry(`read the zone: the application "Web Shop" has no issuing template with the alias "Other"`)},
		"an application that does not exist": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "key", map[string][]byte{"api-key": []byte(cyberark.APIKey)})
			return cloud(w, `Shop\Default`)
		}, retry(`read the zone: there is no application "Shop", or the credentials do not let one see it`)},
		"an application where there are none": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "oauth", map[string][]byte{"client-id": []byte(cyberark.OAuthClient), "client-secret": []byte(cyberark.OAuthSecret)})
			issuer := ngts(w)
			issuer.Spec.Venafi.Zone = `Web Shop\Default`
			return issuer
		}, retry(`read the zone: there is no issuing template "Web Shop\\Default", or the credentials do not let one see it; a zone is the name of a template alone here, without an application`)},
		"a folder that does not exist": {func(w *venafiWorld) *cmv1.Issuer {
			return w.issuer(func(s *cmv1.VenafiIssuer) { s.Zone = "Other" })
		}, retry(`read the zone: there is no policy folder \VED\Policy\Other, or the credentials do not let one see it`)},
		"a CA bundle that is none": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.put("shop", "trust", map[string][]byte{"ca.crt": []byte("none")})
			return w.issuer(nil)
		}, lifecycle.IssuerVerdict{Reason: "ErrorSetup", Message: `Secret "trust": the CA bundle holds no PEM certificate`}},
		"no CA bundle": {func(w *venafiWorld) *cmv1.Issuer {
			w.secrets.delete("shop", "trust")
			return w.issuer(nil)
		}, lifecycle.IssuerVerdict{Reason: "ErrorSetup", Message: `Secret "trust" does not exist in namespace "shop"`}},
		"a URL that is none": {func(w *venafiWorld) *cmv1.Issuer {
			return w.issuer(func(s *cmv1.VenafiIssuer) { s.TPP.URL = "ldap://tpp.example.com" })
		}, lifecycle.IssuerVerdict{Reason: "ErrorSetup", Message: "venafi: the URL must begin with https://"}},
		"Secrets of a ClusterIssuer's namespace": {func(w *venafiWorld) *cmv1.Issuer {
			issuer := w.issuer(nil)
			issuer.Namespace = ""
			return issuer
		}, lifecycle.IssuerVerdict{Reason: "ErrorSetup", Message: `Secret "tpp" does not exist in namespace "system"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newVenafiWorld(t)
			issuer := row.issuer(w)
			for range 2 {
				got, err := w.Check(t.Context(), issuer, w.clock())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(row.want, got); diff != "" {
					t.Errorf("verdict (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestACheckIsNotRepeatedUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	w := newVenafiWorld(t)
	issuer := w.issuer(nil)
	check := func(want bool, calls int) {
		t.Helper()
		before, after := 0, 0
		w.server.Change(func(s *cyberark.Server) { before = len(s.Calls) })
		verdict, err := w.Check(t.Context(), issuer, w.clock())
		if err != nil {
			t.Fatal(err)
		}
		w.server.Change(func(s *cyberark.Server) { after = len(s.Calls) })
		if verdict.Ready != want || after-before != calls {
			t.Errorf("ready %v (%s) after %d requests, want %v after %d", verdict.Ready, verdict.Message, after-before, want, calls)
		}
	}
	check(true, 2)
	check(true, 0)
	issuer.Generation++
	check(true, 2)
	w.secrets.put("shop", "tpp", map[string][]byte{"username": []byte("joe"), "password": []byte("unknown")})
	check(false, 1)
	w.pass(20 * time.Minute)
	check(false, 0)
	w.pass(20 * time.Minute)
	check(false, 1)
	w.secrets.put("shop", "tpp", map[string][]byte{"username": []byte(cyberark.Username), "password": []byte(cyberark.Password)})
	check(true, 2)
	w.pass(time.Hour + time.Minute)
	check(true, 2) // the token's life is over as well
}

func TestAnIssuerStaysReadyWhileItsServerIsDown(t *testing.T) {
	t.Parallel()
	w := newVenafiWorld(t)
	w.server.Override = func(out http.ResponseWriter, _ *http.Request) bool {
		out.Header().Set("Retry-After", "120")
		cyberark.Reply(out, http.StatusServiceUnavailable, map[string]any{})
		return true
	}
	issuer := w.issuer(nil)
	for _, row := range []struct {
		observed int64
		ready    bool
	}{{1, true}, {0, false}} {
		issuer.Status.Conditions = []cmv1.IssuerCondition{{Type: cmv1.IssuerConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: row.observed}}
		verdict, err := w.Check(t.Context(), issuer, w.clock())
		if err != nil {
			t.Fatal(err)
		}
		want := lifecycle.IssuerVerdict{Ready: row.ready, Reason: "ErrorSetup", Fault: &lifecycle.Fault{
			Kind: lifecycle.Wait, Until: testNow.Add(2 * time.Minute), Message: "get a token: 127.0.0.1 answered 503 Service Unavailable: no reason is given",
		}}
		if diff := cmp.Diff(want, verdict); diff != "" {
			t.Errorf("generation %d (-want +got):\n%s", row.observed, diff)
		}
	}
}
