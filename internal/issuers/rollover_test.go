package issuers

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
)

// registered is an issuer with an account.
func registered(t *testing.T) *registrar {
	t.Helper()
	r := newRegistrar(t)
	r.check()
	r.server.take()
	return r
}

func (r *registrar) annotate(name, value string) {
	if r.issuer.Annotations == nil {
		r.issuer.Annotations = map[string]string{}
	}
	r.issuer.Annotations[name] = value
}

func (r *registrar) secret() *corev1.Secret {
	r.t.Helper()
	secret, err := r.secrets.Get(r.t.Context(), r.accounts.placeOf(r.issuer).NamespacedName)
	if err != nil {
		r.t.Fatal(err)
	}
	return secret
}

// restart loses what the operator had in memory.
func (r *registrar) restart(refuse func() error) {
	_, r.accounts = New(Config{
		Client: secretCreator{secrets: r.secrets, refuse: refuse}, Secrets: r.secrets, ClusterResourceNamespace: "certwright", Clock: r.accounts.clock,
	})
}

func (r *registrar) expectRollover(reason, message string) {
	r.t.Helper()
	for _, c := range r.issuer.Status.Conditions {
		if c.Type != cmv1.IssuerConditionAccountKeyRollover {
			continue
		}
		if c.Reason != reason || c.Message != message || (c.Status == cmmeta.ConditionTrue) != (reason == cmv1.IssuerReasonRolledOver) {
			r.t.Errorf("condition %s %s: %s, want %s: %s", c.Status, c.Reason, c.Message, reason, message)
		}
		return
	}
	r.t.Errorf("no condition about the rollover, want %s", reason)
}

// expectOneKey: the Secret has one key, which is the one that the CA knows, and
// everybody speaks with it.
func (r *registrar) expectOneKey() acme.KeyType {
	r.t.Helper()
	secret := r.secret()
	if _, pending := secret.Data["tls.key.pending"]; pending || len(secret.Data) != 1 {
		r.t.Errorf("the Secret holds %d keys", len(secret.Data))
	}
	signer, err := acme.ParseAccountKey(secret.Data["tls.key"])
	if err != nil {
		r.t.Fatal(err)
	}
	reg := &registration{spec: r.issuer.Spec.ACME, now: testNow}
	if known, err := r.accounts.isKnown(r.t.Context(), reg, signer); !known || err != nil {
		r.t.Errorf("the CA knows the key in the Secret: %t, %v", known, err)
	}
	client, err := r.accounts.Client(r.t.Context(), r.issuer)
	if err != nil {
		r.t.Fatal(err)
	}
	want, err := acme.KeyAuthorization("token", signer.Public())
	if err != nil {
		r.t.Fatal(err)
	}
	if got, err := client.KeyAuthorization("token"); got != want || err != nil {
		r.t.Error("the client speaks with another key")
	}
	if n := len(r.server.accounts); n != 1 {
		r.t.Errorf("%d accounts, want the one of before", n)
	}
	r.server.take()
	return kindOf(signer)
}

const newKeyText = "The account has a new key, as asked for"

func TestAccountKeyIsRolledOverOnceForEachRequest(t *testing.T) {
	t.Parallel()
	r := registered(t)
	before, uri := string(r.secret().Data["tls.key"]), r.issuer.Status.ACME.URI
	r.annotate(cmv1.RolloverAccountKeyAnnotation, "2026-11")
	r.annotate(cmv1.AccountKeyAlgorithmAnnotation, "ECDSA-P384")
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("change key")
	r.expectRollover("RolledOver", newKeyText)
	if kind := r.expectOneKey(); kind != acme.KeyECDSAP384 {
		t.Errorf("the new key is %s", kind)
	}
	if string(r.secret().Data["tls.key"]) == before || r.issuer.Status.ACME.URI != uri {
		t.Error("the key stayed, or the account did not")
	}
	r.check()
	r.expectAsked("")
	r.restart(nil)
	r.check()
	r.expectAsked("")

	r.annotate(cmv1.RolloverAccountKeyAnnotation, "2026-12")
	r.check()
	r.expectAsked("directory, change key") // after the restart
	r.expectOneKey()
}

