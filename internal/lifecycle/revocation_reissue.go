package lifecycle

import (
	"crypto/x509"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// What a Revocation does so that nobody is left without a certificate.

// isToKeepKey: a request that the certificate's own key signs needs a nonce of
// the CA, so that it can not be signed ahead; and the key leaves the Secret with
// the reissue. Only who asks for CertificateKey has it kept: copies of keys are
// not made for the mere case that an account turns out to be lost.
func (p *revocationPass) isToKeepKey() bool {
	wanted := p.Issuer.ACME && p.Revocation.Spec.Authorization == v1alpha1.AuthorizationCertificateKey
	if !wanted || !p.reissues() || p.d.Status.ReissuedAt != nil || p.Kept == KeptKeyThere {
		return false
	}
	switch {
	case p.Kept == KeptKeyForeign:
		p.fail(v1alpha1.ReasonNotAuthorized, fmt.Sprintf("the certificate's key can not be kept over the reissue: Secret %q belongs to something else; delete it, and create another Revocation", KeptKeyName(p.Revocation)))
	case !p.HasKey:
		p.fail(v1alpha1.ReasonNotAuthorized, "authorization is CertificateKey, but the certificate's key is not in the Secret any more; create another Revocation with authorization AccountKey")
	default:
		p.d.Action = KeepKey{}
		p.d.Wake = p.now
	}
	return true
}

// awaitsReissue asks for the replacement, and waits until it is stored.
func (p *revocationPass) awaitsReissue() bool {
	if !p.reissues() {
		return false
	}
	s := &p.d.Status
	if s.ReissuedAt != nil && p.isStoredAgain() {
		// Somebody has brought the old Secret back during the hold.
		s.ReissuedAt = nil
	}
	switch {
	case s.ReissuedAt != nil:
		return false
	case p.Certificate == nil || p.Certificate.DeletionTimestamp != nil:
		p.fail(v1alpha1.ReasonTargetNotFound, fmt.Sprintf("Certificate %q was deleted before it was issued anew; create another Revocation with reissue No, and name the certificate by the pem in status.certificatePEM", s.CertificateName))
	case p.isReplaced():
		s.ReissuedAt = stamp(p.now)
		message := fmt.Sprintf("Certificate %q has a new certificate with another key", s.CertificateName)
		p.set(v1alpha1.RevocationReissued, metav1.ConditionTrue, v1alpha1.ReasonReissued, message)
		p.event(Normal, v1alpha1.ReasonReissued, message)
		p.d.Wake = p.now // now that it is stored
		p.isHeld()
	case ReplacementAsked(&p.Certificate.Status) || IsIssuing(&p.Certificate.Status):
		p.tellReissue()
	default:
		p.d.Action = AskForReplacement{}
		p.tellReissue()
	}
	return true
}

// isStoredAgain says whether the Secret holds the certificate that is to be
// revoked.
func (p *revocationPass) isStoredAgain() bool {
	return p.Stored != nil && sameCertificate(p.Stored, p.Leaf)
}

// isReplaced says whether the Certificate is well without what is to be
// revoked: neither the certificate nor its key is in the Secret. A temporary
// certificate is no replacement, and with it the Certificate is not Ready.
func (p *revocationPass) isReplaced() bool {
	if p.Stored == nil || sameCertificate(p.Stored, p.Leaf) || pki.SameKey(p.Stored.PublicKey, p.Leaf.PublicKey) {
		return false
	}
	ready := FindCertificateCondition(p.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	return ready != nil && ready.Status == cmmeta.ConditionTrue && !IsIssuing(&p.Certificate.Status)
}

func sameCertificate(a, b *x509.Certificate) bool {
	return a.SerialNumber.Cmp(b.SerialNumber) == 0 && string(a.RawIssuer) == string(b.RawIssuer)
}

// tellReissue says what the replacement is waiting for, if that is more than
// time.
func (p *revocationPass) tellReissue() {
	message := fmt.Sprintf("Certificate %q is being issued anew, with another key", p.d.Status.CertificateName)
	ready := FindCertificateCondition(p.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	issuing := FindCertificateCondition(p.Certificate.Status.Conditions, cmv1.CertificateConditionIssuing)
	trouble := ""
	switch {
	case issuing != nil && issuing.Status != cmmeta.ConditionTrue && issuing.Reason == cmv1.CertificateReasonReplacementRequested:
		trouble = issuing.Message
	case ready != nil && ready.Status != cmmeta.ConditionTrue:
		trouble = ready.Message
	}
	if trouble != "" {
		message += ": " + trouble
		if old := findCondition(p.d.Status.Conditions, v1alpha1.RevocationReissued); old == nil || old.Message != clip(message) {
			p.event(Warning, ReasonRevocationDelayed, message)
		}
	}
	p.set(v1alpha1.RevocationReissued, metav1.ConditionFalse, v1alpha1.ReasonReissuePending, message)
	p.await(v1alpha1.ReasonReissuePending, message)
}
