package issuers

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/pki"
)

// Keys of the data of a Secret with a CA.
const (
	tlsCert = "tls.crt"
	tlsKey  = "tls.key"
	caCert  = "ca.crt"
)

// keyPair is a CA as its Secret holds it, parsed once for each version of the
// Secret.
type keyPair struct {
	uid     types.UID
	version string

	key  crypto.Signer
	cert *x509.Certificate // of the key
	// chain is what follows the leaf, root is what status.ca gets; PEM.
	chain, root []byte
	// above are the certificates that a client finds between the leaf and its
	// trust, from that of the key upwards.
	above []*x509.Certificate
	// err says why the Secret can not be used; it is kept as well.
	err error
}

// parseKeyPair reads the CA in a Secret.
func parseKeyPair(secret *corev1.Secret) *keyPair {
	p := &keyPair{uid: secret.UID, version: secret.ResourceVersion}
	p.err = p.parse(secret.Data)
	return p
}

func (p *keyPair) is(secret *corev1.Secret) bool {
	return p != nil && p.uid == secret.UID && p.version == secret.ResourceVersion
}

func (p *keyPair) parse(data map[string][]byte) error {
	for _, name := range []string{tlsKey, tlsCert} {
		if len(data[name]) == 0 {
			return fmt.Errorf("%s is missing or empty", name)
		}
	}
	key, err := pki.DecodeKey(data[tlsKey])
	if err != nil {
		return fmt.Errorf("%s: %w", tlsKey, err)
	}
	certs, err := pki.DecodeCertificates(data[tlsCert])
	if err != nil {
		return fmt.Errorf("%s: %w", tlsCert, err)
	}
	bundle, err := pki.BuildBundle(certs)
	if err != nil {
		return fmt.Errorf("%s: %w", tlsCert, err)
	}
	cert := bundle.Chain[0]
	if !pki.SameKey(cert.PublicKey, key.Public()) {
		return fmt.Errorf("the key in %s is not that of the certificate in %s", tlsKey, tlsCert)
	}
	if !cert.IsCA {
		return fmt.Errorf("the certificate in %s is not one of a CA", tlsCert)
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return fmt.Errorf("the certificate in %s may not sign certificates: its key usage does not say cert sign", tlsCert)
	}
	p.key, p.cert = key, cert
	intermediates := bundle.Chain
	if len(intermediates) == 1 && pki.IsSelfSigned(cert) {
		intermediates = nil
	}
	p.chain = pki.EncodeCertificates(intermediates...)
	root, err := rootOf(bundle.CA, data[caCert])
	if err != nil {
		return err
	}
	p.root = pki.EncodeCertificates(root)
	p.above = slices.Clone(bundle.Chain)
	if !root.Equal(p.above[len(p.above)-1]) {
		p.above = append(p.above, root)
	}
	return nil
}

// rootOf is the certificate above the topmost one of a chain: the one in
// ca.crt by which it is signed, if it is not the root itself.
func rootOf(top *x509.Certificate, bundle []byte) (*x509.Certificate, error) {
	if len(bundle) == 0 || pki.IsSelfSigned(top) {
		return top, nil
	}
	candidates, err := pki.DecodeBundle(bundle)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caCert, err)
	}
	for _, candidate := range candidates {
		if candidate.Equal(top) || top.CheckSignatureFrom(candidate) == nil {
			return candidate, nil
		}
	}
	return nil, fmt.Errorf("no certificate in %s is the issuer of that in %s", caCert, tlsCert)
}

var (
	errExpired  = errors.New("the CA's certificate has expired")
	errNotBegun = errors.New("the CA's certificate is not valid yet")
)

// check says whether the CA can sign now.
func (p *keyPair) check(now time.Time) error {
	if p.err != nil {
		return p.err
	}
	if now.After(p.cert.NotAfter) {
		return fmt.Errorf("%w: it was valid until %s", errExpired, p.cert.NotAfter.UTC().Format(time.RFC3339))
	}
	if now.Before(p.cert.NotBefore) {
		return fmt.Errorf("%w: it will be from %s on", errNotBegun, p.cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}
