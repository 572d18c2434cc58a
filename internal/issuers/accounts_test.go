package issuers

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// registrar is an ACME issuer with its server and its controller.
type registrar struct {
	t        *testing.T
	server   *acmeServer
	secrets  *testSecrets
	accounts *Accounts
	issuer   *cmv1.Issuer
}

func newRegistrar(t *testing.T) *registrar {
	t.Helper()
	r := &registrar{t: t, server: startACME(t), secrets: newTestSecrets()}
	_, r.accounts = New(Config{
		Client: secretCreator{secrets: r.secrets}, Secrets: r.secrets, ClusterResourceNamespace: "certwright",
		Clock: func() time.Time { return testNow },
	})
	r.issuer = &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "acme", UID: "uid-acme", Generation: 1},
		Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server: r.server.directory(), Email: "Admin@Example.com",
			PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
		}}},
	}
	return r
}

func (r *registrar) verdict() lifecycle.IssuerVerdict {
	r.t.Helper()
	verdict, err := r.accounts.check(r.t.Context(), r.issuer, testNow)
	if err != nil {
		r.t.Fatal(err)
	}
	return verdict
}

// check has the account checked and stores what came of it, as the controller
// does.
func (r *registrar) check() lifecycle.IssuerVerdict {
	r.t.Helper()
	verdict := r.verdict()
	seen := lifecycle.IssuerSeen{Issuer: r.issuer, Verdict: &verdict}
	if verdict.Fault != nil {
		seen.Trouble = seen.Trouble.Again(&verdict, testNow)
	}
	r.issuer.Status = lifecycle.NextIssuer(seen, testNow).Status
	return verdict
}

func (r *registrar) edit(change func(*acmev1.ACMEIssuer)) {
	change(r.issuer.Spec.ACME)
	r.issuer.Generation++
}

func (r *registrar) expectAsked(want string) {
	r.t.Helper()
	if asked := r.server.take(); asked != want {
		r.t.Errorf("the CA was asked %q, want %q", asked, want)
	}
}

func (r *registrar) expect(verdict lifecycle.IssuerVerdict, ready bool, reason string) {
	r.t.Helper()
	if verdict.Ready != ready || verdict.Reason != reason {
		r.t.Errorf("verdict %t %s %s (fault %+v), want %t %s", verdict.Ready, verdict.Reason, verdict.Message, verdict.Fault, ready, reason)
	}
}

// refuse makes the server answer something with a problem.
func (r *registrar) refuse(what string, status int, kind string, header http.Header) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.server.refuse = func(asked string) (int, string, http.Header) {
		if asked == what {
			return status, kind, header
		}
		return 0, "", nil
	}
}

func TestAccountIsRegisteredWithANewKey(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("directory, find, create")
	account := r.server.only()
	if diff := cmp.Diff([]string{"mailto:admin@example.com"}, account.contact); diff != "" {
		t.Errorf("contact (-want +got):\n%s", diff)
	}
	status := r.issuer.Status.ACME
	if status.URI != account.url || status.LastRegisteredEmail != "admin@example.com" || status.LastPrivateKeyHash == "" {
		t.Errorf("status %+v", status)
	}
	secret, err := r.secrets.Get(t.Context(), r.accounts.placeOf(r.issuer).NamespacedName)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(secret.Data["tls.key"]), "-----BEGIN RSA PRIVATE KEY-----") {
		t.Error("the account key is not PKCS#1")
	}
	if diff := cmp.Diff(map[string]string{"app.kubernetes.io/managed-by": "cert-manager", "controller.cert-manager.io/fao": "true"}, secret.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}

	client, err := r.accounts.Client(t.Context(), r.issuer)
	if err != nil || client.AccountURL() != account.url {
		t.Fatalf("client for %v, %v", client, err)
	}
	again, err := r.accounts.Client(t.Context(), r.issuer)
	if err != nil || again != client {
		t.Error("the client was made anew, and its nonces lost")
	}
}

func TestRegisteredAccountIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.check()
	r.server.take()
	r.server.Close()
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("")
}

func TestInstallationOfAnotherOperatorIsTakenOverWithoutAskingTheCA(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	key := newKey(t, pki.RSA)
	r.secrets.put("shop", "account", map[string][]byte{"tls.key": accountPEM(t, key)})
	hash, err := keyHash(key)
	if err != nil {
		t.Fatal(err)
	}
	r.issuer.Status = cmv1.IssuerStatus{
		Conditions: []cmv1.IssuerCondition{{Type: cmv1.IssuerConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: 1}},
		ACME:       &acmev1.ACMEIssuerStatus{URI: "https://ca.example/acct/7", LastRegisteredEmail: "admin@example.com", LastPrivateKeyHash: hash},
	}
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("")
	client, err := r.accounts.Client(t.Context(), r.issuer)
	if err != nil || client.AccountURL() != "https://ca.example/acct/7" {
		t.Errorf("client %v, %v", client, err)
	}
}

