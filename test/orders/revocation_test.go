package orders

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/controllers/revocation"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/acme/faultproxy"
	"github.com/certwright/certwright/test/acme/testca"
)

// revocations is a world in which certificates are issued and revoked.
type revocations struct{ *renewals }

func newRevocations(t *testing.T) revocations {
	t.Helper()
	w := revocations{newRenewals(t)}
	w.run(func(mgr ctrl.Manager, signers issuers.Registry, secrets *kube.Secrets) error {
		return revocation.Setup(mgr, revocation.Config{
			Clock: w.clock, Revokers: signers, Secrets: secrets, ClusterResourceNamespace: w.namespace, Retention: 365 * 24 * time.Hour,
		})
	})
	return w
}

// revoke creates a Revocation of the Certificate web, or of another target.
func (w revocations) revoke(name string, spec v1alpha1.RevocationSpec) {
	w.t.Helper()
	if spec.Target == (v1alpha1.RevocationTarget{}) {
		spec.Target.CertificateName = "web"
	}
	rev := &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Spec: spec}
	if err := w.api.Create(w.t.Context(), rev); err != nil {
		w.t.Fatal(err)
	}
}

// eventuallyRevocation waits until a condition of a Revocation is True.
func (w revocations) eventuallyRevocation(name, condition string) *v1alpha1.Revocation {
	w.t.Helper()
	rev := &v1alpha1.Revocation{}
	w.eventually("Revocation "+name+" is "+condition, func() (bool, any) {
		if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, rev); err != nil {
			w.t.Fatal(err)
		}
		text, _ := json.Marshal(rev.Status.Conditions)
		return apimeta.IsStatusConditionTrue(rev.Status.Conditions, condition), string(text)
	})
	return rev
}

func (w revocations) secret(name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, secret)
	return secret, err
}

// leaf is the certificate in the Secret.
func (w revocations) leaf() *x509.Certificate {
	w.t.Helper()
	secret, err := w.secret("web-tls")
	if err != nil {
		w.t.Fatal(err)
	}
	certs, err := pki.DecodeCertificates(secret.Data[corev1.TLSCertKey])
	if err != nil {
		w.t.Fatal(err)
	}
	return certs[0]
}

func (w revocations) expect(leaf *x509.Certificate, want testca.Revocation) {
	w.t.Helper()
	if got := w.ca.StatusBySerial(w.t, leaf.SerialNumber); got != want {
		w.t.Errorf("the CA says %+v, want %+v", got, want)
	}
}

// failed checks how a Revocation has ended without one.
func (w revocations) failed(name, reason string, parts ...string) {
	w.t.Helper()
	rev := w.eventuallyRevocation(name, v1alpha1.RevocationFailed)
	c := apimeta.FindStatusCondition(rev.Status.Conditions, v1alpha1.RevocationFailed)
	for _, part := range parts {
		if c.Reason != reason || !strings.Contains(c.Message, part) {
			w.t.Errorf("%s: %s: %s\nwant %s with %q", name, c.Reason, c.Message, reason, part)
		}
	}
}

func (w revocations) compromised(leaf *x509.Certificate) bool {
	w.t.Helper()
	hash, err := pki.KeyHash(leaf.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.api.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: hash}, &v1alpha1.CompromisedKey{})
	if client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	}
	return err == nil
}