func TestRolloverThatIsInterruptedIsBroughtToItsEnd(t *testing.T) {
	t.Parallel()
	down := errors.New("the operator ends here")
	for _, row := range []struct {
		sentence string
		patches  int // that succeed before the operator ends
		lost     bool
	}{
		{"before anything is stored", 0, false},
		{"after the CA took the key, before that is stored", 1, false},
		{"after the CA took the key, and its answer was lost", 1, true},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			r := registered(t)
			left := row.patches
			r.restart(func() error {
				if left == 0 {
					return down
				}
				left--
				return nil
			})
			r.annotate(cmv1.RolloverAccountKeyAnnotation, "now")
			r.server.losesAnswer = row.lost
			if _, err := r.accounts.check(t.Context(), r.issuer, testNow); !errors.Is(err, down) {
				t.Fatalf("error %v, want the end of the operator", err)
			}
			// Whoever comes next does not know what the CA knows.
			r.restart(nil)
			if _, err := r.accounts.Client(t.Context(), r.issuer); row.patches > 0 && (err == nil || !strings.Contains(err.Error(), "is being replaced")) {
				t.Errorf("client with a key that may be the wrong one: %v", err)
			}
			for range 3 { // passes
				r.check()
			}
			r.expectOneKey()
			if done := r.secret().Annotations[cmv1.AccountKeyRolloverDoneAnnotation]; done != "now" {
				t.Errorf("dealt with %q", done)
			}
		})
	}
}

func TestRolloverThatDiedBeforeTheCAWasToldBeginsAnew(t *testing.T) {
	t.Parallel()
	r := registered(t)
	data := map[string][]byte{"tls.key": r.secret().Data["tls.key"], "tls.key.pending": accountPEM(t, newKey(t, "ECDSA"))}
	r.secrets.put("shop", "account", data)
	r.restart(nil)
	r.annotate(cmv1.RolloverAccountKeyAnnotation, "now")
	r.check()
	r.expectAsked("directory, find, change key")
	r.expectRollover("RolledOver", newKeyText)
	r.expectOneKey()
}

func TestRolloverNobodyAsksForAnyMoreIsTakenBack(t *testing.T) {
	t.Parallel()
	r := registered(t)
	old := r.secret().Data["tls.key"]
	r.secrets.put("shop", "account", map[string][]byte{"tls.key": old, "tls.key.pending": accountPEM(t, newKey(t, "ECDSA"))})
	r.restart(nil)
	r.check()
	r.expectOneKey()
	if string(r.secret().Data["tls.key"]) != string(old) {
		t.Error("the key that the CA knows is gone")
	}
}

func TestSpecThatChangesInTheMiddleOfARolloverGetsNoSecondAccount(t *testing.T) {
	t.Parallel()
	r := registered(t)
	// The CA took the key; nothing else is stored, and the issuer is edited.
	signer := newKey(t, "ECDSA")
	data := map[string][]byte{"tls.key": r.secret().Data["tls.key"], "tls.key.pending": accountPEM(t, signer)}
	client, err := r.accounts.Client(t.Context(), r.issuer)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.KeyChange(t.Context(), signer); err != nil {
		t.Fatal(err)
	}
	r.secrets.put("shop", "account", data)
	r.restart(nil)
	r.annotate(cmv1.RolloverAccountKeyAnnotation, "now")
	r.issuer.Generation++
	for range 2 {
		r.check()
	}
	r.expectOneKey()
}

func TestCAThatCanNotRollOverLeavesTheOldKeyInUse(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		sentence string
		status   int
		kind     string
		reason   string
		message  string
	}{
		{"not implemented", http.StatusNotImplemented, "notImplemented", "RolloverUnsupported", "The CA can not change the key of an account; the old key stays in use"},
		{"refused", http.StatusBadRequest, "badPublicKey", "RolloverRefused",
			"change key: not today (badPublicKey); the old key stays in use; set another value of the annotation to ask again"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			r := registered(t)
			old := string(r.secret().Data["tls.key"])
			r.annotate(cmv1.RolloverAccountKeyAnnotation, "now")
			r.refuse("change key", row.status, row.kind, nil)
			r.expect(r.check(), true, "ACMEAccountRegistered")
			r.expectRollover(row.reason, row.message)
			r.expectOneKey()
			if string(r.secret().Data["tls.key"]) != old {
				t.Error("the old key is gone")
			}
			r.check()
			r.expectAsked("")
		})
	}
}

