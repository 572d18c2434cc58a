package revocation

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

const home = "certwright"

// namespace is what a Revocation can find in the namespace shop.
type namespace struct {
	t       *testing.T
	objects []client.Object
}

func (n *namespace) add(objects ...client.Object) { n.objects = append(n.objects, objects...) }

func (n *namespace) reconciler() *reconciler {
	n.t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, cmv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			n.t.Fatal(err)
		}
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(n.objects...).WithStatusSubresource(n.objects...).Build()
	return &reconciler{Config: Config{Secrets: kube.NewSecrets(c, noForeign{}, c), ClusterResourceNamespace: home}, client: c}
}

// noForeign is the cache of the Secrets without our label, of which there are
// none.
type noForeign struct{ cache.Cache }

func (noForeign) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
}

func (n *namespace) find(target v1alpha1.RevocationTarget) lifecycle.RevocationTarget {
	n.t.Helper()
	rev := &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "r"}, Spec: v1alpha1.RevocationSpec{Target: target}}
	found, err := n.reconciler().findTarget(n.t.Context(), rev)
	if err != nil {
		n.t.Fatal(err)
	}
	return found
}

// pair is a certificate and its key.
type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newPair(t *testing.T, serial int64) pair {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{cert, key}
}

// secret holds a certificate, with its key or another one.
func (p pair) secret(t *testing.T, name, kind string, key crypto.Signer) *corev1.Secret {
	t.Helper()
	text, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, Labels: map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"},
			Annotations: map[string]string{cmv1.IssuerNameAnnotationKey: "le", cmv1.IssuerKindAnnotationKey: kind, cmv1.CertificateNameKey: name},
		},
		Data: map[string][]byte{corev1.TLSCertKey: pki.EncodeCertificates(p.cert), corev1.TLSPrivateKeyKey: text},
	}
}

func certificateFor(secret string) *cmv1.Certificate {
	return &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: secret},
		Spec:       cmv1.CertificateSpec{SecretName: secret, IssuerRef: cmmeta.IssuerReference{Name: "new"}},
	}
}

// A certificate of a ClusterIssuer may be anybody's, and anybody can put it into
// a Secret.
func TestCertificateInASecretMustBelongToTheNamespace(t *testing.T) {
	t.Parallel()
	mine, other := newPair(t, 1), newPair(t, 2)
	request := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1"},
		Status:     cmv1.CertificateRequestStatus{Certificate: pki.EncodeCertificates(mine.cert)},
	}
	for sentence, row := range map[string]struct {
		kind    string
		key     crypto.Signer
		request *cmv1.CertificateRequest
		belongs bool
	}{
		"its key is there":                       {"ClusterIssuer", mine.key, nil, true},
		"another key is there":                   {"ClusterIssuer", other.key, nil, false},
		"another key, but it was requested here": {"ClusterIssuer", other.key, request, true},
		"the issuer is of this namespace":        {"Issuer", other.key, nil, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			n := &namespace{t: t}
			n.add(mine.secret(t, "web", row.kind, row.key), certificateFor("web"))
			if row.request != nil {
				n.add(row.request.DeepCopy())
			}
			for _, target := range []v1alpha1.RevocationTarget{{SecretName: "web"}, {CertificateName: "web"}} {
				found := n.find(target)
				if (found.Leaf != nil) != row.belongs || (found.Invalid == "") != row.belongs {
					t.Errorf("%+v: found %+v", target, found)
				}
				if !row.belongs && !strings.Contains(found.Invalid, `create Revocations in the namespace "certwright"`) {
					t.Errorf("it does not say what to do: %s", found.Invalid)
				}
			}
		})
	}
}