func TestCertificateIsRevokedByTheAccount(t *testing.T) {
	t.Parallel()
	w := newRevocations(t)
	w.certificate("account.example.com")
	leaf := w.leaf()
	w.revoke("end", v1alpha1.RevocationSpec{Reason: v1alpha1.CessationOfOperation})
	rev := w.eventuallyRevocation("end", v1alpha1.RevocationRevoked)
	w.expect(leaf, testca.Revocation{Revoked: true, Reason: 5})
	s := rev.Status
	if s.SerialNumber != hex.EncodeToString(leaf.SerialNumber.Bytes()) || !bytes.Equal(s.CertificatePEM, pki.EncodeCertificates(leaf)) ||
		s.CertificateName != "web" || s.IssuerRef.Name != "pebble" || s.RevokedAt == nil || s.SignedWith != v1alpha1.AuthorizationAccountKey || s.ReissuedAt != nil {
		t.Errorf("status %+v", s)
	}
	if w.compromised(leaf) {
		t.Error("the key is said to be compromised")
	}
	w.eventually("it is told", func() (bool, any) {
		reasons := w.events(v1alpha1.RevocationKind)
		return slices.Equal(reasons, []string{v1alpha1.ReasonRevoked}), reasons
	})

	// The record can not be made to say something else, and a second one finds
	// that it is done.
	rev.Spec.Reason = v1alpha1.Superseded
	if err := w.api.Update(t.Context(), rev); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "create another one instead") {
		t.Errorf("the spec was changed: %v", err)
	}
	w.revoke("again", v1alpha1.RevocationSpec{
		Target: v1alpha1.RevocationTarget{PEM: string(s.CertificatePEM), IssuerRef: &cmmeta.IssuerReference{Name: "pebble"}},
	})
	again := w.eventuallyRevocation("again", v1alpha1.RevocationRevoked)
	if c := apimeta.FindStatusCondition(again.Status.Conditions, v1alpha1.RevocationRevoked); c.Reason != v1alpha1.ReasonAlreadyRevoked {
		t.Errorf("second one: %+v", c)
	}
}

func TestCertificateIsRevokedByItsKeyAndTheKeyIsRemembered(t *testing.T) {
	t.Parallel()
	w := newRevocations(t)
	w.certificate("key.example.com")
	leaf := w.leaf()
	w.revoke("leak", v1alpha1.RevocationSpec{Reason: v1alpha1.KeyCompromise, Reissue: v1alpha1.ReissueNo, Authorization: v1alpha1.AuthorizationCertificateKey})
	rev := w.eventuallyRevocation("leak", v1alpha1.RevocationRevoked)
	w.expect(leaf, testca.Revocation{Revoked: true, Reason: 1})
	if rev.Status.SignedWith != v1alpha1.AuthorizationCertificateKey {
		t.Errorf("signed with %q", rev.Status.SignedWith)
	}
	if !w.compromised(leaf) {
		t.Error("the key is forgotten")
	}
}

// history writes down what happens.
type history struct {
	mu    sync.Mutex
	steps []string
}

func (o *history) add(step string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps = append(o.steps, step)
}

// watchRevocations checks, whenever the CA is asked to revoke, that the
// certificate is out of use by then.
func (w revocations) watchRevocations(old *x509.Certificate, o *history) {
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathRevoke, Fault: func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		secret := &corev1.Secret{}
		crt := &cmv1.Certificate{}
		errs := []error{
			w.api.Get(context.Background(), client.ObjectKey{Namespace: w.namespace, Name: "web-tls"}, secret),
			w.api.Get(context.Background(), client.ObjectKey{Namespace: w.namespace, Name: "web"}, crt),
		}
		certs, err := pki.DecodeCertificates(secret.Data[corev1.TLSCertKey])
		ready := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady)
		switch {
		case err != nil || errs[0] != nil || errs[1] != nil:
			o.add("revoke while nothing is stored")
		case certs[0].SerialNumber.Cmp(old.SerialNumber) == 0 || pki.SameKey(certs[0].PublicKey, old.PublicKey):
			o.add("revoke what is in use")
		case ready == nil || ready.Status != cmmeta.ConditionTrue:
			o.add("revoke while the Certificate is not ready")
		default:
			o.add("revoke what is replaced")
		}
		next.ServeHTTP(rw, r)
	}})
}

