package issuers

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// lifetime is how long a certificate is valid, and what is to be said of that.
type lifetime struct {
	duration time.Duration
	warning  string
}

// lifetimeUnder is how long a certificate may be valid that a CA signs now. One
// that outlives its CA is of no use to anybody from the CA's end on.
func lifetimeUnder(ca *x509.Certificate, asked time.Duration, now time.Time, capped bool) lifetime {
	left := ca.NotAfter.Sub(now)
	switch {
	case asked <= left:
		return lifetime{duration: asked}
	case capped:
		return lifetime{duration: left}
	}
	return lifetime{duration: asked, warning: fmt.Sprintf(
		"The certificate outlives that of its CA, which expires at %s: nobody accepts it after that. Renew the CA, ask for a shorter duration, or set ca.neverOutliveCA in the issuer",
		ca.NotAfter.UTC().Format(time.RFC3339))}
}

// allows says whether clients accept a certificate of this CA, as far as that
// depends on the constraints of the certificates above it: permitted and excluded
// names (RFC 5280, section 4.2.1.10), and how long the chain may be (4.2.1.9).
func (p *keyPair) allows(leaf *x509.Certificate) error {
	for depth, ca := range p.above {
		// Between ca and a client's end certificate there are the depth
		// certificates below ca, and leaf if it is one of a CA.
		if limit := pathLength(ca); leaf.IsCA && limit >= 0 && depth+1 > limit {
			return fmt.Errorf("the CA %q allows no further CA below itself at this depth: the path length in its certificate is %d", ca.Subject, limit)
		}
	}
	if !p.constrained() {
		return nil
	}
	top := len(p.above) - 1
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(p.above[top])
	for _, ca := range p.above[:top] {
		between.AddCert(ca)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: between,
		CurrentTime:   leaf.NotBefore,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	// Whatever else may be wrong is not the request's fault: a CA above that has
	// expired, for example.
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok &&
		(invalid.Reason == x509.CANotAuthorizedForThisName || invalid.Reason == x509.TooManyConstraints) {
		return fmt.Errorf("the name constraints of the CA do not allow it: %s", invalid.Detail)
	}
	return nil
}

// constrained reports whether any of the CA's certificates has name constraints.
func (p *keyPair) constrained() bool {
	for _, ca := range p.above {
		if len(ca.PermittedDNSDomains)+len(ca.ExcludedDNSDomains)+len(ca.PermittedIPRanges)+len(ca.ExcludedIPRanges)+
			len(ca.PermittedEmailAddresses)+len(ca.ExcludedEmailAddresses)+len(ca.PermittedURIDomains)+len(ca.ExcludedURIDomains) > 0 {
			return true
		}
	}
	return false
}

// pathLength is how many CAs may be below one; less than zero for any number.
func pathLength(ca *x509.Certificate) int {
	if !ca.BasicConstraintsValid || (ca.MaxPathLen == 0 && !ca.MaxPathLenZero) {
		return -1
	}
	return ca.MaxPathLen
}
