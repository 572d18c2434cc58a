package certificates

import (
	"crypto"
	"crypto/x509"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/internal/pki"
)

// material is what a Secret's keystores are to be made of.
func material(t *testing.T, secret *corev1.Secret) (key crypto.Signer, chain, ca []*x509.Certificate) {
	t.Helper()
	key, err := pki.DecodeKey(secret.Data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	if chain, err = pki.DecodeCertificates(secret.Data["tls.crt"]); err != nil {
		t.Fatal(err)
	}
	if ca, err = pki.DecodeBundle(secret.Data["ca.crt"]); err != nil {
		t.Fatal(err)
	}
	return key, chain, ca
}