func TestRolloverIsTriedAgainWhenTheCAIsInTrouble(t *testing.T) {
	t.Parallel()
	r := registered(t)
	r.annotate(cmv1.RolloverAccountKeyAnnotation, "now")
	r.refuse("change key", http.StatusInternalServerError, "serverInternal", nil)
	verdict := r.check()
	if verdict.Fault == nil || verdict.Fault.Kind != lifecycle.Retry || !verdict.Ready {
		t.Errorf("verdict %+v", verdict)
	}
	r.expectRollover("RolloverPending", "change key: not today (serverInternal); tried again")
	r.expectOneKey()
	r.refuse("nothing", 0, "", nil)
	r.check()
	r.expectRollover("RolledOver", newKeyText)
	r.expectOneKey()
}

func TestLostAnswerToARolloverIsAskedFor(t *testing.T) {
	t.Parallel()
	r := registered(t)
	r.annotate(cmv1.RolloverAccountKeyAnnotation, "now")
	r.server.losesAnswer = true
	r.check()
	r.expectAsked("change key, find")
	r.expectRollover("RolledOver", newKeyText)
	r.expectOneKey()
}

func TestSecretThatMayNotBeChangedIsSaid(t *testing.T) {
	t.Parallel()
	r := registered(t)
	r.restart(func() error {
		return apierrors.NewForbidden(corev1.Resource("secrets"), "account", errors.New("it is immutable"))
	})
	r.annotate(cmv1.RolloverAccountKeyAnnotation, "now")
	verdict := r.check()
	r.expectRollover("RolloverPending", `store account key: secrets "account" is forbidden: it is immutable; the old key stays in use`)
	if !verdict.Ready || verdict.Wake.IsZero() {
		t.Errorf("verdict %+v", verdict)
	}
	r.expectAsked("")
}

func TestKindOfAccountKeyIsChosenByAnnotation(t *testing.T) {
	t.Parallel()
	for _, kind := range []acme.KeyType{acme.KeyRSA2048, acme.KeyECDSAP256, acme.KeyECDSAP384} {
		r := newRegistrar(t)
		r.annotate(cmv1.AccountKeyAlgorithmAnnotation, string(kind))
		r.check()
		if got := r.expectOneKey(); got != kind {
			t.Errorf("key is %s, want %s", got, kind)
		}
	}
	r := newRegistrar(t)
	r.annotate(cmv1.AccountKeyAlgorithmAnnotation, "DSA")
	verdict := r.check()
	r.expect(verdict, false, "InvalidConfig")
	if want := `annotation certwright.dev/account-key-algorithm: "DSA" is none of RSA-2048, ECDSA-P256, ECDSA-P384`; verdict.Message != want {
		t.Errorf("message %q, want %q", verdict.Message, want)
	}
	r.expectAsked("")
}

func TestAccountIsDeactivatedOnRequest(t *testing.T) {
	t.Parallel()
	r := registered(t)
	r.annotate(cmv1.DeactivateAccountAnnotation, "https://ca.example/another/account")
	r.expect(r.check(), true, "ACMEAccountRegistered")
	r.expectAsked("")
	r.annotate(cmv1.DeactivateAccountAnnotation, r.issuer.Status.ACME.URI)
	verdict := r.check()
	r.expect(verdict, false, "AccountDeactivated")
	if want := "The account " + r.issuer.Status.ACME.URI + ` was deactivated, as asked for; to get another one, delete the Secret "account" with its key`; verdict.Message != want {
		t.Errorf("message %q, want %q", verdict.Message, want)
	}
	r.expectAsked("deactivate")
	if status := r.server.only().status; status != "deactivated" {
		t.Errorf("account is %s", status)
	}
	r.check()
	delete(r.issuer.Annotations, cmv1.DeactivateAccountAnnotation)
	r.issuer.Generation++
	r.expect(r.check(), false, "AccountDeactivated")
	r.expectAsked("")

	r.secrets.delete("shop", "account")
	r.expect(r.check(), true, "ACMEAccountRegistered")
	if n := len(r.server.accounts); n != 2 {
		t.Errorf("%d accounts, want another one", n)
	}
}

func TestDeactivationIsTriedAgainWhenTheCAIsInTrouble(t *testing.T) {
	t.Parallel()
	r := registered(t)
	r.annotate(cmv1.DeactivateAccountAnnotation, r.issuer.Status.ACME.URI)
	r.refuse("deactivate", http.StatusInternalServerError, "serverInternal", nil)
	if verdict := r.check(); verdict.Fault == nil || verdict.Fault.Kind != lifecycle.Retry {
		t.Errorf("verdict %+v", verdict)
	}
	r.refuse("nothing", 0, "", nil)
	r.expect(r.check(), false, "AccountDeactivated")
}
