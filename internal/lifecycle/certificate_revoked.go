package lifecycle

import (
	"fmt"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// A certificate may be revoked by its CA without anybody here having asked: the
// CA's list of revoked certificates tells (RFC 5280, section 5). It is issued
// anew at once, with another key if the list says that others know it. While
// the list has not been read, as after a restart, the condition Revoked is what
// is known.
//
// If a Revocation of this namespace asked for the end of exactly this
// certificate, and for no other one, nothing is issued by itself any more: not
// because it is revoked, nor because it is due. An edit, a renewal by hand or
// a replacement that is asked for ends that.

// RevokedSeen is what is known of whether the certificate in the Secret is
// revoked. The zero value knows nothing.
type RevokedSeen struct {
	// Known: the CA's list has been read. The fields up to Ended are of it.
	Known   bool
	Revoked bool
	At      time.Time
	Reason  string // in the words of RFC 5280, section 5.3.1
	// Compromise: the reason is that others know the key.
	Compromise bool

	// Ended is the Revocation that asked for the certificate's end and for no
	// other one; nil if there is none.
	Ended *EndedSeen
}

// EndedSeen is a Revocation without a replacement.
type EndedSeen struct {
	Name string
	At   time.Time // when the CA confirmed it; zero if it has not yet
}

// SeeRevocations is what the Revocations of the namespace that are about the
// certificate in the Secret say. One that a revocationPolicy has created does
// not ask for the end of what is there again afterwards.
func SeeRevocations(about []v1alpha1.Revocation) RevokedSeen {
	var seen RevokedSeen
	for i := range about {
		rev := &about[i]
		policy := rev.Labels[RevocationPolicyLabel] != ""
		var at time.Time
		if rev.Status.RevokedAt != nil {
			at = rev.Status.RevokedAt.Time
		}
		switch {
		case RevocationGivenUp(rev):
		case !policy && !RevocationReissues(&rev.Spec, rev.Status.CertificateName):
			if seen.Ended == nil || seen.Ended.At.IsZero() {
				seen.Ended = &EndedSeen{Name: rev.Name, At: at}
			}
		case !at.IsZero():
			seen.Known, seen.Revoked, seen.At = true, true, at
			seen.Reason, seen.Compromise = string(rev.Spec.Reason), seen.Compromise || rev.Spec.Reason == v1alpha1.KeyCompromise
		}
	}
	return seen
}

// revocation is what is known about the certificate in the Secret.
type revocation struct {
	known, revoked, compromise bool

	text string // "revoked by its CA at ..."
}

// revocation is what the CA's list says, or what the status remembers of that.
func (seen *CertificateSeen) revocation() revocation {
	if seen.Secret.Leaf() == nil {
		return revocation{}
	}
	if r := seen.Revoked; r.Known {
		if !r.Revoked {
			return revocation{known: true}
		}
		return revocation{
			known: true, revoked: true, compromise: r.Compromise,
			text: fmt.Sprintf("the certificate in Secret %q was revoked by its CA at %s (%s)", seen.Certificate.Spec.SecretName, r.At.UTC().Format(time.RFC3339), r.Reason),
		}
	}
	status := &seen.Certificate.Status
	c := FindCertificateCondition(status.Conditions, cmv1.CertificateConditionRevoked)
	if c == nil || c.Status != cmmeta.ConditionTrue || c.Reason != cmv1.CertificateReasonRevoked || !seen.describes() {
		return revocation{}
	}
	why := pursued(status)
	return revocation{
		revoked: true, compromise: why != nil && why.reason == cmv1.CertificateReasonCompromisedKey,
		text: fmt.Sprintf("the certificate in Secret %q was revoked by its CA", seen.Certificate.Spec.SecretName),
	}
}

// IssuedByIssuer says whether the certificate in the Secret is of the issuer
// that the spec names.
func (seen *CertificateSeen) IssuedByIssuer() bool {
	leaf := seen.Secret.Leaf()
	return leaf != nil && !pki.IsTemporary(leaf) && seen.SecretOwner == "" && issuerDiffers(seen, time.Time{}) == nil
}

// RenewalUrged says whether the status remembers that the CA wants the
// certificate in the Secret renewed at once, which is how it says that it is
// revoked, or will be.
func (seen *CertificateSeen) RenewalUrged() bool {
	return (&certificateLadder{seen: seen}).urgedBefore()
}

// certificateRevoked is why a certificate is issued anew that its CA revoked.
func certificateRevoked(seen *CertificateSeen, _ time.Time) *violation {
	r := seen.revocation()
	if !r.revoked || seen.Revoked.Ended != nil {
		return nil
	}
	if r.compromise {
		return &violation{cmv1.CertificateReasonCompromisedKey, r.text}
	}
	return &violation{cmv1.CertificateReasonRevoked, r.text}
}

// unlessEnded is a policy that a Certificate whose end was asked for is let
// alone by.
func unlessEnded(p policy) policy {
	return func(seen *CertificateSeen, now time.Time) *violation {
		if seen.Revoked.Ended != nil {
			return nil
		}
		return p(seen, now)
	}
}

// markRevoked says on a Certificate that nobody should trust the certificate in
// its Secret, or takes that back.
func (c *certificateLadder) markRevoked() {
	reason, message := c.whyRevoked()
	if reason == "" {
		if !c.remembersRevocation() {
			c.removeCondition(cmv1.CertificateConditionRevoked)
		}
		return
	}
	old := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionRevoked)
	if old == nil || old.Reason != reason {
		c.event(Warning, reason, message)
	}
	c.setCondition(cmv1.CertificateConditionRevoked, cmmeta.ConditionTrue, reason, message)
}

