package lifecycle

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

// CA is the CA of a CA issuer, as its Secret holds it.
type CA struct {
	// Certificate is the one whose key signs.
	Certificate *x509.Certificate
	// Chain is what follows a leaf in tls.crt: the CA's own certificate and
	// those above it, without the root.
	Chain []*x509.Certificate
	// Root is what stands in ca.crt.
	Root *x509.Certificate
}

// NotAfter is until when the CA signs; the zero time if there is none.
func (ca *CA) NotAfter() time.Time {
	if ca == nil {
		return time.Time{}
	}
	return ca.Certificate.NotAfter
}

// ReadCA reads the certificates of a CA from the data of its Secret. The key
// is not looked at.
func ReadCA(data map[string][]byte) (*CA, error) {
	certs, err := pki.DecodeCertificates(data[TLSCert])
	if err != nil {
		return nil, fmt.Errorf("read CA: %s: %w", TLSCert, err)
	}
	bundle, err := pki.BuildBundle(certs)
	if err != nil {
		return nil, fmt.Errorf("read CA: %s: %w", TLSCert, err)
	}
	ca := &CA{Certificate: bundle.Chain[0], Chain: bundle.Chain, Root: bundle.CA}
	if !ca.Certificate.IsCA {
		return nil, errors.New("read CA: the certificate is not one of a CA")
	}
	if len(ca.Chain) == 1 && pki.IsSelfSigned(ca.Certificate) {
		ca.Chain = nil // who trusts a root has it
	}
	if len(data[CACert]) == 0 || pki.IsSelfSigned(ca.Root) {
		return ca, nil
	}
	above, err := pki.DecodeBundle(data[CACert])
	if err != nil {
		return nil, fmt.Errorf("read CA: %s: %w", CACert, err)
	}
	top := ca.Root
	at := slices.IndexFunc(above, func(c *x509.Certificate) bool { return c.Equal(top) || top.CheckSignatureFrom(c) == nil })
	if at < 0 {
		return nil, fmt.Errorf("read CA: no certificate in %s is the issuer of that in %s", CACert, TLSCert)
	}
	ca.Root = above[at]
	return ca, nil
}

// Signed says whether a leaf verifies under the CA: it names the CA's subject
// and key as its issuer, and the CA's key made the signature. The certificate
// of the CA may have been renewed since. The CA's own certificate counts as
// signed by it whoever did sign it: an issuer has no say in that.
func (ca *CA) Signed(leaf *x509.Certificate) bool {
	signer := ca.Certificate
	if leaf.Equal(signer) {
		return true
	}
	if !bytes.Equal(leaf.RawIssuer, signer.RawSubject) {
		return false
	}
	// Verifiers that find the issuer by this pair would not find it (RFC 5280,
	// section 4.2.1.1).
	if len(leaf.AuthorityKeyId) > 0 && len(signer.SubjectKeyId) > 0 && !bytes.Equal(leaf.AuthorityKeyId, signer.SubjectKeyId) {
		return false
	}
	return signer.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil
}

// maxNamed bounds the certificates that an identity names. Chains have two or
// three.
const maxNamed = 8

// Identity names the certificates of the CA, for people and for comparison: it
// changes when one of them does.
func (ca *CA) Identity() string {
	named := []*x509.Certificate{ca.Certificate}
	for _, c := range append(slices.Clone(ca.Chain), ca.Root) {
		if len(named) < maxNamed && !slices.ContainsFunc(named, c.Equal) {
			named = append(named, c)
		}
	}
	texts := make([]string, len(named))
	for i, c := range named {
		subject := c.Subject.String()
		if subject == "" {
			subject = "no subject"
		}
		texts[i] = fmt.Sprintf("%q (SHA-256 %x)", subject, sha256.Sum256(c.Raw))
	}
	return strings.Join(texts, ", under ")
}
