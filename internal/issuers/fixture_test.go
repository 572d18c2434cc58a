package issuers

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

var testNow = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// testSecrets is a store of Secrets. Every change makes a new version.
type testSecrets struct {
	mu      sync.Mutex
	version int
	secrets map[types.NamespacedName]*corev1.Secret
	reads   int
}

func newTestSecrets() *testSecrets {
	return &testSecrets{secrets: map[types.NamespacedName]*corev1.Secret{}}
}

func (s *testSecrets) Get(_ context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if secret := s.secrets[key]; secret != nil {
		return secret, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
}

func (s *testSecrets) put(namespace, name string, data map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.secrets[types.NamespacedName{Namespace: namespace, Name: name}] = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-" + name), ResourceVersion: strconv.Itoa(s.version)},
		Data:       data,
	}
}

func (s *testSecrets) delete(namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, types.NamespacedName{Namespace: namespace, Name: name})
}

// secretCreator is a client that can create and patch Secrets only.
type secretCreator struct {
	client.Client

	secrets *testSecrets
	refuse  func() error // of patches
}

func (c secretCreator) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	secret := o.(*corev1.Secret)
	c.secrets.put(secret.Namespace, secret.Name, secret.Data)
	stored, err := c.secrets.Get(context.Background(), client.ObjectKeyFromObject(secret))
	if err != nil {
		return err
	}
	stored.Labels = secret.Labels
	secret.UID, secret.ResourceVersion = stored.UID, stored.ResourceVersion
	return nil
}

// Patch stores what the patch made of the Secret, unless another version is
// stored by now.
func (c secretCreator) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
	secret := o.(*corev1.Secret)
	stored, err := c.secrets.Get(context.Background(), client.ObjectKeyFromObject(secret))
	if err != nil {
		return err
	}
	if c.refuse != nil {
		if err := c.refuse(); err != nil {
			return err
		}
	}
	if stored.ResourceVersion != secret.ResourceVersion {
		return apierrors.NewConflict(corev1.Resource("secrets"), secret.Name, nil)
	}
	c.secrets.put(secret.Namespace, secret.Name, secret.Data)
	stored, err = c.secrets.Get(context.Background(), client.ObjectKeyFromObject(secret))
	if err != nil {
		return err
	}
	stored.Labels, stored.Annotations = secret.Labels, secret.Annotations
	secret.ResourceVersion = stored.ResourceVersion
	return nil
}

func newKey(t testing.TB, algorithm pki.Algorithm) crypto.Signer {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: algorithm})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	text, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// authority is a certificate with its key. Without a parent it is a root.
type authority struct {
	key  crypto.Signer
	cert *x509.Certificate
}

func newAuthority(t testing.TB, name string, parent *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	serial, err := pki.NewSerial(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: newKey(t, pki.ECDSA)}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: testNow.AddDate(-1, 0, 0), NotAfter: testNow.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if change != nil {
		change(template)
	}
	signer, issuer := a.key, template
	if parent != nil {
		signer, issuer = parent.key, parent.cert
	}
	if a.cert, err = pki.Sign(rand.Reader, template, issuer, a.key.Public(), signer); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) secret(t testing.TB, above ...*authority) map[string][]byte {
	t.Helper()
	chain := pki.EncodeCertificates(a.cert)
	for _, other := range above {
		chain = append(chain, pki.EncodeCertificates(other.cert)...)
	}
	return map[string][]byte{tlsKey: keyPEM(t, a.key), tlsCert: chain}
}

// request makes a CertificateRequest with its parsed signing request.
func request(t testing.TB, key crypto.Signer, r pki.Request) Input {
	t.Helper()
	text, err := pki.CreateRequest(rand.Reader, r, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.DecodeRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	return Input{
		Request: &cmv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", UID: "uid-web-1"},
			Spec:       cmv1.CertificateRequestSpec{Request: text},
		},
		Kind: cmv1.GroupVersion.WithKind(cmv1.CertificateRequestKind),
		CSR:  csr,
		Now:  testNow,
	}
}

func decodeChain(t testing.TB, text []byte) []*x509.Certificate {
	t.Helper()
	certs, err := pki.DecodeCertificates(text)
	if err != nil {
		t.Fatal(err)
	}
	return certs
}
