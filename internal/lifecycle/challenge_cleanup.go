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

// cleanUp deletes what was presented, and then lets go of the Challenge.
func (p *challengePass) cleanUp() {
	if !hasFinalizer(p.Challenge) {
		return
	}
	trouble := p.Trouble
	if trouble != nil && trouble.Step != StepCleanUp {
		trouble = nil // what else went wrong does not matter any more
	}
	if trouble != nil && p.now.Sub(trouble.First) >= cleanUpPatience {
		p.event(Warning, ChallengeEventCleanUpError, "given up: "+trouble.Fault.Message)
		p.d.Action = RemoveFinalizers{}
		return
	}
	if next := trouble; next != nil && p.now.Before(next.next()) {
		p.d.Wake = Sooner(next.next(), next.First.Add(cleanUpPatience))
		return
	}
	for _, object := range slices.Backward(ownObjects) {
		if p.Present[object] {
			p.d.Action = DeleteObject{object}
			return
		}
	}
	p.d.Action = RemoveFinalizers{}
}

func hasFinalizer(c *acmev1.Challenge) bool {
	return slices.Contains(c.Finalizers, acmev1.ACMEDomainQualifiedFinalizer) || slices.Contains(c.Finalizers, acmev1.ACMELegacyFinalizer)
}
