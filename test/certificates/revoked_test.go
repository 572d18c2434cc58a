package certificates

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/controllers/certificate"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/revocationlist"
	"github.com/certwright/certwright/test/apiserver"
)

func never(crt *cmv1.Certificate) { crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever }

// burn says in a namespace that others know the key of a certificate.
func (w *world) burn(namespace string, cert *x509.Certificate) *v1alpha1.CompromisedKey {
	w.Helper()
	hash, err := pki.KeyHash(cert.PublicKey)
	if err != nil {
		w.Fatal(err)
	}
	burned := &v1alpha1.CompromisedKey{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: hash}}
	w.create(burned)
	return burned
}

func revoked(crt *cmv1.Certificate) *cmv1.CertificateCondition {
	return lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionRevoked)
}

// replaced waits until a Certificate has another certificate with another key,
// and is well.
func (w *world) replaced(name string, old *x509.Certificate) *x509.Certificate {
	w.Helper()
	secret := w.untilSecret(name, "has another key", func(s *corev1.Secret) bool {
		return len(s.Data["tls.crt"]) > 0 && !pki.SameKey(leaf(w.T, s).PublicKey, old.PublicKey)
	})
	w.until(name, "is not said to be revoked", func(crt *cmv1.Certificate) bool { return revoked(crt) == nil && !lifecycle.IsIssuing(&crt.Status) })
	return leaf(w.T, secret)
}

func TestKeyThatOthersKnowIsReplacedAtOnceAndNeverUsedAgain(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	w.clusterNamespace = apiserver.Namespace(t, w.config)
	w.run(nil)
	_, secret := w.issued("here", never)
	first := leaf(t, secret)
	_, other := w.issued("elsewhere", never)
	w.burn(w.namespace, first)
	w.replaced("here", first)
	if note := w.event("here", cmv1.CertificateReasonCompromisedKey); !strings.Contains(note, `CompromisedKey "`+w.namespace+`/`) {
		t.Errorf("event %q", note)
	}

	// In the cluster resource namespace it holds for all.
	w.burn(w.clusterNamespace, leaf(t, other))
	w.replaced("elsewhere", leaf(t, other))

	// Whoever brings the old key, brings it in vain.
	imported := &corev1.Secret{ObjectMeta: w.named("imported"), Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.key": secret.Data["tls.key"], "tls.crt": secret.Data["tls.crt"]}}
	w.create(imported, w.certificate("imported", never))
	w.ready("imported")
	w.replaced("imported", first)

	key, err := pki.DecodeKey(secret.Data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.CreateRequest(rand.Reader, pki.Request{DNSNames: []string{"by-hand.example.com"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	req := &cmv1.CertificateRequest{ObjectMeta: w.named("by-hand"), Spec: cmv1.CertificateRequestSpec{Request: csr, IssuerRef: cmmeta.IssuerReference{Name: "ca"}}}
	w.create(req)
	w.eventually("the request by hand is refused", func() (bool, string) {
		if err := w.Get(t.Context(), client.ObjectKeyFromObject(req), req); err != nil {
			t.Fatal(err)
		}
		c := lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionInvalidRequest)
		return c != nil && c.Status == cmmeta.ConditionTrue && c.Reason == cmv1.CertificateReasonCompromisedKey, "other conditions"
	})
}

// published is a site with the list of the world's CA.
type published struct {
	*httptest.Server

	w      *world
	body   atomic.Pointer[[]byte]
	number int64
}

func (w *world) publish() *published {
	w.Helper()
	p := &published{w: w}
	p.put(nil, 0)
	p.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(*p.body.Load()) }))
	w.Cleanup(p.Close)
	return p
}

func (p *published) put(cert *x509.Certificate, reason int) {
	p.w.Helper()
	p.number++
	template := &x509.RevocationList{Number: big.NewInt(p.number), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
	if cert != nil {
		template.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: cert.SerialNumber, RevocationTime: time.Now(), ReasonCode: reason}}
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, p.w.ca, p.w.key)
	if err != nil {
		p.w.Fatal(err)
	}
	p.body.Store(&der)
}

