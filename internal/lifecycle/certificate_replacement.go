package lifecycle

import (
	"fmt"
	"strings"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
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
	if !ReplacementAsked(&seen.Certificate.Status) {
		return nil
	}
	return pursued(&seen.Certificate.Status)
}

// pursued is the reason of an issuance, under way or failed, that is not
// forgotten when it fails; nil if there is none.
func pursued(status *cmv1.CertificateStatus) *violation {
	c := FindCertificateCondition(status.Conditions, cmv1.CertificateConditionIssuing)
	if c == nil || (c.Reason != cmv1.CertificateReasonReplacementRequested && !becauseRevoked(c.Reason)) {
		return nil
	}
	why, _, _ := strings.Cut(c.Message, askedFailed)
	return &violation{c.Reason, strings.TrimPrefix(why, askedPrefix)}
}
