package lifecycle

import (
	"crypto"
	"fmt"
	"strings"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// Some issuances are there because the key may be known to others, or because
// somebody wants to be rid of it: they never take the key that is in the Secret,
// whatever spec.privateKey.rotationPolicy says.
//
// A replacement is asked for in the condition Issuing, with reason
// ReplacementRequested. Unlike a renewal by hand, which is forgotten when it
// fails, the wish stays until it is fulfilled: after a failure the condition is
// False with the same reason, and the next attempt comes after the back-off.

const (
	askedPrefix = "Issuing certificate: "
	askedFailed = "; the last attempt failed: "
)

// AskReplacement asks, in a Certificate's status, for another certificate with
// another key, at once. by says for people who asks, such as
// `Revocation "leak"`; it must always be the same for the same wish. It says
// false, and changes nothing, if a replacement is asked for already: one is
// enough for all who ask.
func AskReplacement(crt *cmv1.Certificate, by string, now time.Time) (changed bool) {
	if ReplacementAsked(&crt.Status) {
		return false
	}
	crt.Status.Conditions = SetCertificateCondition(crt.Status.Conditions, cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonReplacementRequested,
		Message:            fmt.Sprintf("%s%s asks for another certificate with another key", askedPrefix, by),
		ObservedGeneration: crt.Generation,
	}, now)
	return true
}

// ReplacementAsked says whether a replacement is asked for and not yet stored:
// it is under way, or waits for its next attempt.
func ReplacementAsked(status *cmv1.CertificateStatus) bool {
	c := FindCertificateCondition(status.Conditions, cmv1.CertificateConditionIssuing)
	return c != nil && c.Reason == cmv1.CertificateReasonReplacementRequested
}

// replacementAsked keeps a wish over failed attempts.
func replacementAsked(seen *CertificateSeen, _ time.Time) *violation {
	c := FindCertificateCondition(seen.Certificate.Status.Conditions, cmv1.CertificateConditionIssuing)
	if c == nil || c.Reason != cmv1.CertificateReasonReplacementRequested {
		return nil
	}
	wish, _, _ := strings.Cut(c.Message, askedFailed)
	return &violation{cmv1.CertificateReasonReplacementRequested, strings.TrimPrefix(wish, askedPrefix)}
}

// otherKey says whether the issuance under way must end with another key than
// the one in the Secret.
func (c *certificateLadder) otherKey() bool {
	why := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionIssuing)
	if why == nil || why.Status != cmmeta.ConditionTrue {
		return false
	}
	return why.Reason == cmv1.CertificateReasonReplacementRequested || why.Reason == cmv1.CertificateReasonCompromisedKey
}

// spent says whether a key must not be issued for: it is the one that is to be
// replaced.
func (c *certificateLadder) spent(key crypto.PublicKey) bool {
	return c.otherKey() && c.seen.Secret != nil && c.seen.Secret.PublicKey != nil && pki.SameKey(key, c.seen.Secret.PublicKey)
}

// forSpentKey says whether a request is for a key that must not be issued for.
func (c *certificateLadder) forSpentKey(r *SeenRequest) bool {
	return r.CSR != nil && c.spent(r.CSR.PublicKey)
}

// keptKey says whether the certificate that is stored now has the key of the
// one before although it was to be replaced: that was asked for when its
// issuance was over but for saying so.
func (c *certificateLadder) keptKey() bool {
	current, next := c.seen.Current, c.seen.Next
	return c.otherKey() && current != nil && current.CSR != nil && next.CSR != nil && pki.SameKey(current.CSR.PublicKey, next.CSR.PublicKey)
}
