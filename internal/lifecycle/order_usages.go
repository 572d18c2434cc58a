package lifecycle

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"

	"github.com/certwright/certwright/internal/pki"
)

var (
	oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidClientAuth  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
)

// lacksClientAuth says whether the certificate can not be used by clients,
// though the signing request asked for that. Let's Encrypt has left it out
// since February 2026, because browsers want CAs to issue for servers only; the
// order does not fail for it, and a server has no harm.
func (p *orderPass) lacksClientAuth() bool {
	csr, err := pki.DecodeRequest(p.Order.Spec.Request)
	if err != nil || !asksForClientAuth(csr) {
		return false
	}
	certs, err := pki.DecodeCertificates(p.Chain)
	return err == nil && !slices.Contains(certs[0].ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(certs[0].ExtKeyUsage, x509.ExtKeyUsageAny)
}

func asksForClientAuth(csr *x509.CertificateRequest) bool {
	for _, extension := range csr.Extensions {
		var usages []asn1.ObjectIdentifier
		if !extension.Id.Equal(oidExtKeyUsage) {
			continue
		}
		if _, err := asn1.Unmarshal(extension.Value, &usages); err != nil {
			return false
		}
		return slices.ContainsFunc(usages, oidClientAuth.Equal)
	}
	return false
}
