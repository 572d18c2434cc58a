package lifecycle

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// seenChallenge is a challenge that is presented and has not been looked at.
func seenChallenge(edit func(*ChallengeSeen)) ChallengeSeen {
	now := acmeSimStart
	seen := ChallengeSeen{
		Challenge: &acmev1.Challenge{
			ObjectMeta: metav1.ObjectMeta{
				Name: "c", CreationTimestamp: metav1.NewTime(now), Finalizers: []string{acmev1.ACMEDomainQualifiedFinalizer},
			},
			Spec: acmev1.ChallengeSpec{
				DNSName: "a.example.com", URL: "https://ca/chall", AuthorizationURL: "https://ca/authz",
				Solver: http01Solver("web", nil),
			},
			Status: acmev1.ChallengeStatus{Presented: true, Processing: true, State: acmev1.Pending, PresentedAt: &metav1.Time{Time: now}},
		},
		Present: map[SolverObject]bool{SolverPod: true, SolverService: true, SolverIngress: true},
		CA:      &AuthorizationAtCA{State: acmev1.Pending, Challenge: acmev1.Pending, Expires: now.Add(time.Hour), At: now},
	}
	edit(&seen)
	return seen
}

func TestNextChallenge(t *testing.T) {
	t.Parallel()
	now := acmeSimStart
	fresh := func(s *ChallengeSeen) {
		s.Challenge.Status = acmev1.ChallengeStatus{}
		s.Present = map[SolverObject]bool{}
	}
	wrong := func(checks int, podReady bool) *SelfCheckSeen {
		return &SelfCheckSeen{Verdict: SelfCheckWrong, Text: "saw 404", Told: "saw 404", At: now, Checks: checks, PodReady: podReady}
	}
	blind := func(s *ChallengeSeen, failed []time.Duration) {
		s.Check = &SelfCheckSeen{Verdict: SelfCheckUnreachable, Text: "no answer", Told: "no answer", At: now, BlindSince: now, Checks: 9, PodReady: true}
		s.PodReady = true
		for _, f := range failed {
			s.FailedValidations = append(s.FailedValidations, now.Add(f))
		}
	}
	proved := func(s *ChallengeSeen) {
		s.Challenge.Finalizers, s.Shared = nil, true
		s.Challenge.Status.State, s.Challenge.Status.Processing = acmev1.Valid, false
		s.Present = map[SolverObject]bool{SolverResponder: true, SolverIngress: true}
	}
	read := ReadChallenge{AuthorizationURL: "https://ca/authz", URL: "https://ca/chall"}
	tests := map[string]struct {
		edit   func(*ChallengeSeen)
		at     time.Duration
		action ChallengeAction
		state  acmev1.State
		reason string
		wake   time.Duration // after acmeSimStart; 0 for never
	}{
		"the authorization is read before anything else": {
			edit: func(s *ChallengeSeen) { fresh(s); s.CA = nil }, action: read,
		},
		"a name that is proved already needs no presenting": {
			edit: func(s *ChallengeSeen) { fresh(s); s.CA.State = acmev1.Valid }, action: ChallengeNothing{}, state: acmev1.Valid,
		},
		"a slot is asked for before the first object": {
			edit: fresh, action: TakeSlot{},
		},
		"without one it waits": {
			edit: func(s *ChallengeSeen) { fresh(s); s.Slot = SlotRefused }, action: ChallengeNothing{}, wake: 30 * time.Second,
		},
		"after minutes without one it says so": {
			edit: func(s *ChallengeSeen) {
				fresh(s)
				s.Slot = SlotRefused
				s.Challenge.CreationTimestamp = metav1.NewTime(acmeSimStart.Add(-5 * time.Minute))
			},
			action: ChallengeNothing{}, wake: 30 * time.Second,
			reason: `"a.example.com": as many challenges are under way as may be at the same time (--max-concurrent-challenges), and this one waits for one of them to end`,
		},
		"the pod comes first": {
			edit: func(s *ChallengeSeen) { fresh(s); s.Slot = SlotTaken }, action: CreateObject{SolverPod},
		},
		"the route comes last": {
			edit: func(s *ChallengeSeen) { delete(s.Present, SolverIngress) }, action: CreateObject{SolverIngress}, state: acmev1.Pending,
		},
		"a pod that has ended makes room": {
			edit: func(s *ChallengeSeen) { s.PodEnded = true }, action: DeleteObject{SolverPod}, state: acmev1.Pending,
		},
		"a solver of another operator's": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Spec.Solver = acmev1.ACMEChallengeSolver{}
			},
			action: ChallengeNothing{}, state: acmev1.Pending, wake: time.Hour,
			reason: `"a.example.com": the solver can not be used: it has neither http01.ingress nor another way to prove a name`,
		},
		"what is presented is looked at": {
			edit: func(*ChallengeSeen) {}, action: StartSelfCheck{}, state: acmev1.Pending, wake: 15 * time.Second,
		},
		"once at a time": {
			edit: func(s *ChallengeSeen) { s.Checking = true }, action: ChallengeNothing{}, state: acmev1.Pending, wake: 15 * time.Second,
		},
		"after a pause": {
			edit: func(s *ChallengeSeen) { s.Check = wrong(1, true) }, action: ChallengeNothing{}, state: acmev1.Pending, wake: 250 * time.Millisecond,
		},
		"that grows": {
			edit: func(s *ChallengeSeen) { s.Check = wrong(9, true) }, action: ChallengeNothing{}, state: acmev1.Pending, wake: 10 * time.Second,
		},
		"a pod that has become ready is looked at at once": {
			edit: func(s *ChallengeSeen) { s.Check = wrong(9, false); s.PodReady = true }, at: time.Second,
			action: StartSelfCheck{}, state: acmev1.Pending, wake: 15 * time.Second,
		},
		"after a while people are told": {
			edit: func(s *ChallengeSeen) { s.Check = wrong(9, true); s.Check.At = now.Add(15 * time.Second) }, at: 15 * time.Second,
			action: ChallengeNothing{}, state: acmev1.Pending, wake: 25 * time.Second,
			reason: `"a.example.com": self-check, before the CA is told to look: saw 404; retried within a minute`,
		},
		"about the pod, if that is the cause": {
			edit: func(s *ChallengeSeen) {
				s.Check, s.PodTrouble = wrong(9, false), "ImagePullBackOff"
				s.Check.At = now.Add(15 * time.Second)
			}, at: 15 * time.Second,
			action: ChallengeNothing{}, state: acmev1.Pending, wake: 25 * time.Second,
			reason: `"a.example.com": the solver's pod does not run: ImagePullBackOff; retried within a minute`,
		},
		"the CA is told to look when the answer is seen": {
			edit:   func(s *ChallengeSeen) { s.Check = &SelfCheckSeen{Verdict: SelfCheckPassed, At: now} },
			action: AcceptChallenge{"https://ca/chall"}, state: acmev1.Pending,
		},
		"what can not be told from here is left to the CA after a grace": {
			edit: func(s *ChallengeSeen) { blind(s, nil) }, at: 20 * time.Second,
			action: AcceptChallenge{"https://ca/chall"}, state: acmev1.Pending,
		},
		"not before": {
			edit: func(s *ChallengeSeen) { blind(s, nil); s.Check.At = now.Add(19 * time.Second) }, at: 19 * time.Second,
			action: ChallengeNothing{}, state: acmev1.Pending, wake: 20 * time.Second,
		},
		"a wrong answer from inside may be a slow ingress controller's": {
			edit: func(s *ChallengeSeen) {
				blind(s, nil)
				s.Check.Verdict, s.Check.At = SelfCheckInside, now.Add(59*time.Second)
			}, at: 59 * time.Second,
			action: ChallengeNothing{}, state: acmev1.Pending, wake: time.Minute,
		},
		"it is waited for longer": {
			edit: func(s *ChallengeSeen) { blind(s, nil); s.Check.Verdict = SelfCheckInside }, at: time.Minute,
			action: AcceptChallenge{"https://ca/chall"}, state: acmev1.Pending,
		},
		"nor if the pod is the cause": {
			edit: func(s *ChallengeSeen) {
				blind(s, nil)
				s.PodReady, s.PodTrouble, s.Check.PodReady, s.Check.At = false, "it ends with exit code 1", false, now.Add(20*time.Second)
			}, at: 20 * time.Second,
			action: ChallengeNothing{}, state: acmev1.Pending, wake: 30 * time.Second,
			reason: `"a.example.com": the solver's pod does not run: it ends with exit code 1; retried within a minute`,
		},
		"nor if that was wrong too often, of which the first is told": {
			edit: func(s *ChallengeSeen) {
				blind(s, []time.Duration{-59 * time.Minute, -50 * time.Minute, -40 * time.Minute, -30 * time.Minute, -20 * time.Minute, -10 * time.Minute})
				s.Check.At = now.Add(20 * time.Second)
			}, at: 20 * time.Second,
			action: ChallengeNothing{}, state: acmev1.Pending, wake: 30 * time.Second,
			reason: `"a.example.com": self-check, before the CA is told to look: no answer; retried within a minute, but the CA has failed to see this name 5 times within an hour, and is not told to look without proof before 2026-11-24T08:10:00Z`,
		},
		"until one is forgotten": {
			edit: func(s *ChallengeSeen) {
				blind(s, []time.Duration{-50 * time.Minute, -40 * time.Minute, -30 * time.Minute, -20 * time.Minute, -10 * time.Minute})
			}, at: 10 * time.Minute,
			action: AcceptChallenge{"https://ca/chall"}, state: acmev1.Pending,
		},
		"what is surely wrong is never left to the CA": {
			edit: func(s *ChallengeSeen) { s.Check = wrong(9, true); s.Check.At = now.Add(50 * time.Minute) }, at: 50 * time.Minute,
			action: ChallengeNothing{}, state: acmev1.Pending, wake: 50*time.Minute + 10*time.Second,
			reason: `"a.example.com": self-check, before the CA is told to look: saw 404; retried within a minute`,
		},
		"an obstacle is told and waited for": {
			edit:   func(s *ChallengeSeen) { fresh(s); s.Slot, s.Obstacle = SlotTaken, "edit ingress: it is not there" },
			action: ChallengeNothing{}, wake: time.Hour, reason: `"a.example.com": edit ingress: it is not there; tried again as soon as that changes`,
		},
		"the shared responder needs no pod": {
			edit: func(s *ChallengeSeen) { fresh(s); s.Slot, s.Shared = SlotTaken, true }, action: CreateObject{SolverResponder},
		},
		"and the same route": {
			edit: func(s *ChallengeSeen) {
				fresh(s)
				s.Slot, s.Shared, s.Present[SolverResponder] = SlotTaken, true, true
			}, action: CreateObject{SolverIngress},
		},
		"nothing is stored while the proof may be over in a moment": {
			edit: func(s *ChallengeSeen) {
				fresh(s)
				s.Slot, s.Shared, s.PresentSince = SlotTaken, true, now
				s.Present = map[SolverObject]bool{SolverResponder: true, SolverIngress: true}
			}, at: time.Second,
			action: StartSelfCheck{}, wake: quietly,
		},
		"an HTTPRoute instead of an Ingress": {
			edit: func(s *ChallengeSeen) {
				delete(s.Present, SolverIngress)
				s.Challenge.Spec.Solver.HTTP01 = &acmev1.ACMEChallengeSolverHTTP01{GatewayHTTPRoute: &acmev1.ACMEChallengeSolverHTTP01GatewayHTTPRoute{
					ParentRefs: []gwapi.ParentReference{{Name: "web"}},
				}}
			}, action: CreateObject{SolverRoute}, state: acmev1.Pending,
		},
		"what an operator with pods has begun is taken away by one without": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Status.State, s.Challenge.Status.Processing, s.Shared = acmev1.Valid, false, true
				s.Present = map[SolverObject]bool{SolverResponder: true, SolverPod: true}
			},
			action: DeleteObject{SolverPod}, state: acmev1.Valid,
		},
		"a route without a finalizer goes with the Challenge": {
			edit: func(s *ChallengeSeen) { proved(s) }, at: 59 * time.Second,
			action: ChallengeNothing{}, state: acmev1.Valid, wake: time.Minute,
		},
		"unless the Challenge stays": {
			edit: func(s *ChallengeSeen) { proved(s) }, at: time.Minute,
			action: DeleteObject{SolverIngress}, state: acmev1.Valid,
		},
		"or has been there before the operator": {
			edit:   func(s *ChallengeSeen) { proved(s); s.CA = nil },
			action: DeleteObject{SolverIngress}, state: acmev1.Valid,
		},
		"or the name was not proved": {
			edit:   func(s *ChallengeSeen) { proved(s); s.Challenge.Status.State = acmev1.Invalid },
			action: DeleteObject{SolverIngress}, state: acmev1.Invalid,
		},
		"what needs no finalizer gets none": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Finalizers, s.Shared, s.Present[SolverResponder] = nil, true, true
			}, action: StartSelfCheck{}, state: acmev1.Pending, wake: 15 * time.Second,
		},
		"a path in an Ingress of the user's needs one": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Finalizers, s.Shared = nil, true
				s.Challenge.Spec.Solver.HTTP01.Ingress.Name = "web"
			}, action: AddFinalizer{}, state: acmev1.Pending,
		},
		"the responder that others share stays": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Status.State, s.Challenge.Status.Processing, s.Shared = acmev1.Valid, false, true
				s.Present = map[SolverObject]bool{SolverResponder: true}
			},
			action: RemoveFinalizers{}, state: acmev1.Valid,
		},
		"a user may have it wait instead": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Spec.Solver.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: 90 * time.Second}
			},
			at: time.Second, action: ChallengeNothing{}, state: acmev1.Pending, wake: 90 * time.Second,
		},
		"and no longer": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Spec.Solver.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: 90 * time.Second}
			},
			at: 90 * time.Second, action: AcceptChallenge{"https://ca/chall"}, state: acmev1.Pending,
		},
		"a challenge that the CA is looking at is not accepted again": {
			edit: func(s *ChallengeSeen) {
				s.CA.Challenge, s.Check = acmev1.Processing, &SelfCheckSeen{Verdict: SelfCheckPassed, At: now}
			},
			action: ChallengeNothing{}, state: acmev1.Pending, wake: 500 * time.Millisecond,
		},
		"the CA is asked what it saw": {
			edit: func(s *ChallengeSeen) { s.CA.Accepted = now }, at: 500 * time.Millisecond, action: read, state: acmev1.Pending,
		},
		"a refused proof says why": {
			edit:   func(s *ChallengeSeen) { s.CA.State, s.CA.Problem = acmev1.Invalid, "connection refused" },
			action: ChallengeNothing{}, state: acmev1.Invalid, reason: `"a.example.com": the CA refused the proof: connection refused`,
		},
		"the deadline is the end": {
			edit: func(*ChallengeSeen) {}, at: time.Hour, action: ChallengeNothing{}, state: acmev1.Expired,
			reason: `"a.example.com": the name was not proved before the CA's deadline`,
		},
		"a refused accept is looked into": {
			edit: func(s *ChallengeSeen) {
				s.Trouble = (*Trouble)(nil).Again(StepAcceptChallenge, Fault{Kind: Failed, Message: "malformed"}, now)
			},
			action: read, state: acmev1.Pending,
		},
		"what was presented is taken away in the opposite order": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Status.State, s.Challenge.Status.Processing = acmev1.Valid, false
			},
			action: DeleteObject{SolverIngress}, state: acmev1.Valid,
		},
		"also if the Challenge is deleted half-way": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.DeletionTimestamp = &metav1.Time{Time: now}
				delete(s.Present, SolverIngress)
			},
			action: DeleteObject{SolverService}, state: acmev1.Pending,
		},
		"and then it is let go": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.DeletionTimestamp, s.Present = &metav1.Time{Time: now}, nil
				s.Challenge.Finalizers = []string{acmev1.ACMELegacyFinalizer}
			},
			action: RemoveFinalizers{}, state: acmev1.Pending,
		},
		"cleaning up is tried for ten minutes": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.DeletionTimestamp = &metav1.Time{Time: now}
				s.Trouble = &Trouble{Step: StepCleanUp, First: now, At: now, Failures: 1, Fault: Fault{Kind: Retry, Message: "refused"}}
			},
			at: 9 * time.Minute, action: DeleteObject{SolverIngress}, state: acmev1.Pending,
		},
		"and no longer than that": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.DeletionTimestamp = &metav1.Time{Time: now}
				s.Trouble = &Trouble{Step: StepCleanUp, First: now, At: now, Failures: 1, Fault: Fault{Kind: Retry, Message: "refused"}}
			},
			at: 10 * time.Minute, action: RemoveFinalizers{}, state: acmev1.Pending,
		},
		"a Challenge without a finalizer gets one": {
			edit: func(s *ChallengeSeen) { s.Challenge.Finalizers = nil }, action: AddFinalizer{}, state: acmev1.Pending,
		},
		"one that is over does not": {
			edit: func(s *ChallengeSeen) {
				s.Challenge.Finalizers = nil
				s.Challenge.Status.State, s.Challenge.Status.Processing = acmev1.Valid, false
			},
			action: ChallengeNothing{}, state: acmev1.Valid,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := NextChallenge(seenChallenge(test.edit), now.Add(test.at))
			if !reflect.DeepEqual(d.Action, test.action) {
				t.Errorf("action %T %+v, want %T %+v", d.Action, d.Action, test.action, test.action)
			}
			got := fmt.Sprintf("%s|%s", d.Status.State, d.Status.Reason)
			if diff := cmp.Diff(fmt.Sprintf("%s|%s", test.state, test.reason), got); diff != "" {
				t.Errorf("state and reason (-want +got):\n%s", diff)
			}
			wake := time.Time{}
			if test.wake != 0 {
				wake = now.Add(test.wake)
			}
			if !d.Wake.Equal(wake) {
				t.Errorf("wake %s, want %s", d.Wake, wake)
			}
			if d.Status.State.Final() && d.Status.Processing {
				t.Error("a challenge that is over keeps its slot")
			}
		})
	}
}

