package lifecycle

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// seenDNS is a DNS-01 challenge whose record is there and has not been looked
// at.
func seenDNS(edit func(*ChallengeSeen)) ChallengeSeen {
	return seenChallenge(func(s *ChallengeSeen) {
		s.Challenge.Spec.Type = acmev1.ACMEChallengeTypeDNS01
		s.Challenge.Spec.Solver = acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{RFC2136: &acmev1.ACMEIssuerDNS01ProviderRFC2136{}}}
		s.Present = map[SolverObject]bool{SolverRecord: true}
		edit(s)
	})
}

func TestNextChallengeOverDNS(t *testing.T) {
	t.Parallel()
	now := acmeSimStart
	fresh := func(s *ChallengeSeen) {
		s.Challenge.Status = acmev1.ChallengeStatus{}
		s.Present = map[SolverObject]bool{}
		s.Slot = SlotTaken
	}
	announced := func(s *ChallengeSeen) {
		fresh(s)
		s.Challenge.Status.Processing, s.Challenge.Status.State = true, acmev1.Pending
	}
	over := func(s *ChallengeSeen) {
		s.Challenge.Status.State, s.Challenge.Status.Processing = acmev1.Valid, false
	}
	failing := func(step Step, code FaultCode) *Trouble {
		return &Trouble{Step: step, First: now, At: now, Failures: 1, Fault: Fault{Kind: Retry, Code: code, Message: "remove TXT record: no answer"}}
	}
	look := func(v SelfCheckVerdict) func(*ChallengeSeen) {
		return func(s *ChallengeSeen) {
			s.Check = &SelfCheckSeen{Verdict: v, Text: "not yet at ns1", Told: "not yet at ns1", At: now, BlindSince: now, Checks: 1}
		}
	}
	const cleanUpText = `"a.example.com": clean up: remove TXT record: no answer; retried within a minute`
	tests := map[string]struct {
		edit   func(*ChallengeSeen)
		at     time.Duration
		action ChallengeAction
		status func(*acmev1.ChallengeStatus) // what changes
		events []string
		wake   time.Duration
	}{
		"that a record is to be written is stored before it is": {
			edit: fresh, action: ChallengeNothing{},
			status: func(s *acmev1.ChallengeStatus) { s.Processing, s.State = true, acmev1.Pending },
		},
		"then it is written": {
			edit: announced, action: CreateObject{SolverRecord}, wake: 30 * time.Second,
		},
		"once at a time": {
			edit: func(s *ChallengeSeen) { announced(s); s.Writing = now }, action: ChallengeNothing{}, wake: 15 * time.Second,
		},
		"a provider that takes long is told of": {
			edit: func(s *ChallengeSeen) { announced(s); s.Writing = now }, at: 15 * time.Second, action: ChallengeNothing{}, wake: 45 * time.Second,
			status: func(s *acmev1.ChallengeStatus) {
				s.Reason = `"a.example.com": the DNS provider was asked to add the TXT record and has not answered yet`
			},
		},
		"one that refuses, too, and is asked again": {
			edit: func(s *ChallengeSeen) { announced(s); s.Trouble = failing(StepPresent, OtherFault) }, action: ChallengeNothing{}, wake: 5 * time.Second,
			status: func(s *acmev1.ChallengeStatus) {
				s.Reason = `"a.example.com": remove TXT record: no answer; retried within a minute`
			},
			events: []string{ChallengeEventPresentError},
		},
		"a record that is there is told of": {
			edit: func(s *ChallengeSeen) {
				announced(s)
				s.Present, s.PresentSince = map[SolverObject]bool{SolverRecord: true}, now
			}, action: ChallengeNothing{},
			status: func(s *acmev1.ChallengeStatus) { s.Presented, s.PresentedAt = true, &metav1.Time{Time: now} },
			events: []string{ChallengeEventPresented},
		},
		"then it is looked at": {
			edit: func(*ChallengeSeen) {}, action: StartSelfCheck{}, wake: 15 * time.Second,
		},
		"again after a second": {
			edit: look(SelfCheckWrong), action: ChallengeNothing{}, wake: time.Second,
		},
		"and then as seldom as is set": {
			edit: func(s *ChallengeSeen) { look(SelfCheckWrong)(s); s.Check.Checks, s.DNSCheckRetry = 20, 3*time.Second },
			at:   0, action: ChallengeNothing{}, wake: 3 * time.Second,
		},
		"after a while people are told what is seen": {
			edit: func(s *ChallengeSeen) { look(SelfCheckWrong)(s); s.Check.At = now.Add(15 * time.Second) }, at: 15 * time.Second,
			action: ChallengeNothing{}, wake: 16 * time.Second,
			status: func(s *acmev1.ChallengeStatus) {
				s.Reason = `"a.example.com": self-check, before the CA is told to look: not yet at ns1; retried within a minute`
			},
		},
		"a value that is seen is left to the CA": {
			edit: look(SelfCheckPassed), action: AcceptChallenge{"https://ca/chall"},
		},
		"what can not be told from here is left to the CA after a minute": {
			edit: look(SelfCheckUnreachable), at: time.Minute, action: AcceptChallenge{"https://ca/chall"},
		},
		"and not before": {
			edit: func(s *ChallengeSeen) { look(SelfCheckUnreachable)(s); s.Check.At = now.Add(59500 * time.Millisecond) }, at: 59500 * time.Millisecond,
			action: ChallengeNothing{}, wake: time.Minute,
		},
		"a challenge that ends half-way may have a record": {
			edit: announced, at: time.Hour, action: ChallengeNothing{},
			status: func(s *acmev1.ChallengeStatus) {
				s.State, s.Reason, s.Processing = acmev1.Expired, `"a.example.com": the name was not proved before the CA's deadline`, false
				s.Presented, s.PresentedAt = true, &metav1.Time{Time: now.Add(time.Hour)}
			},
			events: []string{ChallengeEventFailed},
		},
		"the record is removed": {
			edit: over, action: DeleteObject{SolverRecord}, wake: 30 * time.Second,
		},
		"not while it is being written": {
			edit: func(s *ChallengeSeen) { over(s); s.Writing = now }, action: ChallengeNothing{}, wake: 30 * time.Second,
		},
		"and then the Challenge is let go": {
			edit: func(s *ChallengeSeen) { over(s); s.Present = nil }, action: RemoveFinalizers{},
		},
		"a record that can not be removed is told of": {
			edit: func(s *ChallengeSeen) { over(s); s.Trouble = failing(StepCleanUp, OtherFault) }, action: ChallengeNothing{}, wake: 5 * time.Second,
			status: func(s *acmev1.ChallengeStatus) { s.Reason = cleanUpText }, events: []string{ChallengeEventCleanUpError},
		},
		"once": {
			edit: func(s *ChallengeSeen) {
				over(s)
				s.Trouble, s.Challenge.Status.Reason = failing(StepCleanUp, OtherFault), cleanUpText
			}, action: ChallengeNothing{}, wake: 5 * time.Second,
		},
		"why the challenge failed is not forgotten over it": {
			edit: func(s *ChallengeSeen) {
				over(s)
				s.Challenge.Status.State, s.Challenge.Status.Reason = acmev1.Invalid, `"a.example.com": refused; "a.example.com": clean up: what was before`
				s.Trouble = failing(StepCleanUp, OtherFault)
			}, action: ChallengeNothing{}, wake: 5 * time.Second,
			status: func(s *acmev1.ChallengeStatus) { s.Reason = `"a.example.com": refused; ` + cleanUpText }, events: []string{ChallengeEventCleanUpError},
		},
		"removing is tried for an hour": {
			edit: func(s *ChallengeSeen) { over(s); s.Trouble = failing(StepCleanUp, OtherFault) }, at: 59 * time.Minute,
			action: DeleteObject{SolverRecord}, wake: 59*time.Minute + 30*time.Second,
		},
		"and no longer": {
			edit: func(s *ChallengeSeen) { over(s); s.Trouble = failing(StepCleanUp, OtherFault) }, at: time.Hour,
			action: RemoveFinalizers{}, events: []string{ChallengeEventCleanUpError},
		},
		"credentials that are gone are waited for ten minutes": {
			edit: func(s *ChallengeSeen) { over(s); s.Trouble = failing(StepCleanUp, NotFound) }, at: 10 * time.Minute,
			action: RemoveFinalizers{}, events: []string{ChallengeEventCleanUpError},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := seenDNS(test.edit)
			want := *seen.Challenge.Status.DeepCopy()
			if test.status != nil {
				test.status(&want)
			}
			d := NextChallenge(seen, now.Add(test.at))
			if !reflect.DeepEqual(d.Action, test.action) {
				t.Errorf("action %T %+v, want %T %+v", d.Action, d.Action, test.action, test.action)
			}
			if diff := cmp.Diff(want, d.Status); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			var events []string
			for _, e := range d.Events {
				events = append(events, e.Reason)
			}
			if diff := cmp.Diff(test.events, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			wake := time.Time{}
			if test.wake != 0 {
				wake = now.Add(test.wake)
			}
			if !d.Wake.Equal(wake) {
				t.Errorf("wake %s, want %s", d.Wake, wake)
			}
		})
	}
}