// The key is replaced although the Certificate wants to keep it, the old
// certificate is good until the new one is stored and the hold is over, and the
// key that is to sign the request survives its replacement that long.
func TestCertificateIsReplacedBeforeItIsRevoked(t *testing.T) {
	t.Parallel()
	for name, with := range map[string]v1alpha1.RevocationAuthorization{
		"by the account": v1alpha1.AuthorizationAuto, "by the key": v1alpha1.AuthorizationCertificateKey,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRevocations(t)
			w.certificate("first.example.com")
			w.eventually("the key is to be kept", func() (bool, any) {
				crt := &cmv1.Certificate{}
				if err := w.api.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "web"}, crt); err != nil {
					return false, err
				}
				crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever
				err := w.api.Update(t.Context(), crt)
				return err == nil, err
			})
			old := w.leaf()
			o := &history{}
			w.watchRevocations(old, o)
			const hold = 2 * time.Second
			w.revoke("first", v1alpha1.RevocationSpec{Reason: v1alpha1.Superseded, Hold: &metav1.Duration{Duration: hold}, Authorization: with})
			reissued := w.eventuallyRevocation("first", v1alpha1.RevocationReissued)
			rev := w.eventuallyRevocation("first", v1alpha1.RevocationRevoked)
			w.expect(old, testca.Revocation{Revoked: true, Reason: 4})
			if leaf := w.leaf(); leaf.SerialNumber.Cmp(old.SerialNumber) == 0 || pki.SameKey(leaf.PublicKey, old.PublicKey) {
				t.Error("the certificate was not replaced, or with its key")
			} else {
				w.expect(leaf, testca.Revocation{})
			}
			if !slices.Equal(o.steps, []string{"revoke what is replaced"}) {
				t.Errorf("steps %q", o.steps)
			}
			if held := rev.Status.RevokedAt.Sub(reissued.Status.ReissuedAt.Time); held < hold {
				t.Errorf("held for %s, want %s", held, hold)
			}
			want := v1alpha1.AuthorizationAccountKey
			if with == v1alpha1.AuthorizationCertificateKey {
				want = with
			}
			if rev.Status.SignedWith != want {
				t.Errorf("signed with %s, want %s", rev.Status.SignedWith, want)
			}
			w.eventually("no key is left behind", func() (bool, any) {
				secret, err := w.secret(lifecycle.KeptKeyName(rev))
				return apierrors.IsNotFound(err), secret.Name
			})
		})
	}
}

func TestAccountThatIsNotTheOneOfTheCertificateIsHelpedByTheKey(t *testing.T) {
	t.Parallel()
	w := newRevocations(t)
	crt := w.certificate("lost.example.com")
	leaf := w.leaf()
	before := &cmv1.Issuer{}
	if err := w.api.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: crt.Spec.IssuerRef.Name}, before); err != nil {
		t.Fatal(err)
	}
	w.editIssuer(func(spec *acmev1.ACMEIssuer) { spec.PrivateKey.Name = "another-account" })
	w.eventually("the issuer has another account", func() (bool, any) {
		now := &cmv1.Issuer{}
		if err := w.api.Get(t.Context(), client.ObjectKeyFromObject(before), now); err != nil {
			return false, err
		}
		return now.Status.ACME != nil && now.Status.ACME.URI != before.Status.ACME.URI, now.Status
	})
	w.revoke("account", v1alpha1.RevocationSpec{Reason: v1alpha1.CessationOfOperation, Authorization: v1alpha1.AuthorizationAccountKey})
	w.failed("account", v1alpha1.ReasonNotAuthorized, "is not associated with account", "create another Revocation with authorization CertificateKey")
	w.expect(leaf, testca.Revocation{})
	w.revoke("auto", v1alpha1.RevocationSpec{Reason: v1alpha1.CessationOfOperation})
	if rev := w.eventuallyRevocation("auto", v1alpha1.RevocationRevoked); rev.Status.SignedWith != v1alpha1.AuthorizationCertificateKey {
		t.Errorf("signed with %q", rev.Status.SignedWith)
	}
	w.expect(leaf, testca.Revocation{Revoked: true, Reason: 5})
}

func TestCertificateIsRevokedThatIsInNoSecretAnyMore(t *testing.T) {
	t.Parallel()
	w := newRevocations(t)
	crt := w.certificate("gone.example.com")
	leaf := w.leaf()
	chain := pki.EncodeCertificates(leaf)
	for _, object := range []client.Object{crt, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "web-tls"}}} {
		if err := w.api.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	w.revoke("gone", v1alpha1.RevocationSpec{
		Target: v1alpha1.RevocationTarget{PEM: string(chain), IssuerRef: &cmmeta.IssuerReference{Name: "pebble"}}, Reason: v1alpha1.Superseded,
	})
	w.eventuallyRevocation("gone", v1alpha1.RevocationRevoked)
	w.expect(leaf, testca.Revocation{Revoked: true, Reason: 4})
}