func TestKeyHashIsThatOfInstallationsToday(t *testing.T) {
	t.Parallel()
	key := newKey(t, pki.RSA)
	block, _ := pem.Decode(accountPEM(t, key)) // PKCS#1
	sum := sha256.Sum256(block.Bytes)
	hash, err := keyHash(key)
	if want := base64.StdEncoding.EncodeToString(sum[:]); err != nil || hash != want {
		t.Errorf("hash %q, %v, want %q", hash, err, want)
	}
}

func accountPEM(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	text, err := acme.MarshalAccountKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAccountKeyMayBeBroughtAlong(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []pki.Algorithm{pki.RSA, pki.ECDSA} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			r := newRegistrar(t)
			r.secrets.put("shop", "account", map[string][]byte{"key.pem": accountPEM(t, newKey(t, algorithm))})
			r.edit(func(a *acmev1.ACMEIssuer) { a.PrivateKey.Key, a.DisableAccountKeyGeneration = "key.pem", true })
			r.expect(r.check(), true, "ACMEAccountRegistered")
		})
	}
}

func TestAccountThatExistsIsFoundByItsKey(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.check()
	uri := r.issuer.Status.ACME.URI
	r.issuer.Status = cmv1.IssuerStatus{} // a restored backup without status
	r.server.take()
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("find")
	if r.issuer.Status.ACME.URI != uri {
		t.Errorf("account %s, want %s", r.issuer.Status.ACME.URI, uri)
	}
}

func TestExternalAccountIsBoundOnce(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.server.needsEAB = true
	r.expect(r.check(), false, "ErrRegisterACMEAccount")
	r.edit(func(a *acmev1.ACMEIssuer) {
		a.ExternalAccountBinding = &acmev1.ACMEExternalAccountBinding{
			KeyID: "kid-1",
			Key:   cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "eab"}, Key: "hmac"},
		}
	})
	verdict := r.check()
	r.expect(verdict, false, "ErrRegisterACMEAccount")
	if want := `Secret "eab" with the key of the external account does not exist in namespace "shop"`; verdict.Message != want {
		t.Errorf("message %q, want %q", verdict.Message, want)
	}
	r.secrets.put("shop", "eab", map[string][]byte{"hmac": []byte("not base64url!")})
	verdict = r.check()
	if want := `Secret "eab" in namespace "shop": hmac: parse external account key: not base64url`; verdict.Message != want {
		t.Errorf("message %q, want %q", verdict.Message, want)
	}
	r.secrets.put("shop", "eab", map[string][]byte{"hmac": []byte(base64.RawURLEncoding.EncodeToString([]byte("0123456789abcdef")))})
	r.expect(r.check(), true, "ACMEAccountRegistered")
	if kid := r.server.only().kid; kid != "kid-1" {
		t.Errorf("bound to %q, want kid-1", kid)
	}
	// The binding may be good for one use only.
	r.secrets.delete("shop", "eab")
	r.issuer.Status = cmv1.IssuerStatus{}
	r.expect(r.check(), true, "ACMEAccountRegistered")
}

func TestNewContactIsToldToTheCA(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.server.silent = true
	r.check()
	r.edit(func(a *acmev1.ACMEIssuer) { a.Email = "ops@example.com" })
	r.server.take()
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("find, update")
	if got := r.server.only().contact; len(got) != 1 || got[0] != "mailto:ops@example.com" {
		t.Errorf("contact %v", got)
	}
	r.edit(func(a *acmev1.ACMEIssuer) { a.Profile = "shortlived" })
	r.check()
	r.expectAsked("find")
	r.edit(func(a *acmev1.ACMEIssuer) { a.Email = "" })
	r.check()
	r.expectAsked("find, update")
	if got := r.server.only().contact; len(got) != 0 || r.issuer.Status.ACME.LastRegisteredEmail != "" {
		t.Errorf("contact %v, status %+v", got, r.issuer.Status.ACME)
	}
}

