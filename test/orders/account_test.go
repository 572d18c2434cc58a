package orders

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

// newAccounts is a world whose issuer has to look after its account itself.
func newAccounts(t *testing.T, ca testca.Options, edit func(*cmv1.Issuer)) *world {
	t.Helper()
	w := newUnregistered(t, ca, acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}})
	w.editIssuer("pebble", func(issuer *cmv1.Issuer) {
		issuer.Spec.ACME.SkipTLSVerify = true
		if edit != nil {
			edit(issuer)
		}
	})
	w.run()
	return w
}

func (w *world) editIssuer(name string, edit func(*cmv1.Issuer)) {
	w.t.Helper()
	w.eventually("the issuer is edited", func() (bool, any) {
		issuer := w.issuer(name)
		before := issuer.DeepCopy()
		edit(issuer)
		err := w.api.Patch(w.t.Context(), issuer, client.MergeFrom(before))
		return err == nil, err
	})
}

func (w *world) issuer(name string) *cmv1.Issuer {
	w.t.Helper()
	issuer := &cmv1.Issuer{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, issuer); err != nil {
		w.t.Fatal(err)
	}
	return issuer
}

// eventuallyReady waits for the issuer's condition Ready.
func (w *world) eventuallyReady(name, what string, is func(*cmv1.Issuer, *cmv1.IssuerCondition) bool) *cmv1.Issuer {
	w.t.Helper()
	var issuer *cmv1.Issuer
	w.eventually(what, func() (bool, any) {
		issuer = w.issuer(name)
		ready := lifecycle.IssuerReady(issuer)
		return ready != nil && ready.ObservedGeneration == issuer.Generation && is(issuer, ready), fmt.Sprintf("%+v", issuer.Status)
	})
	return issuer
}

func (w *world) eventuallyRegistered(name string) *cmv1.Issuer {
	w.t.Helper()
	return w.eventuallyReady(name, name+" is registered", func(issuer *cmv1.Issuer, ready *cmv1.IssuerCondition) bool {
		return ready.Status == cmmeta.ConditionTrue && issuer.Status.ACME != nil && issuer.Status.ACME.URI != ""
	})
}

// key is the account key in the Secret.
func (w *world) key() crypto.Signer {
	w.t.Helper()
	secret := &corev1.Secret{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "account"}, secret); err != nil {
		w.t.Fatal(err)
	}
	key, err := acme.ParseAccountKey(secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		w.t.Fatal(err)
	}
	return key
}

// speaker asks the CA with a key as somebody else than the operator.
func (w *world) speaker(key crypto.Signer) *acme.Client {
	w.t.Helper()
	speaker, err := acme.New(acme.Config{DirectoryURL: w.ca.DirectoryURL, HTTPClient: w.ca.HTTPClient, Key: key})
	if err != nil {
		w.t.Fatal(err)
	}
	return speaker
}

// issued has an Order go through with the issuer's account.
func (w *world) issued(name string) {
	w.t.Helper()
	w.order(name, name+".example.com")
	w.eventuallyOrder(name, "valid", isValid)
}

func TestAccountIsDeactivatedOnRequestAndAnotherKeyGetsAnotherOne(t *testing.T) {
	t.Parallel()
	w := newAccounts(t, testca.Options{}, nil)
	uri, key := w.eventuallyRegistered("pebble").Status.ACME.URI, w.key()
	w.issued("before")
	w.editIssuer("pebble", func(issuer *cmv1.Issuer) {
		metav1.SetMetaDataAnnotation(&issuer.ObjectMeta, cmv1.DeactivateAccountAnnotation, uri)
	})
	w.eventuallyReady("pebble", "the account is deactivated", func(_ *cmv1.Issuer, ready *cmv1.IssuerCondition) bool {
		return ready.Status == cmmeta.ConditionFalse && ready.Reason == cmv1.IssuerReasonAccountDeactivated && strings.Contains(ready.Message, `delete the Secret "account"`)
	})
	if _, err := w.speaker(key).WithAccount(uri).GetAccount(t.Context()); !acme.IsAccountDeactivated(err) {
		t.Errorf("the CA, asked for the account: %v", err)
	}

	if err := w.api.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "account"}}); err != nil {
		t.Fatal(err)
	}
	if again := w.eventuallyRegistered("pebble").Status.ACME.URI; again == uri {
		t.Errorf("it is %s again", uri)
	}
	w.issued("after")
}

