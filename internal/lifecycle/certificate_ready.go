package lifecycle

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// readyMessage is known to other programs (contract 2.2). What the owner of
// the Certificate should know nevertheless stands behind it.
const readyMessage = "Certificate is up to date and has not expired"

// reportReadiness sets the Ready condition, and the validity, from what is
// stored.
func (c *certificateLadder) reportReadiness() {
	v := firstViolation(readinessReasons, c.seen, c.now)
	c.fit = v == nil || v.reason == cmv1.CertificateReasonExpired
	c.setValidity(!c.fit && firstViolation(invalid, c.seen, c.now) != nil)
	if v != nil {
		c.unready(v.reason, v.message)
		return
	}
	c.wake(c.seen.Secret.Leaf().NotAfter.Add(time.Second))
	message := readyMessage
	old := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	for _, note := range c.notes() {
		message += "; " + note.Message
		if old == nil || !strings.Contains(old.Message, note.Message) {
			c.Events = append(c.Events, note)
		}
	}
	c.setCondition(cmv1.CertificateConditionReady, cmmeta.ConditionTrue, cmv1.CertificateReasonReady, message)
}

// notes are what is not as the spec says although the certificate is.
func (c *certificateLadder) notes() []Event {
	var list []Event
	if note := c.seen.renewal(c.now).Note; note != "" {
		list = append(list, Event{Type: Warning, Reason: ReasonRenewalAdjusted, Message: note})
	}
	if note := rivalsText(c.seen); note != "" {
		list = append(list, Event{Type: Warning, Reason: ReasonSecretConflict, Message: note})
	}
	if note := policyNote(c.seen); note != "" {
		list = append(list, Event{Type: Warning, Reason: ReasonNotRevoked, Message: note})
	}
	return append(list, c.seen.secretNotes()...)
}

// reportWindows says what is wrong with renewal windows that can not be
// evaluated (contract 2.1, row 10). It does not issue because of them, which
// would never end, and renews as if there were none: the certificate must not
// expire for a typing error.
func (c *certificateLadder) reportWindows() {
	old := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionIssuing)
	if err := c.seen.Wanted.WindowsErr; err != nil && !renewalDisabled(&c.seen.Certificate.Spec) {
		message := fmt.Sprintf("%v; until that is corrected the certificate is renewed as if there were no windows", err)
		if c.attempts() > 0 {
			return // the failure is worth more
		}
		c.setCondition(cmv1.CertificateConditionIssuing, cmmeta.ConditionFalse, cmv1.CertificateReasonWindowError, message)
		if old == nil || old.Message != message {
			c.event(Warning, cmv1.CertificateReasonWindowError, message)
		}
		return
	}
	if old != nil && old.Status != cmmeta.ConditionTrue && old.Reason == cmv1.CertificateReasonWindowError {
		c.removeCondition(cmv1.CertificateConditionIssuing)
	}
}

// explainFailure says on an unready Certificate what went wrong and when it is
// tried again.
func (c *certificateLadder) explainFailure(next time.Time) {
	last := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionIssuing)
	if last == nil {
		return
	}
	message := last.Message
	if at := "next attempt at " + next.UTC().Format(time.RFC3339); !strings.HasSuffix(message, at) {
		message += "; " + at
	}
	c.addToReadiness(message)
}

// addToReadiness appends a deeper cause to the message of an unready
// Certificate. A Ready one keeps its message while it is renewed.
func (c *certificateLadder) addToReadiness(cause string) {
	ready := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionReady)
	if ready != nil && ready.Status == cmmeta.ConditionFalse && !strings.HasSuffix(ready.Message, cause) {
		ready.Message += "; " + cause
	}
}

// unready sets Ready to False, and says whether that is news.
func (c *certificateLadder) unready(reason, message string) (news bool) {
	old := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	news = old == nil || old.Status != cmmeta.ConditionFalse || old.Reason != reason || old.Message != message
	c.setCondition(cmv1.CertificateConditionReady, cmmeta.ConditionFalse, reason, message)
	return news
}

// setValidity tells the validity of the certificate in the Secret, or that
// there is none to speak of.
func (c *certificateLadder) setValidity(none bool) {
	if none {
		c.Status.NotBefore, c.Status.NotAfter, c.Status.RenewalTime = nil, nil, nil
		return
	}
	leaf := c.seen.Secret.Leaf()
	setTime(&c.Status.NotBefore, leaf.NotBefore)
	setTime(&c.Status.NotAfter, leaf.NotAfter)
	setTime(&c.Status.RenewalTime, c.seen.renewal(c.now).At)
}

// setTime stores an instant, where zero is none.
func setTime(field **metav1.Time, t time.Time) {
	switch {
	case t.IsZero():
		*field = nil
	case *field == nil || !(*field).Time.Equal(t.Truncate(time.Second)):
		*field = stamp(t)
	}
}

// wake asks to be called again at an instant, if that is still to come.
func (c *certificateLadder) wake(at time.Time) {
	if at.After(c.now) {
		c.Wake = Sooner(c.Wake, at)
	}
}