func TestContactThatTheCARefusesIsSaid(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.check()
	r.edit(func(a *acmev1.ACMEIssuer) { a.Email = "ops@example.com" })
	r.refuse("update", http.StatusBadRequest, "invalidContact", nil)
	verdict := r.check()
	r.expect(verdict, false, "ErrUpdateACMEAccount")
	if verdict.Fault.Kind != lifecycle.Stalled || r.issuer.Status.ACME.LastRegisteredEmail != "admin@example.com" {
		t.Errorf("fault %+v, status %+v", verdict.Fault, r.issuer.Status.ACME)
	}
}

func TestRegistrationFaultsAreClassed(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		what     string
		status   int
		kind     string
		header   http.Header
		want     lifecycle.Fault
	}{
		{"a refusal stalls", "create", http.StatusBadRequest, "invalidContact", nil, lifecycle.Fault{Kind: lifecycle.Stalled}},
		{"a look-up that is refused is no obstacle to registering", "find", http.StatusUnauthorized, "externalAccountRequired", nil, lifecycle.Fault{}},
		{"a server error is tried again", "create", http.StatusInternalServerError, "serverInternal", nil, lifecycle.Fault{Kind: lifecycle.Retry}},
		{"a rate limit waits", "create", http.StatusTooManyRequests, "rateLimited", http.Header{"Retry-After": {"120"}},
			lifecycle.Fault{Kind: lifecycle.Wait}},
		{"a directory that is not there is tried again", "directory", http.StatusNotFound, "", nil, lifecycle.Fault{Kind: lifecycle.Retry}},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			r := newRegistrar(t)
			r.refuse(row.what, row.status, row.kind, row.header)
			verdict := r.check()
			if row.want.Kind == 0 {
				r.expect(verdict, true, "ACMEAccountRegistered")
				return
			}
			r.expect(verdict, false, "ErrRegisterACMEAccount")
			if verdict.Fault == nil || verdict.Fault.Kind != row.want.Kind {
				t.Errorf("fault %+v, want %s", verdict.Fault, row.want.Kind)
			}
			if row.want.Kind == lifecycle.Wait && verdict.Fault.Until.Before(testNow.Add(119*time.Second)) {
				t.Errorf("waits until %s, want two minutes", verdict.Fault.Until)
			}
			r.server.mu.Lock()
			r.server.refuse = nil
			r.server.mu.Unlock()
			r.expect(r.check(), true, "ACMEAccountRegistered")
		})
	}
}

func TestCAThatIsDownLeavesARegisteredIssuerReady(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.check()
	r.edit(func(a *acmev1.ACMEIssuer) { a.Profile = "shortlived" })
	r.refuse("find", http.StatusServiceUnavailable, "serverInternal", nil)
	verdict := r.check()
	if !verdict.Ready || verdict.Fault == nil {
		t.Errorf("verdict %+v, want ready with a fault", verdict)
	}
	if ready := lifecycle.IssuerReady(r.issuer); ready.Status != cmmeta.ConditionTrue {
		t.Errorf("condition %+v", ready)
	}
	// But it is of no help with another server, or another key.
	r.secrets.put("shop", "account", map[string][]byte{"tls.key": accountPEM(t, newKey(t, pki.ECDSA))})
	r.expect(r.check(), false, "ErrRegisterACMEAccount")
	if _, err := r.accounts.Client(t.Context(), r.issuer); err == nil || !strings.Contains(err.Error(), "not registered yet") {
		t.Errorf("client for a key that the CA does not know: %v", err)
	}
}

func TestDeactivatedAccountStalls(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.check()
	r.server.only().status = "deactivated"
	r.edit(func(*acmev1.ACMEIssuer) {})
	verdict := r.check()
	r.expect(verdict, false, "ErrRegisterACMEAccount")
	if want := `the CA says that the account is deactivated; delete the Secret "account" to get another one`; verdict.Fault.Message != want {
		t.Errorf("message %q, want %q", verdict.Fault.Message, want)
	}
}

