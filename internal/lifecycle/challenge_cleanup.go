package lifecycle

import (
	"slices"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// cleanUpPatience is how long to try to clean up. After that the Challenge is
// let go: one that can not be deleted blocks its namespace for ever, and what
// is left belongs to the Challenge and goes with it, except for the path in an
// Ingress of the user's.
const cleanUpPatience = 10 * time.Minute

// leftToGarbage is how long a name may have been proved, and its Challenge still
// be there, for its route to be deleted: that of a Challenge without a
// finalizer goes with the Challenge, as a rule within seconds. Another name of
// the Order may take longer.
const leftToGarbage = time.Minute

// NeedsFinalizer reports whether something would be left of a Challenge that is
// deleted. A route of its own is not: it belongs to the Challenge, and the
// cluster collects it. So a Challenge without a finalizer spares two writes,
// and never blocks the deletion of its namespace. What must not be left behind
// is a path in an Ingress of a user's. Pods end sooner if they are deleted.
func NeedsFinalizer(spec acmev1.ChallengeSpec, shared bool) bool {
	http := spec.Solver.HTTP01
	return !shared || http == nil || (http.Ingress != nil && http.Ingress.Name != "")
}

// cleanUp deletes what was presented, and then lets go of the Challenge.
func (p *challengePass) cleanUp() {
	held := hasFinalizer(p.Challenge)
	if !held && (p.Challenge.DeletionTimestamp != nil || NeedsFinalizer(p.Challenge.Spec, p.Shared) || p.isLeftToGarbage()) {
		return
	}
	if !p.Writing.IsZero() {
		p.d.Wake = p.now.Add(slotPause) // its end wakes
		return
	}
	trouble := p.Trouble
	if trouble != nil && trouble.Step != StepCleanUp {
		trouble = nil // what else went wrong does not matter any more
	}
	if trouble != nil && !p.now.Before(p.cleanUpEnd(trouble)) {
		if held {
			p.event(Warning, ChallengeEventCleanUpError, "given up: "+trouble.Fault.Message)
			p.d.Action = RemoveFinalizers{}
		}
		return
	}
	if next := trouble; next != nil && p.now.Before(next.next()) {
		p.tellOfCleanUp(next)
		p.d.Wake = Sooner(next.next(), p.cleanUpEnd(next))
		return
	}
	for _, object := range slices.Backward(ownObjects) {
		if p.Present[object] {
			p.d.Action = DeleteObject{object}
			if object == SolverRecord {
				p.d.Wake = p.now.Add(slotPause) // nothing of the cluster changes; its end wakes
			}
			return
		}
	}
	if held {
		p.d.Action = RemoveFinalizers{}
	}
}

// isLeftToGarbage: what is presented goes with the Challenge in a moment.
func (p *challengePass) isLeftToGarbage() bool {
	if p.Challenge.Status.State != acmev1.Valid || p.CA == nil {
		return false
	}
	end := p.CA.At.Add(leftToGarbage)
	if !p.now.Before(end) {
		return false
	}
	p.d.Wake = end
	return true
}

func hasFinalizer(c *acmev1.Challenge) bool {
	return slices.Contains(c.Finalizers, acmev1.ACMEDomainQualifiedFinalizer) || slices.Contains(c.Finalizers, acmev1.ACMELegacyFinalizer)
}