func TestCertificateIsRevokedThatASecretOrARequestNames(t *testing.T) {
	t.Parallel()
	w := newRevocations(t)
	w.certificate("named.example.com")
	leaf := w.leaf()
	w.revoke("request", v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{CertificateRequestName: "web-1"}})
	if rev := w.eventuallyRevocation("request", v1alpha1.RevocationRevoked); rev.Status.CertificateName != "web" {
		t.Errorf("Certificate %q", rev.Status.CertificateName)
	}
	w.expect(leaf, testca.Revocation{Revoked: true})
	w.revoke("secret", v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{SecretName: "web-tls"}, Reason: v1alpha1.CessationOfOperation})
	if rev := w.eventuallyRevocation("secret", v1alpha1.RevocationRevoked); rev.Status.CertificateName != "web" {
		t.Errorf("Certificate %q", rev.Status.CertificateName)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	w := newRevocations(t)
	w.certificate("refused.example.com")
	leaf := w.leaf()
	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathRevoke, Times: 1, Fault: faultproxy.Problem(http.StatusBadRequest, "badRevocationReason",
		"unsupported revocation reason code provided: affiliationChanged (3). Supported reasons: unspecified (0), keyCompromise (1), superseded (4), cessationOfOperation (5)", nil)})
	w.revoke("reason", v1alpha1.RevocationSpec{Reason: v1alpha1.AffiliationChanged})
	w.failed("reason", v1alpha1.ReasonReasonRefused, "it takes unspecified, keyCompromise, superseded, cessationOfOperation", "create another Revocation")

	w.ca.Faults.Add(faultproxy.Rule{Path: testca.PathRevoke, Times: 1, Fault: faultproxy.Problem(http.StatusTooManyRequests, "rateLimited", "slow down", http.Header{"Retry-After": {"7200"}})})
	w.revoke("later", v1alpha1.RevocationSpec{})
	w.eventually("it says when it asks again", func() (bool, any) {
		rev := &v1alpha1.Revocation{}
		if err := w.api.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "later"}, rev); err != nil {
			return false, err
		}
		c := apimeta.FindStatusCondition(rev.Status.Conditions, v1alpha1.RevocationRevoked)
		return c != nil && strings.Contains(c.Message, "slow down (rateLimited); next attempt at ") && rev.Status.FailedAttempts == 0, rev.Status
	})
	w.expect(leaf, testca.Revocation{})

	// What somebody else has put into a Secret is not this namespace's to end.
	foreign := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "foreign", Annotations: map[string]string{cmv1.IssuerNameAnnotationKey: "nobody"}},
		Type:       corev1.SecretTypeOpaque, Data: map[string][]byte{corev1.TLSCertKey: []byte("no certificate")},
	}
	if err := w.api.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	w.revoke("foreign", v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{SecretName: "foreign"}})
	w.failed("foreign", v1alpha1.ReasonTargetInvalid, `Secret "foreign" holds no certificate`)

	w.revoke("missing", v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{CertificateName: "missing"}})
	w.world.mu.Lock()
	w.ahead += 2 * time.Minute
	w.world.mu.Unlock()
	w.failed("missing", v1alpha1.ReasonTargetNotFound, `Certificate "missing" does not exist`)
	var list eventsv1.EventList
	w.eventually("the failures are told", func() (bool, any) {
		if err := w.api.List(t.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			return false, err
		}
		told := map[string]bool{}
		for _, e := range list.Items {
			if e.Regarding.Kind == v1alpha1.RevocationKind && e.Reason == lifecycle.ReasonRevocationFailed {
				told[e.Regarding.Name] = true
			}
		}
		return told["reason"] && told["foreign"] && told["missing"], told
	})
}
