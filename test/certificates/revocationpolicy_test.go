package certificates

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
)

func sha256Hex(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func policy(p cmv1.RevocationPolicy) func(*cmv1.Certificate) {
	return func(crt *cmv1.Certificate) { crt.Spec.RevocationPolicy = p }
}

func (w *world) finalizer(name string, present bool) {
	w.Helper()
	w.until(name, "has its finalizer, or has not", func(crt *cmv1.Certificate) bool {
		return slices.Contains(crt.Finalizers, lifecycle.RevocationFinalizer) == present
	})
}

// revocation waits for the Revocation of a Certificate's certificate.
func (w *world) revocation(namespace, name string, cert *x509.Certificate) *v1alpha1.Revocation {
	w.Helper()
	rev := &v1alpha1.Revocation{}
	key := client.ObjectKey{Namespace: namespace, Name: lifecycle.RevocationName(name, cert)}
	w.eventually("Revocation for "+name, func() (bool, string) {
		err := w.Get(w.Context(), key, rev)
		if err != nil && !apierrors.IsNotFound(err) {
			w.Fatal(err)
		}
		return err == nil, "none"
	})
	certs, err := pki.DecodeCertificates([]byte(rev.Spec.Target.PEM))
	if err != nil || !certs[0].Equal(cert) || len(rev.OwnerReferences) > 0 {
		w.Errorf("Revocation %+v", rev)
	}
	return rev
}

func (w *world) revocations() []v1alpha1.Revocation {
	w.Helper()
	list := &v1alpha1.RevocationList{}
	if err := w.List(w.Context(), list, client.InNamespace(w.namespace)); err != nil {
		w.Fatal(err)
	}
	return list.Items
}

// gone deletes a Certificate, and waits until it is gone.
func (w *world) gone(name string) {
	w.Helper()
	crt := w.get(name)
	if err := w.Delete(w.Context(), crt); err != nil && !apierrors.IsNotFound(err) {
		w.Fatal(err)
	}
	w.eventually(name+" is gone", func() (bool, string) {
		return apierrors.IsNotFound(w.Get(w.Context(), client.ObjectKeyFromObject(crt), crt)), "it is there"
	})
}

func TestReplacedAndDeletedCertificatesAreRevokedAsThePolicySays(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, secret := w.issued("web", policy(cmv1.RevocationPolicyOnReplace))
	first := leaf(t, secret)
	w.finalizer("web", true)
	w.renew("web")
	w.revision("web", 2)
	rev := w.revocation(w.namespace, "web", first)
	if rev.Spec.Reason != v1alpha1.Superseded || rev.Spec.Hold.Duration != lifecycle.DefaultRevocationHold || rev.Labels[lifecycle.RevocationPolicyLabel] != "OnReplace" {
		t.Errorf("Revocation %+v", rev)
	}
	w.eventually("the old request is gone", func() (bool, string) {
		err := w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "web-1"}, &cmv1.CertificateRequest{})
		return apierrors.IsNotFound(err), "it is there"
	})

	// Without the policy there is nothing to wait for.
	w.edit("web", policy(cmv1.RevocationPolicyNever))
	w.finalizer("web", false)
	w.gone("web")
	if all := w.revocations(); len(all) != 1 {
		t.Errorf("%d Revocations, want 1", len(all))
	}

	_, secret = w.issued("api", policy(cmv1.RevocationPolicyOnDelete))
	w.finalizer("api", true)
	w.gone("api")
	rev = w.revocation(w.namespace, "api", leaf(t, secret))
	if rev.Spec.Reason != v1alpha1.CessationOfOperation || rev.Spec.Hold != nil {
		t.Errorf("Revocation %+v", rev)
	}
}

// Whoever keeps requests as history does not have their certificates revoked
// again when the Revocation has been pruned.
func TestRequestThatIsKeptIsMarked(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, secret := w.issued("web", func(crt *cmv1.Certificate) {
		crt.Spec.RevocationPolicy, crt.Spec.RevisionHistoryLimit = cmv1.RevocationPolicyOnReplace, new(int32(5))
	})
	w.renew("web")
	w.revision("web", 2)
	rev := w.revocation(w.namespace, "web", leaf(t, secret))
	w.eventually("the request is marked", func() (bool, string) {
		req, _ := w.request("web", 1)
		return req.Annotations[lifecycle.RevokedByAnnotation] == rev.Name, "no mark"
	})
	if err := w.Delete(t.Context(), rev); err != nil {
		t.Fatal(err)
	}
	w.renew("web")
	w.revision("web", 3)
	w.eventually("the next is marked", func() (bool, string) {
		req, _ := w.request("web", 2)
		return req.Annotations[lifecycle.RevokedByAnnotation] != "", "no mark"
	})
	if all := w.revocations(); len(all) != 1 {
		t.Errorf("%d Revocations, want that of the second certificate", len(all))
	}
}

// A namespace that is being deleted takes no Revocation. Certificates of a
// ClusterIssuer are revoked nevertheless, and nothing holds the namespace up.
func TestDeletionOfANamespaceIsNotHeldUp(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	w.clusterNamespace = apiserver.Namespace(t, w.config)
	keyPEM, err := pki.EncodeKey(w.key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	everywhere := "ca-of-" + w.namespace
	w.create(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.clusterNamespace, Name: "ca"}, Data: map[string][]byte{"tls.key": keyPEM, "tls.crt": pki.EncodeCertificates(w.ca)}},
		&cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: everywhere}, Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}}}},
	)
	w.run(nil)
	_, own := w.issued("own", policy(cmv1.RevocationPolicyOnDelete))
	_, shared := w.issued("shared", func(crt *cmv1.Certificate) {
		crt.Spec.RevocationPolicy = cmv1.RevocationPolicyOnDelete
		crt.Spec.IssuerRef = cmmeta.IssuerReference{Name: everywhere, Kind: cmv1.ClusterIssuerKind}
	})
	w.finalizer("own", true)
	w.finalizer("shared", true)
	if err := w.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	w.eventually("the namespace takes nothing new", func() (bool, string) {
		err := w.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: w.named("probe")}, client.DryRunAll)
		return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), "it does"
	})
	// What the namespace's controller does in life, Secrets and requests first.
	for _, o := range []client.Object{&corev1.Secret{}, &cmv1.CertificateRequest{}} {
		if err := w.DeleteAllOf(t.Context(), o, client.InNamespace(w.namespace)); err != nil {
			t.Fatal(err)
		}
	}
	w.gone("own")
	w.gone("shared")
	rev := w.revocation(w.clusterNamespace, "shared", leaf(t, shared))
	if rev.Spec.Target.IssuerRef.Kind != cmv1.ClusterIssuerKind || rev.Annotations[cmv1.CertificateNameKey] != "shared" {
		t.Errorf("Revocation %+v", rev)
	}
	err = w.Get(t.Context(), client.ObjectKey{Namespace: w.clusterNamespace, Name: lifecycle.RevocationName("own", leaf(t, own))}, &v1alpha1.Revocation{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the certificate of an Issuer of the namespace: %v", err)
	}
	if held := time.Since(begun); held > time.Minute {
		t.Errorf("held up for %s", held)
	}
}