// remembersRevocation says whether the condition is all that is known.
func (c *certificateLadder) remembersRevocation() bool {
	r := c.seen.revocation()
	return r.revoked && !r.known && c.seen.SecretOwner == "" && c.seen.Revoked.Ended == nil
}

func (c *certificateLadder) whyRevoked() (reason, message string) {
	leaf := c.seen.Secret.Leaf()
	if leaf == nil || c.seen.SecretOwner != "" {
		return "", ""
	}
	r, ended := c.seen.revocation(), c.seen.Revoked.Ended
	next := "; another certificate with another key is issued"
	if ended != nil {
		next = fmt.Sprintf("; Revocation %q asks for no other certificate, so that none is issued before it is edited or renewed by hand", ended.Name)
	} else if !c.again.IsZero() {
		next += fmt.Sprintf(", at %s because one was issued for the same reason a moment ago", c.again.UTC().Format(time.RFC3339))
	}
	if by := c.seen.Compromised.of(c.seen.Secret.PublicKey); by != "" {
		return cmv1.CertificateReasonCompromisedKey, fmt.Sprintf("the key of the certificate in Secret %q must not be used any more, says CompromisedKey %q%s", c.seen.Certificate.Spec.SecretName, by, next)
	}
	switch {
	case ended != nil && !ended.At.IsZero():
		return cmv1.CertificateReasonRevoked, fmt.Sprintf("the certificate in Secret %q was revoked at %s%s", c.seen.Certificate.Spec.SecretName, ended.At.UTC().Format(time.RFC3339), next)
	case !r.revoked || !r.known:
		return "", ""
	case ended == nil && !r.compromise:
		next = "; another one is issued"
		if !c.again.IsZero() {
			next += fmt.Sprintf(", at %s because one was issued for the same reason a moment ago", c.again.UTC().Format(time.RFC3339))
		}
	}
	return cmv1.CertificateReasonRevoked, r.text + next
}

// ReplacesRevokedAnnotation says "true" on the request of a certificate that
// takes the place of one that was revoked, or whose key others know.
const ReplacesRevokedAnnotation = "certwright.dev/replaces-revoked"

// replacesRevoked says whether the last issuance was for such a reason: who
// puts a key back that others know, or a CA that revokes what it has just issued,
// must not turn into a stream of certificates.
func (c *certificateLadder) replacesRevoked() bool {
	return c.seen.Current != nil && c.seen.Current.Object.Annotations[ReplacesRevokedAnnotation] != ""
}

// becauseRevoked says whether a reason is about a certificate that nobody
// should trust.
func becauseRevoked(reason string) bool {
	return reason == cmv1.CertificateReasonCompromisedKey || reason == cmv1.CertificateReasonRevoked
}