func TestTargetsAreFound(t *testing.T) {
	t.Parallel()
	p := newPair(t, 0x0102)
	n := &namespace{t: t}
	foreign := p.secret(t, "foreign", "Issuer", p.key)
	foreign.Annotations = nil
	rival := certificateFor("web")
	rival.Name = "rival"
	empty := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "empty", Annotations: map[string]string{cmv1.IssuerNameAnnotationKey: "le"}}}
	orphan := p.secret(t, "orphan", "Issuer", p.key)
	owned := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1"},
		Spec:       cmv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "requested"}},
		Status:     cmv1.CertificateRequestStatus{Certificate: pki.EncodeCertificates(p.cert)},
	}
	isController := true
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "cert-manager.io/v1", Kind: "Certificate", Name: "web", UID: "1", Controller: &isController}}
	pending := &cmv1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-2"}}
	n.add(p.secret(t, "web", "Issuer", p.key), certificateFor("web"), foreign, rival, empty, orphan, owned, pending, certificateFor("waiting"))
	text := string(pki.EncodeCertificates(p.cert))

	for sentence, row := range map[string]struct {
		target               v1alpha1.RevocationTarget
		certificate, issuer  string
		missing, invalidPart string
	}{
		"a Certificate":                      {target: v1alpha1.RevocationTarget{CertificateName: "web"}, certificate: "web", issuer: "le"},
		"a Secret":                           {target: v1alpha1.RevocationTarget{SecretName: "web"}, certificate: "web", issuer: "le"},
		"a Secret whose Certificate is gone": {target: v1alpha1.RevocationTarget{SecretName: "orphan"}, issuer: "le"},
		"a request":                          {target: v1alpha1.RevocationTarget{CertificateRequestName: "web-1"}, certificate: "web", issuer: "requested"},
		"PEM":                                {target: v1alpha1.RevocationTarget{PEM: text, IssuerRef: &cmmeta.IssuerReference{Name: "named"}}, issuer: "named"},
		"no PEM":                             {target: v1alpha1.RevocationTarget{PEM: "x", IssuerRef: &cmmeta.IssuerReference{Name: "named"}}, invalidPart: "spec.target.pem holds no certificate"},
		"no such Certificate":                {target: v1alpha1.RevocationTarget{CertificateName: "no"}, missing: `Certificate "no" does not exist`},
		"a Certificate without a Secret":     {target: v1alpha1.RevocationTarget{CertificateName: "waiting"}, missing: `Secret "waiting" of Certificate "waiting" does not exist`},
		"a Certificate that has lost":        {target: v1alpha1.RevocationTarget{CertificateName: "rival"}, invalidPart: `holds a certificate of Certificate "web", not of "rival"`},
		"no such Secret":                     {target: v1alpha1.RevocationTarget{SecretName: "no"}, missing: `Secret "no" does not exist`},
		"an empty Secret":                    {target: v1alpha1.RevocationTarget{SecretName: "empty"}, missing: `Secret "empty" holds no certificate`},
		"a Secret of unknown origin":         {target: v1alpha1.RevocationTarget{SecretName: "foreign"}, invalidPart: "names it by pem and issuerRef"},
		"no such request":                    {target: v1alpha1.RevocationTarget{CertificateRequestName: "no"}, missing: `CertificateRequest "no" does not exist`},
		"a request that is not issued":       {target: v1alpha1.RevocationTarget{CertificateRequestName: "web-2"}, missing: `CertificateRequest "web-2" has no certificate`},
		"nothing":                            {invalidPart: "names nothing"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			found := n.find(row.target)
			if found.Missing != row.missing || (row.invalidPart == "") != (found.Invalid == "") || !strings.Contains(found.Invalid, row.invalidPart) {
				t.Fatalf("missing %q, invalid %q", found.Missing, found.Invalid)
			}
			if row.missing != "" || row.invalidPart != "" {
				if found.Leaf != nil {
					t.Error("found all the same")
				}
				return
			}
			if found.CertificateName != row.certificate || found.IssuerRef.Name != row.issuer || !found.Leaf.Equal(p.cert) {
				t.Errorf("found %q of %q", found.CertificateName, found.IssuerRef.Name)
			}
			if hash, err := pki.KeyHash(p.cert.PublicKey); err != nil || found.PublicKeyHash != hash || len(found.Fingerprint) != 64 {
				t.Errorf("hash %s, fingerprint %s", found.PublicKeyHash, found.Fingerprint)
			}
		})
	}
}

// What the cache does not know yet has been replaced already: to ask again would
// replace it twice.
func TestReplacementIsNotAskedForOnOldFacts(t *testing.T) {
	t.Parallel()
	before, after := newPair(t, 1), newPair(t, 2)
	for sentence, row := range map[string]struct {
		seen  *x509.Certificate
		live  *corev1.Secret
		stale bool
	}{
		"the same":      {before.cert, before.secret(t, "web", "Issuer", before.key), false},
		"another":       {before.cert, after.secret(t, "web", "Issuer", after.key), true},
		"gone":          {before.cert, nil, true},
		"still missing": {nil, nil, false},
		"there again":   {nil, before.secret(t, "web", "Issuer", before.key), true},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			n := &namespace{t: t}
			crt := certificateFor("web")
			n.add(crt)
			if row.live != nil {
				n.add(row.live)
			}
			r := n.reconciler()
			if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(crt), crt); err != nil {
				t.Fatal(err)
			}
			s := &sight{storage: types.NamespacedName{Namespace: "shop", Name: "web"}}
			s.Revocation = &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "leak"}}
			s.Certificate, s.Stored = crt, row.seen
			err := r.askForReplacement(t.Context(), s, time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC))
			if apierrors.IsConflict(err) != row.stale || (err != nil) != row.stale {
				t.Fatalf("error %v", err)
			}
			stored := &cmv1.Certificate{}
			if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(crt), stored); err != nil {
				t.Fatal(err)
			}
			if lifecycle.ReplacementAsked(&stored.Status) == row.stale {
				t.Errorf("asked %t", !row.stale)
			}
		})
	}
}
