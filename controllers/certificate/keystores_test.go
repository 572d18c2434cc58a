package certificate

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// countedRandom counts what is drawn from it, which is something whenever a
// PKCS#12 store is made or compared.
type countedRandom struct{ reads int }

func (c *countedRandom) Read(p []byte) (int, error) {
	c.reads++
	return io.ReadFull(rand.Reader, p)
}

// storeContent is a Secret with a self-signed certificate.
func storeContent(t *testing.T) map[string][]byte {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "web"}, NotAfter: expiry}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	chain := pki.EncodeCertificates(cert)
	return map[string][]byte{lifecycle.TLSKey: keyPEM, lifecycle.TLSCert: chain, lifecycle.CACert: chain}
}

func newStoreMaker(t *testing.T) (*reconciler, *countedRandom) {
	t.Helper()
	random := &countedRandom{}
	stores, err := newStoreMemory(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &reconciler{Config: Config{Random: random, Clock: func() time.Time { return expiry }}, stores: stores}, random
}

func TestAStoreThatWasFoundRightIsNotComparedAgain(t *testing.T) {
	t.Parallel()
	r, random := newStoreMaker(t)
	content := storeContent(t)
	crt := &cmv1.Certificate{Spec: cmv1.CertificateSpec{Keystores: &cmv1.CertificateKeystores{
		JKS:    &cmv1.JKSKeystore{Create: true, Password: new("changeit")},
		PKCS12: &cmv1.PKCS12Keystore{Create: true, Password: new("changeit")},
	}}}
	crt.Namespace, crt.Name = "shop", "web"
	stores := func(present map[string][]byte) (map[string][]byte, int) {
		t.Helper()
		random.reads = 0
		made, err := r.keystores(t.Context(), crt, content, present)
		if err != nil || len(made.Notes) > 0 || len(made.Data) != 4 {
			t.Fatalf("%d stores, %v, %v", len(made.Data), made.Notes, err)
		}
		return made.Data, random.reads
	}
	same := func(a, b map[string][]byte) bool {
		for key := range a {
			if !bytes.Equal(a[key], b[key]) {
				return false
			}
		}
		return true
	}

	first, _ := stores(nil)
	second, work := stores(first)
	if !same(first, second) || work != 0 {
		t.Errorf("the stores are new, or were compared with %d salts", work)
	}

	r.stores.forget(types.NamespacedName{Namespace: "shop", Name: "web"}) // a restart
	if len(r.stores.right) > 0 {
		t.Errorf("%d stores are remembered", len(r.stores.right))
	}
	third, work := stores(first)
	if !same(first, third) || work == 0 {
		t.Errorf("the stores are new, or were believed unseen")
	}
	if _, work = stores(first); work != 0 {
		t.Errorf("compared again with %d salts", work)
	}

	crt.Spec.Keystores.PKCS12.Profile = cmv1.Modern2023PKCS12Profile
	fourth, _ := stores(first)
	if bytes.Equal(first["keystore.p12"], fourth["keystore.p12"]) || !bytes.Equal(first["keystore.jks"], fourth["keystore.jks"]) {
		t.Error("another profile has to make one store anew, and that only")
	}
	crt.Spec.Keystores.PKCS12.Profile = ""
	if back, _ := stores(fourth); bytes.Equal(back["keystore.p12"], fourth["keystore.p12"]) {
		t.Error("a store of another profile is taken")
	}
}

func TestAStoreThatCanNotBeMadeStaysAsItIs(t *testing.T) {
	t.Parallel()
	r, _ := newStoreMaker(t)
	content := storeContent(t)
	content[lifecycle.CACert] = []byte("garbage")
	crt := &cmv1.Certificate{Spec: cmv1.CertificateSpec{Keystores: &cmv1.CertificateKeystores{JKS: &cmv1.JKSKeystore{Create: true, Password: new("changeit")}}}}
	old := map[string][]byte{"keystore.jks": []byte("old"), "other": []byte("other")}
	stores, err := r.keystores(t.Context(), crt, content, old)
	if err != nil {
		t.Fatal(err)
	}
	if len(stores.Data) != 1 || string(stores.Data["keystore.jks"]) != "old" {
		t.Errorf("stores %q", stores.Data)
	}
	const want = "keystore.jks is not up to date: read ca.crt: decode certificates: no PEM block found"
	if len(stores.Notes) != 1 || stores.Notes[0].Message != want || stores.Notes[0].Reason != reasonKeystoreNotMade {
		t.Errorf("notes %+v", stores.Notes)
	}
}
