package lifecycle

import (
	"fmt"
	"slices"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// An Issuer or ClusterIssuer has one state: Ready, or not and why.
//
//	(new, or anything that it depends on has changed) -- check --> Ready=True
//	                                                     |   ^     Ready=False
//	                                                     |   |
//	                   a CA is in trouble: back-off -----+---+
//
// A person has to change something when a CA refuses: that is not tried again
// by itself. What is in trouble without being due leaves a Ready issuer Ready.

// IssuerSeen is everything that one decision about an issuer needs.
type IssuerSeen struct {
	Issuer cmv1.GenericIssuer
	// Unserved says why there is no signer for the issuer's spec; empty if
	// there is one.
	Unserved string
	// Verdict is what the signer answered in this pass; nil if it was not asked.
	Verdict *IssuerVerdict
	// CA is what a CA issuer signs with, once its signer has answered; nil if
	// it can not be told.
	CA *CA
	// Trouble is what went wrong at the CA last, if it is not yet overcome and
	// nothing has changed since.
	Trouble *IssuerTrouble
}

// IssuerVerdict is what a signer says of its issuer.
type IssuerVerdict struct {
	Ready           bool
	Reason, Message string

	// Fault is what went wrong at a CA. With Ready, the issuer stays as it is.
	Fault *Fault
	// ACME is what is known of the account by now; nil leaves it as it was.
	ACME *acmev1.ACMEIssuerStatus
	// Condition is another one than Ready that the check has come to; nil if
	// there is none. A change of it is an event.
	Condition *cmv1.IssuerCondition
	// Lists is how the revocation lists of a CA issuer are; nil if they can not
	// be looked after, or there are none.
	Lists *ListVerdict
	// Wake is when the verdict may change by itself; zero: never.
	Wake time.Time
}

// IssuerTrouble is what went wrong at the CA of an issuer.
type IssuerTrouble struct {
	Trouble

	Reason string // of the condition
	Ready  bool   // the issuer stays as it is
}

// Again is the trouble after a verdict with a fault.
func (t *IssuerTrouble) Again(verdict *IssuerVerdict, now time.Time) *IssuerTrouble {
	var before *Trouble
	if t != nil {
		before = &t.Trouble
	}
	return &IssuerTrouble{Trouble: *before.Again(StepAccount, *verdict.Fault, now), Reason: verdict.Reason, Ready: verdict.Ready}
}

// IssuerAction is what to do about an issuer.
//
//sumtype:decl
type IssuerAction interface{ isIssuerAction() }

type (
	// IssuerNothing does nothing.
	IssuerNothing struct{}
	// CheckIssuer asks the signer whether it can sign. Answer: Verdict, and
	// Trouble if that has a fault.
	CheckIssuer struct{}
)

func (IssuerNothing) isIssuerAction() {}
func (CheckIssuer) isIssuerAction()   {}

// IssuerDecision is what to do about an issuer.
type IssuerDecision = Decision[IssuerAction, cmv1.IssuerStatus]

// NextIssuer decides about an Issuer or ClusterIssuer.
func NextIssuer(seen IssuerSeen, now time.Time) IssuerDecision {
	p := &issuerPass{IssuerSeen: seen, now: now}
	p.d.Action = IssuerNothing{}
	p.d.Status = *seen.Issuer.GetStatus().DeepCopy()
	if v := seen.Verdict; v != nil && v.ACME != nil {
		p.d.Status.ACME = v.ACME.DeepCopy()
	}
	p.setOther()
	switch {
	case seen.Issuer.GetDeletionTimestamp() != nil:
	case seen.Unserved != "":
		p.setReady(false, cmv1.IssuerReasonInvalidConfig, seen.Unserved)
	case p.isToWait():
		p.wait()
	case seen.Verdict == nil:
		p.d.Action = CheckIssuer{}
	default:
		p.setReady(seen.Verdict.Ready, seen.Verdict.Reason, seen.Verdict.Message)
		p.d.Wake = seen.Verdict.Wake
		p.announceCA()
		p.announceLists()
	}
	return p.d
}

// AnnouncedCA is what an issuer says of the CA that it signs with; empty if it
// says nothing.
func AnnouncedCA(issuer cmv1.GenericIssuer) string {
	if c := findIssuerCondition(issuer.GetStatus().Conditions, cmv1.IssuerConditionSigningCA); c != nil {
		return c.Message
	}
	return ""
}

// Announcement is what an issuer says of the CA, see AnnouncedCA.
func (ca *CA) Announcement() string { return "Certificates are signed by " + ca.Identity() }

// IssuerReady returns the condition Ready of an issuer; nil if it has none.
func IssuerReady(issuer cmv1.GenericIssuer) *cmv1.IssuerCondition {
	return findIssuerCondition(issuer.GetStatus().Conditions, cmv1.IssuerConditionReady)
}

func findIssuerCondition(list []cmv1.IssuerCondition, t cmv1.IssuerConditionType) *cmv1.IssuerCondition {
	for i := range list {
		if list[i].Type == t {
			return &list[i]
		}
	}
	return nil
}

// issuerPass is one decision in the making.
type issuerPass struct {
	IssuerSeen

	now time.Time
	d   IssuerDecision
}

func (p *issuerPass) isToWait() bool {
	return p.Trouble != nil && (p.stalled() || p.Trouble.waiting(p.now))
}

func (p *issuerPass) stalled() bool {
	return p.Trouble.Fault.Kind == Stalled || p.Trouble.Fault.Kind == Failed
}

func (p *issuerPass) wait() {
	message := p.Trouble.Fault.Message + "; tried again when the issuer or one of its Secrets changes"
	if !p.stalled() {
		message = p.Trouble.message()
		p.d.Wake = p.Trouble.next()
	}
	if !p.Trouble.Ready {
		p.setReady(false, p.Trouble.Reason, message)
	}
}

// setOther sets the other condition that the check has come to, and tells
// people if that is news.
func (p *issuerPass) setOther() {
	if p.Verdict == nil || p.Verdict.Condition == nil {
		return
	}
	c := *p.Verdict.Condition
	c.ObservedGeneration = p.Issuer.GetGeneration()
	event := Event{Type: Warning, Reason: c.Reason, Message: c.Message}
	if c.Status == cmmeta.ConditionTrue {
		event.Type = Normal
	}
	old := findIssuerCondition(p.d.Status.Conditions, c.Type)
	if old == nil || old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message {
		p.d.Events = append(p.d.Events, event)
	}
	p.d.Status.Conditions = SetIssuerCondition(p.d.Status.Conditions, c, p.now)
}

// setReady sets the condition, and tells people if that is news.
func (p *issuerPass) setReady(ready bool, reason, message string) {
	c := cmv1.IssuerCondition{
		Type:               cmv1.IssuerConditionReady,
		Status:             cmmeta.ConditionFalse,
		Reason:             reason,
		Message:            message,
		ObservedGeneration: p.Issuer.GetGeneration(),
	}
	event := Event{Type: Warning, Reason: cmv1.IssuerEventErrInitIssuer, Message: message}
	if ready {
		c.Status = cmmeta.ConditionTrue
		event = Event{Type: Normal, Reason: reason, Message: message}
	}
	old := findIssuerCondition(p.d.Status.Conditions, cmv1.IssuerConditionReady)
	if old == nil || old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message {
		p.d.Events = append(p.d.Events, event)
	}
	p.d.Status.Conditions = SetIssuerCondition(p.d.Status.Conditions, c, p.now)
}

// announceCA says which CA a CA issuer signs with, and tells people when that
// is another one. While there is none that can be used, the last one stands:
// if it comes back, nothing has changed. See rotation.go.
func (p *issuerPass) announceCA() {
	spec := p.Issuer.GetSpec().CA
	if spec == nil {
		p.d.Status.Conditions = slices.DeleteFunc(p.d.Status.Conditions, func(c cmv1.IssuerCondition) bool { return c.Type == cmv1.IssuerConditionSigningCA })
		return
	}
	if p.CA == nil || !p.Verdict.Ready {
		return
	}
	c := cmv1.IssuerCondition{
		Type:               cmv1.IssuerConditionSigningCA,
		Status:             cmmeta.ConditionTrue,
		Reason:             cmv1.IssuerReasonCAInUse,
		Message:            p.CA.Announcement(),
		ObservedGeneration: p.Issuer.GetGeneration(),
	}
	if old := findIssuerCondition(p.d.Status.Conditions, c.Type); old != nil && old.Message != c.Message {
		message := fmt.Sprintf("The CA has changed. %s. What an earlier CA signed is marked %s and kept until it is renewed; set spec.ca.reissueOnRotation to have it issued anew",
			c.Message, cmv1.CertificateConditionSignedByFormerCA)
		if spec.ReissueOnRotation {
			message = fmt.Sprintf("The CA has changed. %s. What an earlier CA signed is marked %s and issued anew, %d certificates at a time",
				c.Message, cmv1.CertificateConditionSignedByFormerCA, MaxReissues)
		}
		p.d.Events = append(p.d.Events, Event{Type: Normal, Reason: cmv1.IssuerEventCARotated, Message: message})
	}
	p.d.Status.Conditions = SetIssuerCondition(p.d.Status.Conditions, c, p.now)
}