func TestCertificateThatItsCAHasRevokedIsIssuedAnew(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	site := w.publish()
	issuer := &cmv1.Issuer{}
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "ca"}, issuer); err != nil {
		t.Fatal(err)
	}
	issuer.Spec.CA.CRL = &cmv1.CAIssuerCRL{URL: site.URL}
	if err := w.Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	w.run(func(cfg *certificate.Config) {
		cfg.RevocationLists = &revocationlist.Config{Clock: time.Now, LeastAge: 100 * time.Millisecond, MostAge: 100 * time.Millisecond}
	})
	_, secret := w.issued("web", never)
	first := leaf(t, secret)
	if len(first.CRLDistributionPoints) != 1 || first.CRLDistributionPoints[0] != site.URL {
		t.Fatalf("distribution points %q", first.CRLDistributionPoints)
	}
	site.put(first, 4)
	w.revision("web", 2)
	second := leaf(t, w.secret("web"))
	if !pki.SameKey(first.PublicKey, second.PublicKey) {
		t.Error("a key that nobody knows was not kept, as rotationPolicy asks for")
	}
	if note := w.event("web", cmv1.CertificateReasonRevoked); !strings.Contains(note, "was revoked by its CA") || !strings.Contains(note, "(superseded)") {
		t.Errorf("event %q", note)
	}

	_, known := w.issued("known", never)
	site.put(leaf(t, known), 1)
	w.replaced("known", leaf(t, known))
}

// Who asks for the end of a certificate, and for no other one, does not get
// another, whatever becomes known of it, until that is asked for.
func TestCertificateThatWasEndedIsNotIssuedAnewByItself(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	_, secret := w.issued("web", nil)
	cert := leaf(t, secret)
	rev := &v1alpha1.Revocation{ObjectMeta: w.named("end"), Spec: v1alpha1.RevocationSpec{
		Target: v1alpha1.RevocationTarget{CertificateName: "web"}, Reason: v1alpha1.KeyCompromise, Reissue: v1alpha1.ReissueNo,
	}}
	w.create(rev)
	rev.Status = v1alpha1.RevocationStatus{
		CertificatePEM: pki.EncodeCertificates(cert), Fingerprint: fingerprint(cert), PublicKeyHash: keyHash(t, cert), CertificateName: "web",
	}
	if err := w.Status().Update(t.Context(), rev); err != nil {
		t.Fatal(err)
	}
	// It has to be in the caches of the controllers before the key is: as a
	// user sees it, that a Certificate is looked at because of it.
	rev.Status.RevokedAt = &metav1.Time{Time: time.Now().Truncate(time.Second)}
	if err := w.Status().Update(t.Context(), rev); err != nil {
		t.Fatal(err)
	}
	w.until("web", "is revoked", func(crt *cmv1.Certificate) bool {
		c := revoked(crt)
		return c != nil && c.Reason == cmv1.CertificateReasonRevoked && strings.Contains(c.Message, `Revocation "end"`)
	})
	w.burn(w.namespace, cert)
	crt := w.until("web", "has a key that others know", func(crt *cmv1.Certificate) bool {
		c := revoked(crt)
		return c != nil && c.Reason == cmv1.CertificateReasonCompromisedKey
	})
	if lifecycle.IsIssuing(&crt.Status) || *crt.Status.Revision != 1 {
		t.Fatalf("another one is issued: %+v", crt.Status)
	}
	w.renew("web")
	w.replaced("web", cert)
}

func fingerprint(cert *x509.Certificate) string { return sha256Hex(cert.Raw) }

func keyHash(t *testing.T, cert *x509.Certificate) string {
	t.Helper()
	hash, err := pki.KeyHash(cert.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}