// The first order finds out; nobody has to look after anything.
func TestAccountThatTheCAForgotIsRegisteredAgainAndOrdersGoOn(t *testing.T) {
	t.Parallel()
	w := newAccounts(t, testca.Options{}, nil)
	before, key := w.eventuallyRegistered("pebble").Status.ACME, w.key()
	w.issued("before")
	w.ca.Forget(t)
	w.issued("after")
	after := w.eventuallyRegistered("pebble").Status.ACME
	if after.URI == before.URI || after.LastPrivateKeyHash != before.LastPrivateKeyHash {
		t.Errorf("account %+v, before it was %+v: want another one of the same key", after, before)
	}
	account, err := w.speaker(key).NewAccount(t.Context(), acme.AccountRequest{OnlyReturnExisting: true})
	if err != nil || account.URL != after.URI {
		t.Errorf("the CA knows %+v, %v", account, err)
	}
}

// Some CAs take a binding only once. That of the second issuer is one that the
// CA would refuse.
func TestAccountOfTheKeyIsFoundBeforeABindingIsSpent(t *testing.T) {
	t.Parallel()
	const mac = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	binding := func(id string) *acmev1.ACMEExternalAccountBinding {
		return &acmev1.ACMEExternalAccountBinding{KeyID: id, Key: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "eab"}, Key: "mac"}}
	}
	w := newAccounts(t, testca.Options{ExternalAccounts: map[string]string{"kid-1": mac}}, func(issuer *cmv1.Issuer) {
		issuer.Spec.ACME.ExternalAccountBinding = binding("kid-1")
	})
	w.eventuallyReady("pebble", "the Secret with the binding is missed", func(_ *cmv1.Issuer, ready *cmv1.IssuerCondition) bool {
		return ready.Status == cmmeta.ConditionFalse && strings.Contains(ready.Message, `Secret "eab"`)
	})
	if err := w.api.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "eab"}, Data: map[string][]byte{"mac": []byte(mac)},
	}); err != nil {
		t.Fatal(err)
	}
	first := w.eventuallyRegistered("pebble")

	second := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "second"}, Spec: *first.Spec.DeepCopy()}
	second.Spec.ACME.ExternalAccountBinding = binding("spent")
	if err := w.api.Create(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if uri := w.eventuallyRegistered("second").Status.ACME.URI; uri != first.Status.ACME.URI {
		t.Errorf("account %s, that of the key is %s", uri, first.Status.ACME.URI)
	}
	w.issued("shop")
}

func TestNewContactReachesTheCA(t *testing.T) {
	t.Parallel()
	w := newAccounts(t, testca.Options{}, func(issuer *cmv1.Issuer) { issuer.Spec.ACME.Email = "first@example.com" })
	uri := w.eventuallyRegistered("pebble").Status.ACME.URI
	w.editIssuer("pebble", func(issuer *cmv1.Issuer) { issuer.Spec.ACME.Email = "second@example.com" })
	w.eventuallyReady("pebble", "the contact is another one", func(issuer *cmv1.Issuer, ready *cmv1.IssuerCondition) bool {
		return ready.Status == cmmeta.ConditionTrue && issuer.Status.ACME.LastRegisteredEmail == "second@example.com"
	})
	account, err := w.speaker(w.key()).WithAccount(uri).GetAccount(t.Context())
	if err != nil || !slices.Equal(account.Contact, []string{"mailto:second@example.com"}) {
		t.Errorf("the CA knows %+v, %v", account, err)
	}
}

