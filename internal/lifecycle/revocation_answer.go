package lifecycle

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api/v1alpha1"
)

// What becomes of a Revocation by what the CA answers.

func (p *revocationPass) isAnswered() bool {
	if p.Trouble != "" {
		p.retry(p.Trouble)
		return true
	}
	switch o := p.Outcome.(type) {
	case nil:
		return false
	case Revoked:
		p.revoked(o)
	case RevokeRefused:
		p.fail(o.Reason, o.Message)
	case RevokeWait:
		until := o.Until
		if least := p.now.Add(revocationBackoff.Least); until.Before(least) {
			until = least // a CA that is in trouble gains nothing by more questions
		}
		p.again(until, o.Message)
	case RevokeTurn:
		p.d.Wake = o.At
	}
	return true
}

func (p *revocationPass) revoked(o Revoked) {
	s := &p.d.Status
	s.RevokedAt = stamp(o.At)
	s.SignedWith, s.Answer, s.NextAttempt = o.SignedWith, clip(o.Answer), nil
	reason, message := v1alpha1.ReasonRevoked, "the CA has revoked the certificate"
	if o.Already {
		reason, message = v1alpha1.ReasonAlreadyRevoked, "the certificate had been revoked before"
	}
	p.set(v1alpha1.RevocationRevoked, metav1.ConditionTrue, reason, message)
	p.event(Normal, reason, fmt.Sprintf("%s: serial number %s", message, s.SerialNumber))
}

// retry counts a failed attempt.
func (p *revocationPass) retry(trouble string) {
	s := &p.d.Status
	s.FailedAttempts++
	if s.FailedAttempts >= maxRevocationAttempts {
		p.fail(v1alpha1.ReasonRefused, fmt.Sprintf("given up after %d attempts: %s; create another Revocation when that is mended", s.FailedAttempts, trouble))
		return
	}
	p.again(p.now.Add(revocationBackoff.Delay(s.FailedAttempts)), trouble)
}

// again puts the next attempt off.
func (p *revocationPass) again(at time.Time, trouble string) {
	s := &p.d.Status
	at = at.Add(time.Second - 1).Truncate(time.Second) // not before what the CA has said
	first := s.NextAttempt == nil
	s.NextAttempt = stamp(at)
	message := trouble + "; next attempt at " + stampText(at)
	p.await(v1alpha1.ReasonPending, message)
	p.d.Wake = s.NextAttempt.Time
	if first {
		p.event(Warning, ReasonRevocationDelayed, message)
	}
}

// await says what the revocation waits for.
func (p *revocationPass) await(reason, message string) {
	p.set(v1alpha1.RevocationRevoked, metav1.ConditionFalse, reason, message)
}

// fail ends a Revocation without a revocation.
func (p *revocationPass) fail(reason, message string) {
	p.d.Status.NextAttempt = nil
	p.set(v1alpha1.RevocationRevoked, metav1.ConditionFalse, reason, message)
	p.set(v1alpha1.RevocationFailed, metav1.ConditionTrue, reason, message)
	p.event(Warning, ReasonRevocationFailed, message)
	if p.Kept == KeptKeyThere {
		p.d.Wake = p.now
	}
}

// invalid fails a Revocation whose target can not be meant.
func (p *revocationPass) invalid(message string) {
	p.set(v1alpha1.RevocationFound, metav1.ConditionFalse, v1alpha1.ReasonTargetInvalid, message)
	p.fail(v1alpha1.ReasonTargetInvalid, message)
}

// set sets a condition. Its time changes only when its status does.
func (p *revocationPass) set(t string, status metav1.ConditionStatus, reason, message string) {
	s := &p.d.Status
	c := metav1.Condition{
		Type: t, Status: status, Reason: reason, Message: clip(message),
		ObservedGeneration: p.Revocation.Generation, LastTransitionTime: *stamp(p.now),
	}
	old := findCondition(s.Conditions, t)
	if old == nil {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if old.Status == status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	*old = c
}

func (p *revocationPass) event(kind EventType, reason, message string) {
	p.d.Events = append(p.d.Events, Event{Type: kind, Reason: reason, Message: message})
}

// issuerName is the issuer in a sentence.
func (p *revocationPass) issuerName() string {
	ref := p.d.Status.IssuerRef
	if ref == nil {
		return "the issuer"
	}
	return fmt.Sprintf("%s %q", ref.KindOrDefault(), ref.Name)
}

// findCondition returns the condition of a type, or nil.
func findCondition(list []metav1.Condition, t string) *metav1.Condition {
	for i := range list {
		if list[i].Type == t {
			return &list[i]
		}
	}
	return nil
}

// maxConditionMessage is short of the 32,768 characters that the API takes, and
// more than anybody reads.
const maxConditionMessage = 2000

// clip cuts a text that is too long for a condition, visibly.
func clip(text string) string {
	if len(text) <= maxConditionMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxConditionMessage], "") + " ..."
}

// stampText is an instant in a sentence.
func stampText(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
