package lifecycle

import (
	"fmt"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// States of a Challenge. What the CA is told stands in capitals.
//
//	(created with its finalizer)
//	   | read the authorization: it may be settled already
//	   | wait for a slot
//	   v
//	present: create pod and Service, then Ingress or HTTPRoute, one in a pass;
//	   |     or the route alone, if the operator answers for itself (shared)
//	   | all there; store presented, presentedAt, processing (shared: only if
//	   | the proof takes longer than a person would notice)
//	   v
//	self-check <---------------------+   or: waitInsteadOfSelfCheck
//	   | passed, or  | wrong, or     |
//	   | can not be  | can not be    |
//	   | told, and   | told yet      |
//	   | the grace   |               |
//	   | is over     +--- pause -----+   0.25 s, 0.5 s ... 10 s
//	   | ACCEPT
//	   v
//	the CA looks <--+
//	   |            | read the authorization: 0.5 s, 1 s ... 10 s
//	   +--- pending-+
//	   |
//	   +--> valid      the name is proved
//	   +--> invalid    the CA saw something else, or nothing
//	   +--> expired    the authorization is gone, or its deadline has passed
//	   +--> errored    a request was refused for good
//	   |
//	   v  from each of them, and from everywhere upon deletion
//	clean up: delete route, Service, pod, one in a pass; remove the finalizer
//	(shared: the route goes with the Challenge, which has no finalizer)
//
// That the challenge was accepted is not stored. After a restart the
// authorization is read before anything else, so that a challenge that the CA
// is looking at is not accepted again.

// ChallengeSeen is everything that one decision about a Challenge needs.
type ChallengeSeen struct {
	Challenge *acmev1.Challenge
	// IssuerTrouble says why the issuer can not be used; empty if it can.
	IssuerTrouble string

	// Shared tells that the operator answers for itself instead of a pod.
	Shared bool
	// Present tells which of the solver's objects exist and are as they
	// should be; once the Challenge is over, which are to be taken away.
	// PresentSince is when all of them were first seen in this process.
	Present      map[SolverObject]bool
	PresentSince time.Time
	// Obstacle says what somebody else has to do before the challenge can be
	// presented. Whatever that is, it is watched.
	Obstacle string
	// How the pod is. One that has ended does not come back.
	PodReady   bool
	PodEnded   bool
	PodTrouble string
	// Writing is since when the TXT record is being written or removed; zero if
	// it is not.
	Writing time.Time
	// DNSCheckRetry is the longest pause between looks at a TXT record; 10 s if
	// zero.
	DNSCheckRetry time.Duration
	// RouteTrouble says why the HTTPRoute leads nowhere; empty if it does not
	// say so.
	RouteTrouble string

	// Slot tells whether the challenge is one of those that may be under way
	// at the same time, if that has been asked in this pass. SlotAgain is when
	// one may have become free without anybody telling; zero if that is unknown.
	Slot      Slot
	SlotAgain time.Time

	// CA is the authorization as the CA last described it, if it was asked.
	CA *AuthorizationAtCA
	// Check is the last self-check in this process. Checking tells that one
	// is under way.
	Check    *SelfCheckSeen
	Checking bool
	// FailedValidations are the instants, the earliest first, at which the
	// CA's validation of this name has failed lately, whoever asked for it.
	FailedValidations []time.Time
	// Trouble is what went wrong last, if it is not yet overcome.
	Trouble *Trouble
}

// Slot is the permission to be under way, of which there is a limited number.
type Slot int

const (
	// SlotUnknown means that it has not been asked for.
	SlotUnknown Slot = iota
	// SlotTaken means that the challenge has one.
	SlotTaken
	// SlotRefused means that all are taken.
	SlotRefused
)

// AuthorizationAtCA is an authorization, and the challenge in question, as the
// CA describes them (RFC 8555, sections 7.1.4 and 7.1.5).
type AuthorizationAtCA struct {
	State     acmev1.State
	Challenge acmev1.State
	Problem   string    // why the challenge is invalid, if the CA said
	Expires   time.Time // zero if the CA did not say

	RetryAfter time.Time // zero if the CA did not say
	At         time.Time // when the CA said so
	Accepted   time.Time // when the challenge was accepted in this process
	Polls      int       // answers since then
}

// Follow returns an answer of the CA with what is known from the one before.
func (a *AuthorizationAtCA) Follow(next AuthorizationAtCA, now time.Time) *AuthorizationAtCA {
	next.At = now
	if a != nil && !a.Accepted.IsZero() {
		next.Accepted, next.Polls = a.Accepted, a.Polls+1
	}
	return &next
}

// accepted reports whether the CA is looking at the challenge.
func (a *AuthorizationAtCA) accepted() bool {
	return !a.Accepted.IsZero() || a.Challenge == acmev1.Processing || a.Challenge == acmev1.Valid
}

// ChallengeAction is what to do about a Challenge.
//
//sumtype:decl
type ChallengeAction interface{ isChallengeAction() }

type (
	// ChallengeNothing does nothing.
	ChallengeNothing struct{}

	// AddFinalizer makes sure that the Challenge outlives what it presents.
	AddFinalizer struct{}

	// RemoveFinalizers lets go of the Challenge: the finalizer, and the one
	// of earlier days.
	RemoveFinalizers struct{}

	// ReadChallenge asks the CA for the authorization. Answer: CA.
	ReadChallenge struct{ AuthorizationURL, URL string }

	// TakeSlot asks for a slot. Answer: Slot.
	TakeSlot struct{}

	// CreateObject creates one of the solver's objects, or makes it what it
	// should be.
	CreateObject struct{ Object SolverObject }

	// DeleteObject deletes one of the solver's objects.
	DeleteObject struct{ Object SolverObject }

	// StartSelfCheck begins a self-check in the background. Its verdict is
	// seen in a later pass.
	StartSelfCheck struct{}

	// AcceptChallenge tells the CA to look (RFC 8555, section 7.5.1).
	// Answer: CA.
	AcceptChallenge struct{ URL string }
)

func (ChallengeNothing) isChallengeAction() {}
func (AddFinalizer) isChallengeAction()     {}
func (RemoveFinalizers) isChallengeAction() {}
func (ReadChallenge) isChallengeAction()    {}
func (TakeSlot) isChallengeAction()         {}
func (CreateObject) isChallengeAction()     {}
func (DeleteObject) isChallengeAction()     {}
func (StartSelfCheck) isChallengeAction()   {}
func (AcceptChallenge) isChallengeAction()  {}

// ChallengeDecision is what to do about a Challenge.
type ChallengeDecision = Decision[ChallengeAction, acmev1.ChallengeStatus]

// Reasons of the events of a Challenge (contract 4).
const (
	ChallengeEventPresented      = "Presented"
	ChallengeEventPresentError   = "PresentError"
	ChallengeEventDomainVerified = "DomainVerified"
	ChallengeEventFailed         = "Failed"
	ChallengeEventCleanUpError   = "CleanUpError"
)

// slotPause is the wait of a challenge without a slot, should nobody tell it
// that one has become free.
const slotPause = 30 * time.Second

// slotGrace is how long a challenge may wait for a slot before people are told.
// With hundreds of them at once minutes are everyday, and the text is a chain of
// writes for each.
const slotGrace = 5 * time.Minute

// challengeGuards are asked from the first to the last. The first that knows
// what to do decides; the last always does.
var challengeGuards = []func(*challengePass) bool{
	(*challengePass).isDeleted,
	(*challengePass).isOver,
	(*challengePass).lacksFinalizer,
	(*challengePass).isExpired,
	(*challengePass).hasNoIssuer,
	(*challengePass).isToWait,
	(*challengePass).isUnknown,
	(*challengePass).isRefused,
	(*challengePass).isSettled,
	(*challengePass).isUnusable,
	(*challengePass).hasNoSlot,
	(*challengePass).hasObstacle,
	(*challengePass).writesRecord,
	(*challengePass).isNotPresented,
	(*challengePass).isToldOf,
	(*challengePass).isAccepted,
	(*challengePass).waitsInstead,
	(*challengePass).isChecked,
}

// NextChallenge decides what to do next about a Challenge.
func NextChallenge(seen ChallengeSeen, now time.Time) ChallengeDecision {
	p := &challengePass{ChallengeSeen: seen, now: now}
	p.d = ChallengeDecision{Action: ChallengeNothing{}, Status: *seen.Challenge.Status.DeepCopy()}
	for _, decides := range challengeGuards {
		if decides(p) {
			break
		}
	}
	return p.d
}

// challengePass is one decision in the making.
type challengePass struct {
	ChallengeSeen
	now time.Time
	d   ChallengeDecision
}

func (p *challengePass) isDeleted() bool {
	if p.Challenge.DeletionTimestamp == nil {
		return false
	}
	p.cleanUp()
	return true
}

func (p *challengePass) isOver() bool {
	if !p.Challenge.Status.State.Final() {
		return false
	}
	if p.Challenge.Status.Processing {
		p.present()
		p.d.Status.Processing = false // by another operator, or another version
		return true
	}
	p.cleanUp()
	return true
}

// lacksFinalizer: it was removed by hand, or the Challenge was made by another
// operator, or one that was started otherwise.
func (p *challengePass) lacksFinalizer() bool {
	if hasFinalizer(p.Challenge) || !NeedsFinalizer(p.Challenge.Spec, p.Shared) {
		return false
	}
	p.d.Action = AddFinalizer{}
	return true
}

func (p *challengePass) isExpired() bool {
	if p.CA == nil || p.CA.Expires.IsZero() || p.now.Before(p.CA.Expires) {
		return false
	}
	p.finish(acmev1.Expired, "the name was not proved before the CA's deadline")
	return true
}

func (p *challengePass) hasNoIssuer() bool {
	if p.IssuerTrouble == "" {
		return false
	}
	p.wait(p.IssuerTrouble, time.Time{}) // the issuer is watched
	return true
}

func (p *challengePass) isToWait() bool {
	if !p.Trouble.waiting(p.now) {
		return false
	}
	reason := p.trouble(p.Trouble.message())
	if p.Trouble.Step == StepPresent && p.Challenge.Status.Reason == "" {
		p.event(Warning, ChallengeEventPresentError, p.trouble(p.Trouble.Fault.Message))
	}
	p.wait(reason, p.Trouble.next())
	return true
}

// isUnknown: nothing is presented for an authorization that is gone or settled
// already. What came of an accept whose answer was lost, the authorization
// tells.
func (p *challengePass) isUnknown() bool {
	lost := p.Trouble != nil && p.Trouble.Step == StepAcceptChallenge && (p.CA == nil || !p.CA.At.After(p.Trouble.At))
	if (p.CA != nil && !lost) || p.failed(StepReadAuthorization) {
		return false
	}
	p.d.Action = p.read()
	return true
}

// isRefused: a request was refused for good.
func (p *challengePass) isRefused() bool {
	switch {
	case p.Trouble == nil || p.Trouble.Fault.Kind != Failed:
		return false
	case p.Trouble.Fault.Code == NotFound:
		p.finish(acmev1.Expired, p.Trouble.Fault.Message)
		return true
	case p.Trouble.Step == StepAcceptChallenge && p.CA != nil && (p.CA.State != acmev1.Pending || p.CA.accepted()):
		return false // the authorization says more than the refusal
	}
	p.finish(acmev1.Errored, p.Trouble.Fault.Message)
	return true
}

func (p *challengePass) isSettled() bool {
	problem := p.CA.Problem
	if problem == "" {
		problem = "the CA did not say why"
	}
	switch {
	case p.CA.State == acmev1.Valid, p.CA.Challenge == acmev1.Valid:
		p.finish(acmev1.Valid, "")
	case p.CA.State == acmev1.Expired:
		p.finish(acmev1.Expired, "the CA's authorization has expired")
	case p.CA.State.Final() || p.CA.Challenge == acmev1.Invalid:
		p.finish(acmev1.Invalid, "the CA refused the proof: "+problem+p.seenFromHere())
	default:
		return false
	}
	return true
}

// isUnusable: the Challenge is from another operator that can do more.
func (p *challengePass) isUnusable() bool {
	why := unusable(p.Challenge.Spec.Solver)
	if why == "" {
		return false
	}
	p.wait(p.trouble("the solver can not be used: "+why), p.CA.Expires)
	return true
}

// hasNoSlot: everything from here on costs the cluster and the CA something.
func (p *challengePass) hasNoSlot() bool {
	switch {
	case p.Slot == SlotTaken || p.Challenge.Status.Processing:
		return false
	case p.Slot == SlotRefused:
		reason := ""
		if !p.now.Before(p.Challenge.CreationTimestamp.Add(slotGrace)) {
			reason = p.trouble("as many challenges are under way as may be at the same time (--max-concurrent-challenges), and this one waits for one of them to end")
		}
		p.wait(reason, Sooner(Sooner(p.now.Add(slotPause), p.SlotAgain), p.CA.Expires))
	default:
		p.d.Action = TakeSlot{}
	}
	return true
}

// isAccepted: the CA is looking. It is asked what it saw.
func (p *challengePass) isAccepted() bool {
	if !p.CA.accepted() {
		return false
	}
	next := pollAt(p.CA.At, p.CA.RetryAfter, p.CA.Polls)
	if !p.now.Before(next) {
		p.d.Action = p.read()
		return true
	}
	reason := ""
	if p.CA.Polls >= patientPolls {
		reason = p.trouble("the CA was told to look and has not finished; asked again every minute")
	}
	p.wait(reason, Sooner(Sooner(next, p.timeToTell()), p.CA.Expires))
	return true
}

func (p *challengePass) accept() { p.d.Action = AcceptChallenge{p.Challenge.Spec.URL} }

func (p *challengePass) read() ReadChallenge {
	return ReadChallenge{AuthorizationURL: p.Challenge.Spec.AuthorizationURL, URL: p.Challenge.Spec.URL}
}

// finish stores the final state and gives the slot back.
func (p *challengePass) finish(state acmev1.State, reason string) {
	if reason != "" {
		reason = p.trouble(reason)
	}
	p.present()
	p.d.Status.State = state
	p.d.Status.Reason = reason
	p.d.Status.Processing = false
	if state == acmev1.Valid {
		p.event(Normal, ChallengeEventDomainVerified, fmt.Sprintf("the CA has verified %q", p.Challenge.Spec.DNSName))
		return
	}
	p.event(Warning, ChallengeEventFailed, reason)
}

func (p *challengePass) failed(step Step) bool {
	return p.Trouble != nil && p.Trouble.Fault.Kind == Failed && p.Trouble.Step == step
}

func (p *challengePass) wait(reason string, wake time.Time) {
	p.d.Status.Reason = reason
	p.d.Wake = wake
}

func (p *challengePass) event(kind EventType, reason, message string) {
	p.d.Events = append(p.d.Events, Event{Type: kind, Reason: reason, Message: message})
}

// trouble names the name: the text stands in the Certificate, too.
func (p *challengePass) trouble(text string) string {
	return fmt.Sprintf("%q: %s", p.Challenge.Spec.DNSName, text)
}