func TestAccountKeysOfEveryKindGetCertificates(t *testing.T) {
	t.Parallel()
	for algorithm, is := range map[string]func(crypto.PublicKey) bool{
		"RSA-2048": func(key crypto.PublicKey) bool {
			public, ok := key.(*rsa.PublicKey)
			return ok && public.N.BitLen() == 2048
		},
		"ECDSA-P256": func(key crypto.PublicKey) bool {
			public, ok := key.(*ecdsa.PublicKey)
			return ok && public.Curve.Params().Name == "P-256"
		},
		"ECDSA-P384": func(key crypto.PublicKey) bool {
			public, ok := key.(*ecdsa.PublicKey)
			return ok && public.Curve.Params().Name == "P-384"
		},
	} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			w := newAccounts(t, testca.Options{}, func(issuer *cmv1.Issuer) {
				metav1.SetMetaDataAnnotation(&issuer.ObjectMeta, cmv1.AccountKeyAlgorithmAnnotation, algorithm)
			})
			w.eventuallyRegistered("pebble")
			if key := w.key(); !is(key.Public()) {
				t.Errorf("the key is a %T", key)
			}
			w.issued("shop")
		})
	}
}

func TestKeyIsWaitedForThatAPersonBrings(t *testing.T) {
	t.Parallel()
	w := newAccounts(t, testca.Options{}, func(issuer *cmv1.Issuer) { issuer.Spec.ACME.DisableAccountKeyGeneration = true })
	w.eventuallyReady("pebble", "the key is missed", func(_ *cmv1.Issuer, ready *cmv1.IssuerCondition) bool {
		return ready.Status == cmmeta.ConditionFalse && strings.Contains(ready.Message, `"account"`)
	})
	if n := len(w.ca.Faults.Seen(testca.PathNewAccount)); n != 0 {
		t.Errorf("the CA was asked %d times", n)
	}
	key, err := acme.GenerateAccountKey(acme.KeyECDSAP384)
	if err != nil {
		t.Fatal(err)
	}
	account, err := w.speaker(key).NewAccount(t.Context(), acme.AccountRequest{TermsAgreed: true}) // made elsewhere
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.api.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "account"}, Data: map[string][]byte{corev1.TLSPrivateKeyKey: text},
	}); err != nil {
		t.Fatal(err)
	}
	if uri := w.eventuallyRegistered("pebble").Status.ACME.URI; uri != account.URL {
		t.Errorf("account %s, want %s", uri, account.URL)
	}
	w.issued("shop")
}

// A CA wants a person to agree to its new terms. What it says stands in the
// issuer's condition where it registers, in the Certificate's where it orders.
func TestNewTermsAreShownVerbatim(t *testing.T) {
	t.Parallel()
	const detail = "The terms of service have changed on 1 November 2026; please agree to them"
	link := http.Header{"Link": {`<https://ca.example/terms/2?agree=42>;rel="terms-of-service"`}}
	refuse := faultproxy.Problem(http.StatusForbidden, "userActionRequired", detail, link)
	verbatim := func(message string) bool {
		return strings.Contains(message, detail) && strings.Contains(message, "see https://ca.example/terms/2?agree=42")
	}
	w := newAccounts(t, testca.Options{}, nil)
	w.eventuallyRegistered("pebble")
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewOrder, Fault: refuse})
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathNewAccount, Fault: refuse})

	other := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "other"}, Spec: *w.issuer("pebble").Spec.DeepCopy()}
	other.Spec.ACME.PrivateKey.Name = "other-account"
	crt := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web"},
		Spec:       cmv1.CertificateSpec{SecretName: "web-tls", DNSNames: []string{"web.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "pebble"}},
	}
	for _, o := range []client.Object{other, crt} {
		if err := w.api.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	w.eventuallyReady("other", "the issuer shows what the CA says", func(_ *cmv1.Issuer, ready *cmv1.IssuerCondition) bool {
		return ready.Status == cmmeta.ConditionFalse && verbatim(ready.Message)
	})
	w.eventually("the Certificate shows what the CA says", func() (bool, any) {
		if err := w.api.Get(t.Context(), client.ObjectKeyFromObject(crt), crt); err != nil {
			return false, err
		}
		return slices.ContainsFunc(crt.Status.Conditions, func(c cmv1.CertificateCondition) bool {
			return c.Type == cmv1.CertificateConditionReady && c.Status == cmmeta.ConditionFalse && verbatim(c.Message)
		}), crt.Status.Conditions
	})
}
