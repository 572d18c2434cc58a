package lifecycle

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// States of a Reissue, a campaign.
//
//	          dryRun            paused
//	Planned <--------- (new) ---------> Paused
//	    |                |                 |
//	    +----------------+-----------------+  neither
//	                     v
//	             startedAt, Running  <------------------+
//	                     |                              |
//	   +-----------------+----------------+             |
//	   | a turn: the pace and maxInFlight |             |
//	   | allow it; expires first          |             |
//	   |   AskReplacements, or with       |             |
//	   |   spec.revoke CreateRevocations  |             |
//	   +-----------------+----------------+             |
//	                     |                              |
//	   more than a tenth has failed, at least five      |
//	             Stopped: TooManyFailures --------------+  spec changed: attempt+1,
//	                     |                                 the failed are begun again
//	   none is left, under way or to be revoked
//	                     v
//	        Done (Ready=True Done, or Ready=False SomeFailed)
//
// What has become of each Certificate is not kept in the Reissue, or its status
// would grow with it. With spec.revoke the Revocations tell; else the
// Certificate remembers in its status which campaign has asked for another
// certificate, in which attempt and instead of which revision. That is written
// together with the condition Issuing that asks for it. So a process may die
// after any write: what was begun is known, and is not begun again.
//
// The pace needs no memory either: when each was begun is written with it, and
// how many turns are left follows from that.

// ReissueSeen is everything that one decision about a Reissue needs.
type ReissueSeen struct {
	Reissue *v1alpha1.Reissue

	// MayCross: it is in the cluster resource namespace.
	MayCross bool
	// SelectorErr says why the selector can not be meant.
	SelectorErr error

	// Members are the Certificates that it has begun and those that it
	// selects, in any order.
	Members []ReissueMember

	// Stored is when the status was last stored, zero if that is not known.
	Stored time.Time

	// Refused is what the API server said when it did not take a write of the
	// campaign, which is tried again at RefusedUntil; empty if it did.
	Refused      string
	RefusedUntil time.Time
}

// ReissueMember is a Certificate of a campaign. Nothing in it may be changed.
type ReissueMember struct {
	Certificate *cmv1.Certificate

	// Issued is when the request of the present certificate was made; zero if
	// that is not known, or does not matter (see IssuedNear).
	Issued time.Time

	// Revocation is the latest that the campaign has created for it, or nil.
	Revocation *v1alpha1.Revocation

	// CA is the ACME account that its certificates are issued to, and Limit is
	// how many orders of that the CA takes. Both are zero for other issuers.
	CA    string
	Limit OrderLimit
}

// ReissueDecision is what NextReissue comes to.
type ReissueDecision = Decision[ReissueAction, v1alpha1.ReissueStatus]

// ReissueAction begins some of a campaign's Certificates. It is more than one
// write, each of another object, and each may be missing: what was not written
// is begun by another pass.
//
//sumtype:decl
type ReissueAction interface{ isReissueAction() }

type (
	// NoReissueAction begins none.
	NoReissueAction struct{}
	// AskReplacements stores the status of these Certificates.
	AskReplacements struct{ Certificates []*cmv1.Certificate }
	// CreateRevocations creates these. One that exists already was created
	// before.
	CreateRevocations struct{ Revocations []*v1alpha1.Revocation }
)

func (NoReissueAction) isReissueAction()   {}
func (AskReplacements) isReissueAction()   {}
func (CreateRevocations) isReissueAction() {}

const (
	// reissuePause is the time between a campaign's start and its first turn.
	// What was requested before the start is old, and the API server that dates
	// requests may have another clock than we.
	reissuePause = 2 * time.Second

	// reissuePass is the least time between two looks at all Certificates of
	// a campaign.
	reissuePass = time.Second

	// reissueLook is how long a campaign with Certificates under way goes
	// without a look if no event tells of one.
	reissueLook = 30 * time.Second

	// reissueReport is the least time between two writes of the status that
	// change nothing but numbers.
	reissueReport = 5 * time.Second

	// A campaign is stopped when more than a tenth of those that it has begun
	// have failed. Fewer than five may be broken for reasons of their own.
	reissueLeastFailures = 5
	reissueFailureShare  = 10

	// maxReissueList bounds the list in the status.
	maxReissueList = 50
)