func TestSelfCheckIsBlindSinceTheFirstOfARow(t *testing.T) {
	t.Parallel()
	var seen *SelfCheckSeen
	var since []int
	for i, check := range []SelfCheckSeen{
		{Verdict: SelfCheckUnreachable}, {Verdict: SelfCheckUnreachable},
		{Verdict: SelfCheckUnreachable, PodReady: true}, {Verdict: SelfCheckUnreachable, PodReady: true},
		{Verdict: SelfCheckWrong, PodReady: true}, {Verdict: SelfCheckUnreachable, PodReady: true}, {Verdict: SelfCheckUnreachable, PodReady: true},
	} {
		check.At = acmeSimStart.Add(time.Duration(i) * time.Second)
		seen = seen.Follow(check)
		since = append(since, int(seen.BlindSince.Sub(acmeSimStart).Seconds()))
	}
	if diff := cmp.Diff([]int{0, 0, 2, 2, 4, 5, 5}, since); diff != "" {
		t.Errorf("blind since (-want +got):\n%s", diff)
	}
}

func TestSelfCheckTellsWhatItSeesSeveralTimesInARow(t *testing.T) {
	t.Parallel()
	var seen *SelfCheckSeen
	var told []string
	for _, text := range []string{"a", "b", "a", "b", "b", "b", "c", "c", "b", "c", "c", "c"} {
		seen = seen.Follow(SelfCheckSeen{Verdict: SelfCheckWrong, Text: text, At: acmeSimStart})
		told = append(told, seen.Told)
	}
	if diff := cmp.Diff([]string{"a", "a", "a", "a", "a", "b", "b", "b", "b", "b", "b", "c"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