func TestAccountKeyThatIsOfNoUseIsSaid(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		data     map[string][]byte // nil: no Secret
		edit     func(*acmev1.ACMEIssuer)
		reason   string
		message  string
	}{
		{"a Secret without the key", map[string][]byte{"other": []byte("x")}, nil, "ErrVerifyACMEAccount", `Secret "account" in namespace "shop" has no tls.key`},
		{"a Secret with garbage", map[string][]byte{"tls.key": []byte("s3cr3t")}, nil, "ErrVerifyACMEAccount",
			`Secret "account" in namespace "shop": parse account key: no PEM private key found`},
		{"no Secret, and none to be made", nil, func(a *acmev1.ACMEIssuer) { a.DisableAccountKeyGeneration = true }, "ErrVerifyACMEAccount",
			`Secret "account" with the account key does not exist in namespace "shop", and disableAccountKeyGeneration is set`},
		{"a server that is no URL", nil, func(a *acmev1.ACMEIssuer) { a.Server = "acme.example.com" }, "InvalidURL", "acme.server is not the URL of an ACME directory"},
		{"a bundle without a certificate", nil, func(a *acmev1.ACMEIssuer) { a.CABundle = []byte("x") }, "InvalidConfig",
			"set up TLS: the CA bundle holds no PEM certificate"},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			r := newRegistrar(t)
			if row.data != nil {
				r.secrets.put("shop", "account", row.data)
			}
			if row.edit != nil {
				r.edit(row.edit)
			}
			verdict := r.check()
			r.expect(verdict, false, row.reason)
			if verdict.Message != row.message {
				t.Errorf("message %q, want %q", verdict.Message, row.message)
			}
			r.expectAsked("")
		})
	}
}

func TestKeyThatComesBackIsNoNewsForTheCA(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	key := accountPEM(t, newKey(t, pki.ECDSA))
	r.secrets.put("shop", "account", map[string][]byte{"tls.key": key})
	r.check()
	r.secrets.put("shop", "account", map[string][]byte{"tls.key": []byte("garbage")})
	r.expect(r.check(), false, "ErrVerifyACMEAccount")
	r.secrets.put("shop", "account", map[string][]byte{"tls.key": key})
	r.server.take()
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("")
}

func TestClientFollowsTheIssuer(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	if _, err := r.accounts.Client(t.Context(), r.issuer); err == nil {
		t.Error("a client without a key")
	}
	r.check()
	before, err := r.accounts.Client(t.Context(), r.issuer)
	if err != nil {
		t.Fatal(err)
	}
	r.issuer.Status.ACME.URI += "0"
	after, err := r.accounts.Client(t.Context(), r.issuer)
	if err != nil || after == before || after.AccountURL() != r.issuer.Status.ACME.URI {
		t.Errorf("client for %s, %v", after.AccountURL(), err)
	}
	if len(r.accounts.servers) != 1 {
		t.Errorf("%d servers, want that connections and nonces are shared", len(r.accounts.servers))
	}
	r.issuer.Spec.ACME = nil
	if _, err := r.accounts.Client(t.Context(), r.issuer); err == nil {
		t.Error("a client for an issuer that is not ACME")
	}
}

// noNamespace refuses every Secret.
type noNamespace struct{ client.Client }

func (noNamespace) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	return apierrors.NewNotFound(corev1.Resource("namespaces"), o.GetNamespace())
}

func TestAccountKeyThatCanNotBeStoredIsSaidAndNoCAAsked(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.accounts.client = noNamespace{}
	verdict := r.check()
	r.expect(verdict, false, "ErrVerifyACMEAccount")
	if want := `store account key: namespaces "shop" not found`; verdict.Message != want || verdict.Wake.IsZero() {
		t.Errorf("message %q, want %q; wake %s", verdict.Message, want, verdict.Wake)
	}
	r.expectAsked("")
}

func TestAccountThatTheCAForgotIsRegisteredAnew(t *testing.T) {
	t.Parallel()
	r := registered(t)
	client, err := r.accounts.Client(t.Context(), r.issuer)
	if err != nil {
		t.Fatal(err)
	}
	before := r.issuer.Status.ACME.URI
	r.server.forget()
	for range 3 { // many notice, one is enough
		if _, err := client.NewOrder(t.Context(), acme.OrderRequest{}); !acme.IsAccountDoesNotExist(err) {
			t.Fatalf("order: %v, want that there is no such account", err)
		}
	}
	select {
	case lost := <-r.accounts.Lost(cmv1.IssuerKind):
		if lost.Object.GetName() != r.issuer.Name {
			t.Errorf("%s is to be checked", lost.Object.GetName())
		}
	default:
		t.Fatal("nobody is told")
	}
	if n := len(r.accounts.Lost(cmv1.IssuerKind)) + len(r.accounts.Lost(cmv1.ClusterIssuerKind)); n != 0 {
		t.Errorf("told %d times more", n)
	}
	r.server.take()
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("find, create")
	if r.issuer.Status.ACME.URI == before {
		t.Error("the account is that of before")
	}
	r.expectOneKey()
	r.check()
	r.expectAsked("")
}