// NextReissue decides what to do about one campaign. It is total and
// deterministic.
func NextReissue(seen ReissueSeen, now time.Time) ReissueDecision {
	c := &reissueLadder{seen: &seen, now: now}
	c.Action = NoReissueAction{}
	c.Status = *seen.Reissue.Status.DeepCopy()
	spec := &seen.Reissue.Spec
	switch {
	case !seen.Reissue.DeletionTimestamp.IsZero(), ReissueOver(seen.Reissue):
		return c.ReissueDecision
	case len(spec.Selector.Namespaces) > 0 && !seen.MayCross:
		c.refuse(v1alpha1.ReissueReasonNamespacesNotAllowed, "spec.selector.namespaces can be set only in the cluster resource namespace; leave it out to select Certificates of this namespace")
		return c.ReissueDecision
	case seen.SelectorErr != nil:
		c.refuse(v1alpha1.ReissueReasonInvalidSelector, fmt.Sprintf("spec.selector can not be used: %v; create another Reissue instead", seen.SelectorErr))
		return c.ReissueDecision
	}
	c.takeUp()
	c.survey()
	c.report()
	switch {
	case spec.DryRun:
		c.plan()
		c.say(v1alpha1.ReissuePlanned, metav1.ConditionTrue, v1alpha1.ReissueReasonPlanned, c.planned("would be"))
	case c.Status.StartedAt == nil && spec.Paused:
		c.plan()
		c.say(v1alpha1.ReissuePaused, metav1.ConditionFalse, v1alpha1.ReissueReasonPaused, "spec.paused is set: nothing has been begun")
	case c.Status.StartedAt == nil:
		c.start()
	case c.over():
		c.finish()
	case c.stopped():
		c.rest()
	case spec.Paused:
		c.say(v1alpha1.ReissuePaused, metav1.ConditionFalse, v1alpha1.ReissueReasonPaused, "spec.paused is set: no further ones are begun")
		c.rest()
	case c.tooManyFailures():
		c.stop()
		c.rest()
	case seen.Refused != "":
		c.say(v1alpha1.ReissueStopped, metav1.ConditionFalse, v1alpha1.ReissueReasonWriteRefused,
			fmt.Sprintf("no further ones are begun: the API server does not take what asks for them: %s; tried again every few minutes", seen.Refused))
		c.Wake = seen.RefusedUntil
		c.rest()
	default:
		c.run()
	}
	c.restrain()
	return c.ReissueDecision
}

// ReissueOver says whether a campaign has ended, and nothing can become of it
// any more.
func ReissueOver(r *v1alpha1.Reissue) bool { return r.Status.CompletedAt != nil }

// reissueLadder is one decision in the making.
type reissueLadder struct {
	ReissueDecision

	seen *ReissueSeen
	now  time.Time

	next     []*reissueStanding // by expiry
	inFlight []*reissueStanding
	failed   []*reissueStanding
	begun    []*reissueStanding // all that were, by when
	done     int
	holding  int // of done: the old one is still to be revoked
	revoked  int
	failures int // of this attempt
}

// since is what tells old certificates from new ones.
func (c *reissueLadder) since() time.Time {
	if c.Status.StartedAt != nil {
		return c.Status.StartedAt.Time
	}
	return c.now
}

// takeUp goes on with a campaign that was stopped, once its spec has changed.
func (c *reissueLadder) takeUp() {
	if c.halted() && !c.stopped() {
		c.Status.Attempt++
	}
}

// halted says whether too many have failed; stopped, that nobody has changed
// the spec since.
func (c *reissueLadder) halted() bool {
	ready := meta.FindStatusCondition(c.seen.Reissue.Status.Conditions, v1alpha1.ReissueReady)
	return ready != nil && ready.Reason == v1alpha1.ReissueReasonTooManyFailures
}

func (c *reissueLadder) stopped() bool {
	ready := meta.FindStatusCondition(c.seen.Reissue.Status.Conditions, v1alpha1.ReissueReady)
	return c.halted() && ready.ObservedGeneration == c.seen.Reissue.Generation
}

// start separates the old from the new. Nothing is begun before that is stored.
func (c *reissueLadder) start() {
	c.plan()
	c.Status.StartedAt = stamp(c.now)
	c.Status.Attempt = 1
	c.running()
	c.event(Normal, "Started", c.planned("are to be"))
	c.Wake = c.Status.StartedAt.Add(reissuePause)
}

// run begins as many as there is room for.
func (c *reissueLadder) run() {
	c.running()
	room := c.maxInFlight() - len(c.inFlight)
	free, at := c.pace().turns(c.beginnings(""), c.now)
	waiting := slices.DeleteFunc(slices.Clone(c.next), func(s *reissueStanding) bool { return s.asked })
	n := min(room, free, len(waiting))
	begins := c.Status.StartedAt.Add(reissuePause)
	switch {
	case c.now.Before(begins):
		c.Wake = begins
	case n > 0:
		c.begin(waiting[:n])
		c.Wake = c.now.Add(reissuePass)
	case room > 0 && len(waiting) > 0:
		c.Wake = latest(at, c.now.Add(reissuePass))
	}
	c.estimate()
	if len(c.next) > 0 {
		c.Wake = Sooner(c.Wake, c.now.Add(reissueLook)) // those that others have asked for
	}
	c.rest()
}

