package lifecycle

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// CASeen is how a Certificate stands to the CA of its issuer. The zero value
// is that of an issuer that is no CA issuer.
type CASeen struct {
	// Unknown: there is a CA, or there was one, and it can not be told which.
	Unknown bool
	// CA is that of the issuer, and Issuer how messages name it; nil if there
	// is none or it is unknown.
	CA     *CA
	Issuer string
	// Reissue is the issuer's spec.ca.reissueOnRotation.
	Reissue bool
	// MayReissue: it is this Certificate's turn, see NextRotation.
	MayReissue bool

	// Former: the certificate in the Secret was signed by another CA than
	// that of the issuer, although by the same issuer.
	Former bool
	// Stale: the certificate in the Secret is of this CA, but the chain or the
	// ca.crt around it is not the present one.
	Stale bool
}

// SeeCA judges the certificate in the Secret by the CA of the issuer.
func (seen *CertificateSeen) SeeCA(ca *CA, issuer cmv1.GenericIssuer) {
	s := CASeen{CA: ca, Issuer: issuerText(seen.Certificate.Spec.IssuerRef), Reissue: issuer.GetSpec().CA.ReissueOnRotation}
	leaf := seen.Secret.Leaf()
	if leaf != nil && issuerDiffers(seen, time.Time{}) == nil && !pki.IsTemporary(leaf) {
		s.Former = !ca.Signed(leaf)
		s.Stale = !s.Former && !leaf.Equal(ca.Certificate) &&
			(!slices.EqualFunc(seen.Secret.Chain[1:], ca.Chain, (*x509.Certificate).Equal) || !holdsOnly(seen.Secret.Data[CACert], ca.Root))
	}
	seen.CA = s
}

func holdsOnly(bundle []byte, cert *x509.Certificate) bool {
	certs, err := pki.DecodeBundle(bundle)
	return err == nil && len(certs) == 1 && certs[0].Equal(cert)
}

// WithPresentChain is what was seen, as if the chain and the ca.crt in the
// Secret were those of the issuer's CA. What is written around a certificate
// that stays is built from that.
func (seen *CertificateSeen) WithPresentChain() *CertificateSeen {
	if !seen.CA.Stale {
		return seen
	}
	secret := *seen.Secret
	secret.Chain = append([]*x509.Certificate{secret.Leaf()}, seen.CA.CA.Chain...)
	secret.Data = maps.Clone(secret.Data)
	secret.Data[TLSCert] = pki.EncodeCertificates(secret.Chain...)
	secret.Data[CACert] = pki.EncodeCertificates(seen.CA.CA.Root)
	fresh := *seen
	fresh.Secret = &secret
	fresh.CA.Stale = false
	return &fresh
}

// Rotating says where a Certificate stands after a decision, and false if its
// certificate is not of a former CA.
func (seen *CertificateSeen) Rotating(d *CertificateDecision) (state RotatingState, former bool) {
	switch {
	case !seen.CA.Former:
		return RotatingWaiting, false
	case IsIssuing(&d.Status):
		return RotatingIssuing, true
	case seen.CA.MayReissue:
		return RotatingResting, true
	}
	return RotatingWaiting, true
}

// caRotated is why a certificate is issued anew that nothing is wrong with but
// the CA that signed it.
func caRotated(seen *CertificateSeen, now time.Time) *violation {
	if !seen.CA.Former || !seen.CA.MayReissue || now.Before(reissueAt(seen, now)) {
		return nil
	}
	return &violation{cmv1.CertificateReasonCARotated, fmt.Sprintf("the certificate in Secret %q was signed by an earlier CA of %s",
		seen.Certificate.Spec.SecretName, seen.CA.Issuer)}
}

// reissueAt keeps the issuances of one Certificate apart. A request that is
// dated in the future was made under a clock that was wrong.
func reissueAt(seen *CertificateSeen, now time.Time) time.Time {
	if seen.Current == nil || seen.Current.Object.CreationTimestamp.After(now.Add(minSpacing)) {
		return time.Time{}
	}
	return seen.Current.Object.CreationTimestamp.Add(minSpacing)
}

// markFormerCA says on a Certificate that its certificate is of a former CA,
// or takes that back. If the CA can not be told it stays as it is.
func (c *certificateLadder) markFormerCA() {
	ca := &c.seen.CA
	if ca.Unknown {
		return
	}
	if !ca.Former {
		c.Status.Conditions = slices.DeleteFunc(c.Status.Conditions, func(condition cmv1.CertificateCondition) bool {
			return condition.Type == cmv1.CertificateConditionSignedByFormerCA
		})
		return
	}
	message := fmt.Sprintf("signed by an earlier CA of %s; kept until it is renewed; set spec.ca.reissueOnRotation of the issuer to have it issued anew before", ca.Issuer)
	if ca.Reissue {
		message = fmt.Sprintf("signed by an earlier CA of %s; issued anew together with the others of the issuer, at most %d at a time, those that expire first before the others", ca.Issuer, MaxReissues)
		if at := reissueAt(c.seen, c.now); c.now.Before(at) && !IsIssuing(&c.Status) {
			c.Wake = Sooner(c.Wake, at)
		}
	}
	c.setCondition(cmv1.CertificateConditionSignedByFormerCA, cmmeta.ConditionTrue, cmv1.CertificateReasonCARotated, message)
}
