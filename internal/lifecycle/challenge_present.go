package lifecycle

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// SolverObject is one of the objects that answer an HTTP-01 challenge.
type SolverObject string

// The objects.
const (
	SolverPod     SolverObject = "pod"
	SolverService SolverObject = "service"
	// SolverResponder is what leads to the operator's own responder from the
	// Challenge's namespace. All Challenges there share it, so that none of
	// them deletes it.
	SolverResponder SolverObject = "responder"
	SolverIngress   SolverObject = "ingress"
	SolverRoute     SolverObject = "httproute"
)

// ownObjects are those that belong to one Challenge, in the order of creation:
// the route comes last, so that it never leads nowhere. They are deleted in the
// opposite order.
var ownObjects = []SolverObject{SolverPod, SolverService, SolverIngress, SolverRoute, SolverRecord}

// SolverObjects are the objects that present a Challenge, in the order in
// which they are created.
func SolverObjects(solver acmev1.ACMEChallengeSolver, shared bool) []SolverObject {
	if solver.DNS01 != nil {
		return []SolverObject{SolverRecord}
	}
	objects := []SolverObject{SolverPod, SolverService}
	if shared {
		objects = []SolverObject{SolverResponder}
	}
	if solver.HTTP01 != nil && solver.HTTP01.GatewayHTTPRoute != nil {
		return append(objects, SolverRoute)
	}
	return append(objects, SolverIngress)
}

// IsPresented reports whether all objects are there.
func (seen *ChallengeSeen) IsPresented() bool {
	for _, object := range SolverObjects(seen.Challenge.Spec.Solver, seen.Shared) {
		if !seen.Present[object] {
			return false
		}
	}
	return true
}

// quietly is how long the proof may take before it is stored that it is under
// way, if nothing has to be started for it. Most proofs are over by then: a
// Challenge that is read in between says no less than one a moment younger.
// Pods take longer, and people want to know what is waited for.
const quietly = 5 * time.Second

// hasObstacle: trying again is pointless before somebody else has done
// something, and that is watched.
func (p *challengePass) hasObstacle() bool {
	if p.Obstacle == "" {
		return false
	}
	reason := p.trouble(p.Obstacle + "; tried again as soon as that changes")
	if p.Challenge.Status.Reason != reason {
		p.event(Warning, ChallengeEventPresentError, reason)
	}
	p.wait(reason, p.CA.Expires)
	return true
}

// isNotPresented: what is missing is created, also if somebody deleted it. A
// pod that was evicted has to make room for its successor.
func (p *challengePass) isNotPresented() bool {
	if p.Present[SolverPod] && p.PodEnded {
		p.d.Action = DeleteObject{SolverPod}
		return true
	}
	for _, object := range SolverObjects(p.Challenge.Spec.Solver, p.Shared) {
		if !p.Present[object] {
			p.d.Action = CreateObject{object}
			return true
		}
	}
	return false
}

// isToldOf: that the challenge is presented is stored, and told.
func (p *challengePass) isToldOf() bool {
	if p.isStored() || p.now.Before(p.timeToTell()) {
		return false
	}
	p.present()
	p.d.Status.Processing = true
	p.d.Status.State = acmev1.Pending
	p.d.Status.Reason = ""
	p.event(Normal, ChallengeEventPresented, "challenge presented by way of "+presenter(p.Challenge.Spec.Solver))
	return true
}

func (p *challengePass) isStored() bool {
	return p.Challenge.Status.Presented && p.Challenge.Status.PresentedAt != nil
}

// timeToTell is when to store that the challenge is presented; zero if that is
// done.
func (p *challengePass) timeToTell() time.Time {
	switch {
	case p.isStored():
		return time.Time{}
	case p.Shared:
		return p.presentedAt().Add(quietly)
	}
	return p.presentedAt()
}

// presentedAt is since when the challenge can be seen.
func (p *challengePass) presentedAt() time.Time {
	switch {
	case p.Challenge.Status.PresentedAt != nil:
		return p.Challenge.Status.PresentedAt.Time
	case !p.PresentSince.IsZero():
		return p.PresentSince
	}
	return p.now
}

// present writes down that the challenge is, or was, presented.
func (p *challengePass) present() {
	if p.isStored() || !p.mayBePresented() {
		return
	}
	p.d.Status.Presented = true
	p.d.Status.PresentedAt = &metav1.Time{Time: p.presentedAt().Truncate(time.Second)}
}

func presenter(solver acmev1.ACMEChallengeSolver) string {
	http := solver.HTTP01
	switch {
	case solver.DNS01 != nil:
		return "a TXT record"
	case http != nil && http.GatewayHTTPRoute != nil:
		return "an HTTPRoute"
	case http != nil && http.Ingress != nil && http.Ingress.Name != "":
		return fmt.Sprintf("the Ingress %s", http.Ingress.Name)
	}
	return "an Ingress"
}