// rest waits for those under way. Events tell of them; the wake is for one
// that was missed.
func (c *reissueLadder) rest() {
	if len(c.inFlight) > 0 || c.holding > 0 {
		c.Wake = Sooner(c.Wake, c.now.Add(reissueLook))
	}
}

// over says whether nothing is left to be done.
func (c *reissueLadder) over() bool {
	return len(c.next) == 0 && len(c.inFlight) == 0 && c.holding == 0
}

func (c *reissueLadder) finish() {
	c.Status.CompletedAt = stamp(c.now)
	all := c.done + len(c.failed)
	if len(c.failed) == 0 {
		message := fmt.Sprintf("%s issued anew", have(c.done))
		if all == 0 {
			message = "there was no certificate to be issued anew"
		}
		c.say(v1alpha1.ReissueDone, metav1.ConditionTrue, v1alpha1.ReissueReasonDone, message)
		c.event(Normal, v1alpha1.ReissueReasonDone, message)
		return
	}
	message := fmt.Sprintf("%s issued anew, %d failed, the first of them %s; see status.certificates", have(c.done), len(c.failed), c.failed[0].name())
	c.say(v1alpha1.ReissueDone, metav1.ConditionFalse, v1alpha1.ReissueReasonSomeFailed, message)
	c.event(Warning, v1alpha1.ReissueReasonSomeFailed, message)
}

func have(n int) string {
	if n == 1 {
		return "1 certificate has been"
	}
	return fmt.Sprintf("%d certificates have been", n)
}

// tooManyFailures says whether what goes wrong is no single case any more.
func (c *reissueLadder) tooManyFailures() bool {
	begun := len(c.inFlight) + c.done + c.failures
	return len(c.next) > 0 && c.failures >= reissueLeastFailures && c.failures*reissueFailureShare > begun
}

func (c *reissueLadder) stop() {
	message := fmt.Sprintf("%d of %d have failed, the first of them %s: no further ones are begun; mend what is wrong, then change spec.maxInFlight or spec.perHour, or set spec.paused and take it back, to have all of them tried",
		c.failures, len(c.inFlight)+c.done+c.failures, c.failed[0].name())
	c.say(v1alpha1.ReissueStopped, metav1.ConditionFalse, v1alpha1.ReissueReasonTooManyFailures, message)
	c.event(Warning, v1alpha1.ReissueReasonTooManyFailures, message)
}

func (c *reissueLadder) refuse(reason, message string) {
	before := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ReissueReady)
	if before == nil || before.Reason != reason {
		c.event(Warning, reason, message)
	}
	c.say(v1alpha1.ReissueStopped, metav1.ConditionFalse, reason, message)
}

func (c *reissueLadder) running() {
	pace := ""
	if h := c.seen.Reissue.Spec.PerHour; h != nil {
		pace = fmt.Sprintf(" and %d in an hour", *h)
	}
	c.say(v1alpha1.ReissueRunning, metav1.ConditionTrue, v1alpha1.ReissueReasonRunning,
		fmt.Sprintf("certificates are issued anew, at most %d at the same time%s", c.maxInFlight(), pace))
}

func (c *reissueLadder) say(phase v1alpha1.ReissuePhase, status metav1.ConditionStatus, reason, message string) {
	c.Status.Phase = phase
	if phase != v1alpha1.ReissueRunning {
		c.Status.EstimatedCompletion = nil
	}
	meta.SetStatusCondition(&c.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ReissueReady, Status: status, Reason: reason, Message: message,
		ObservedGeneration: c.seen.Reissue.Generation, LastTransitionTime: *stamp(c.now),
	})
}

func (c *reissueLadder) event(t EventType, reason, message string) {
	c.Events = append(c.Events, Event{Type: t, Reason: reason, Message: message})
}

// maxInFlight is that of the spec; an API server fills it in.
func (c *reissueLadder) maxInFlight() int { return int(max(1, c.seen.Reissue.Spec.MaxInFlight)) }

// restrain keeps numbers back that were stored a moment ago.
func (c *reissueLadder) restrain() {
	before := &c.seen.Reissue.Status
	report := c.seen.Stored.Add(reissueReport)
	if !c.now.Before(report) || before.Phase != c.Status.Phase || before.Attempt != c.Status.Attempt ||
		!before.StartedAt.Equal(c.Status.StartedAt) || !before.CompletedAt.Equal(c.Status.CompletedAt) ||
		!slices.Equal(before.Conditions, c.Status.Conditions) || equality.Semantic.DeepEqual(before, &c.Status) {
		return
	}
	c.Status = *before.DeepCopy()
	c.Wake = Sooner(c.Wake, report)
}
