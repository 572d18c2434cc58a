package lifecycle

import (
	"crypto/x509"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// minSpacing is the least time between two issuances of one Certificate that
// nobody asked for. A certificate that is due for renewal when it is born
// (a CA that shortens what was asked for) would otherwise loop.
const minSpacing = 5 * time.Minute

// RenewalTime is when a certificate is to be renewed (contract 2.2), zero for
// never. The margin is measured on the certificate that was issued, not on the
// duration that was asked for.
func RenewalTime(spec *cmv1.CertificateSpec, leaf *x509.Certificate) time.Time {
	if spec.Renewal != nil && spec.Renewal.Policy == cmv1.CertificateRenewalPolicyDisabled {
		return time.Time{}
	}
	lifetime := leaf.NotAfter.Sub(leaf.NotBefore)
	margin := lifetime / 3
	switch {
	case spec.RenewBefore != nil && spec.RenewBefore.Duration > 0 && spec.RenewBefore.Duration < lifetime:
		margin = spec.RenewBefore.Duration
	case spec.RenewBeforePercentage != nil && *spec.RenewBeforePercentage >= 1 && *spec.RenewBeforePercentage <= 99:
		margin = lifetime / 100 * time.Duration(*spec.RenewBeforePercentage)
	}
	return leaf.NotAfter.Add(-margin).Truncate(time.Second)
}
