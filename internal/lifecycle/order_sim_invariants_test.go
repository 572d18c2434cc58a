package lifecycle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func TestACMEOrderWithoutTroubleCostsWhatTheBudgetSays(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com")
	w.run(time.Hour)
	w.checkDone()
	want := map[string]int{
		"order status": 3, "create challenge": 1, "challenge status": 2,
		"create pod": 1, "create service": 1, "create ingress": 1,
		"delete pod": 1, "delete service": 1, "delete ingress": 1,
		"remove finalizers": 1, "delete challenge": 1,
	}
	total := 0
	for what, n := range want {
		total += n
		if got := w.count(what); got != n {
			t.Errorf("%s: %d writes, want %d", what, got, n)
		}
	}
	if len(w.writes) != total {
		t.Errorf("%d writes, want %d: %v", len(w.writes), total, w.writes)
	}
	if len(w.events) != 3 {
		t.Errorf("events: %q", w.events)
	}
}

func TestACMEOrderWithTheSharedResponderCostsWhatTheBudgetSays(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com")
	w.shared = true
	w.run(time.Hour)
	w.checkDone()
	want := []string{
		"order status", "order status", "create challenge",
		"create responder", // once for all Challenges of the namespace
		"create ingress", "challenge status",
		"order status", "delete challenge", // and the ingress with it
	}
	if diff := cmp.Diff(want, w.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		`Normal DomainVerified: the CA has verified "a.example.com"`,
		"Normal Complete: certificate fetched from the CA",
	}, w.events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestACMEOrderSurvivesACrashAfterAnyWrite(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		shared bool
		names  []string
	}{
		{names: []string{"a.example.com"}},
		{names: []string{"a.example.com", "b.example.com", "c.example.com"}},
		{shared: true, names: []string{"a.example.com", "b.example.com"}},
	} {
		names := test.names
		calm := newACMESim(t, names...)
		calm.shared = test.shared
		calm.run(time.Hour)
		for n := 1; n <= len(calm.writes); n++ {
			t.Run(fmt.Sprintf("%d names, shared %t, write %d", len(names), test.shared, n), func(t *testing.T) {
				t.Parallel()
				w := newACMESim(t, names...)
				w.shared = test.shared
				w.crashAfter = n
				w.run(time.Hour)
				w.checkDone()
				if w.crashes != 1 {
					t.Errorf("%d crashes", w.crashes)
				}
				for _, a := range w.authorizations {
					if a.accepts > 2 {
						t.Errorf("challenge accepted %d times", a.accepts)
					}
				}
			})
		}
	}
}

func TestACMEOrderSurvivesStaleReads(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			w := newACMESim(t, "a.example.com", "b.example.com")
			w.rand = rand.New(rand.NewPCG(seed, 1))
			w.stale = 0.4
			w.crashAfter = int(seed)
			w.run(2 * time.Hour)
			w.stale = 0 // caches catch up in the end
			w.touch(simOrder)
			for name := range w.challenges {
				w.touch(name)
			}
			w.run(2 * time.Hour)
			w.checkDone()
		})
	}
}

func TestACMEOrderIsHealedOfLostAnswers(t *testing.T) {
	t.Parallel()
	for _, step := range []Step{StepReadOrder, StepReadAuthorization, StepAcceptChallenge, StepFinalizeOrder, StepFetchCertificate} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			w := newACMESim(t, "a.example.com")
			w.lost[step] = true
			w.run(time.Hour)
			w.checkDone()
			if step == StepAcceptChallenge && w.authorizations[0].accepts != 1 {
				t.Errorf("the challenge was accepted %d times", w.authorizations[0].accepts)
			}
		})
	}
}

func TestACMEOrderUnderAPermanentFaultAsksSeldomAndSaysWhy(t *testing.T) {
	t.Parallel()
	steps := []Step{StepPlaceOrder, StepReadOrder, StepReadAuthorization, StepAcceptChallenge, StepFinalizeOrder, StepFetchCertificate}
	kinds := map[string]func(now time.Time) Fault{
		"retry": func(time.Time) Fault { return Fault{Kind: Retry, Message: "no answer from the CA"} },
		"wait an hour": func(now time.Time) Fault {
			return Fault{Kind: Wait, Until: now.Add(time.Hour), Message: "too many orders"}
		},
		"wait until before": func(now time.Time) Fault {
			return Fault{Kind: Wait, Until: now.Add(-time.Hour), Message: "too many orders"}
		},
		"stalled": func(time.Time) Fault { return Fault{Kind: Stalled, Message: "account paused"} },
	}
	for _, step := range steps {
		for kind, fault := range kinds {
			t.Run(string(step)+" "+kind, func(t *testing.T) {
				t.Parallel()
				w := newACMESim(t, "a.example.com", "b.example.com")
				w.faults = func(s Step, now time.Time) *Fault {
					if s != step {
						return nil
					}
					f := fault(now)
					return &f
				}
				w.run(24 * time.Hour)
				if w.order.Status.State.Final() {
					t.Errorf("the order is %s: %s", w.order.Status.State, w.order.Status.Reason)
				}
				if !strings.Contains(w.order.Status.Reason, "next attempt at 2026-11-2") && !strings.Contains(w.order.Status.Reason, "retried within a minute") {
					t.Errorf("reason: %q", w.order.Status.Reason)
				}
				// The calm way takes 16 requests within the first minute.
				if most := w.mostPerMinute(); most > 24 {
					t.Errorf("%d requests in a minute", most)
				}
				if kind == "wait an hour" && len(w.requests) > 24*4+20 {
					t.Errorf("%d requests in a day", len(w.requests))
				}
				if most := 24*12*4 + 40; len(w.requests) > most {
					t.Errorf("%d requests in a day", len(w.requests))
				}
				if len(w.writes) > 24*12*3+40 {
					t.Errorf("%d writes in a day", len(w.writes))
				}

				w.faults = nil // the CA is well again
				w.run(2 * time.Hour)
				w.checkDone()
			})
		}
	}
}

func TestACMEOrderRefusedForGoodFailsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, step := range []Step{StepPlaceOrder, StepReadAuthorization, StepAcceptChallenge, StepFinalizeOrder, StepFetchCertificate} {
		for code, want := range map[FaultCode]acmev1.State{OtherFault: acmev1.Errored, NotFound: acmev1.Expired} {
			if step == StepPlaceOrder && code == NotFound {
				continue // there is nothing yet that could be gone
			}
			t.Run(fmt.Sprintf("%s %s", step, want), func(t *testing.T) {
				t.Parallel()
				w := newACMESim(t, "a.example.com", "b.example.com")
				w.faults = func(s Step, _ time.Time) *Fault {
					if s != step {
						return nil
					}
					return &Fault{Kind: Failed, Code: code, Message: "no"}
				}
				w.run(time.Hour)
				if w.order.Status.State != want {
					t.Errorf("the order is %q: %s", w.order.Status.State, w.order.Status.Reason)
				}
				if !strings.Contains(w.order.Status.Reason, "no") || w.order.Status.FailureTime == nil {
					t.Errorf("reason %q, failure time %v", w.order.Status.Reason, w.order.Status.FailureTime)
				}
				w.checkClean()
				if len(w.requests) > 30 {
					t.Errorf("%d requests", len(w.requests))
				}
			})
		}
	}
}

func TestACMEOrderWithANameThatTheCARefusesIsInvalid(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com", "bad.example.com", "c.example.com")
	w.verdict = func(name string) acmev1.State {
		if name == "bad.example.com" {
			return acmev1.Invalid
		}
		return acmev1.Valid
	}
	w.run(time.Hour)
	if w.order.Status.State != acmev1.Invalid || !strings.HasPrefix(w.order.Status.Reason, `"bad.example.com": the CA refused the proof`) {
		t.Errorf("order is %q: %s", w.order.Status.State, w.order.Status.Reason)
	}
	w.checkClean()
}

func TestACMEOrderThatNobodyProvesExpiresAndMeanwhileSaysWhy(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com")
	w.look = func(*acmeSim, string) SelfCheckVerdict { return SelfCheckWrong }
	w.orderExpires = acmeSimStart.Add(3 * time.Hour)
	w.run(time.Hour)
	if w.order.Status.State != acmev1.Pending || !strings.Contains(w.order.Status.Reason, `"a.example.com": self-check`) {
		t.Errorf("order is %q: %s", w.order.Status.State, w.order.Status.Reason)
	}
	if len(w.requests) > 5 {
		t.Errorf("%d requests to the CA, although it was never told to look", len(w.requests))
	}
	if len(w.writes) > 12 {
		t.Errorf("%d writes while nothing changed: %v", len(w.writes), w.writes)
	}
	w.run(3 * time.Hour)
	if w.order.Status.State != acmev1.Expired {
		t.Errorf("order is %q after its deadline", w.order.Status.State)
	}
	w.checkClean()
}

func TestACMEOrderRecoversFromForbiddenPods(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com")
	w.refuse = func(o SolverObject) *Fault {
		if o == SolverPod {
			return &Fault{Kind: Retry, Message: "create pod of solver: exceeded quota"}
		}
		return nil
	}
	w.run(3 * time.Hour)
	if !strings.Contains(w.order.Status.Reason, `"a.example.com": create pod of solver: exceeded quota; next attempt at`) {
		t.Errorf("reason: %q", w.order.Status.Reason)
	}
	w.refuse = nil
	w.run(time.Hour)
	w.checkDone()
}

func TestACMEChallengeThatCannotCleanUpLetsGo(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com")
	w.refuse = func(SolverObject) *Fault {
		if w.order.Status.State.Final() || w.count("challenge status") == 2 {
			return &Fault{Kind: Retry, Message: "delete ingress of solver: refused"}
		}
		return nil
	}
	w.run(time.Hour)
	if len(w.challenges) != 0 || w.order.Status.State != acmev1.Valid {
		t.Errorf("%d challenges are left, order is %q", len(w.challenges), w.order.Status.State)
	}
	if w.count("delete ingress") != 0 || w.count("remove finalizers") != 1 {
		t.Errorf("writes: %v", w.writes)
	}
}

func TestACMEOrderGoesOnWhenItsObjectsAreDeletedByOthers(t *testing.T) {
	t.Parallel()
	for object := range map[SolverObject]bool{SolverPod: true, SolverService: true, SolverIngress: true} {
		w := newACMESim(t, "a.example.com")
		w.run(time.Second)
		for name := range w.challenges {
			delete(w.objects[name], object)
			w.touch(name)
		}
		w.run(time.Hour)
		w.checkDone()
	}
}

func TestACMEOrderGoesOnWhenAChallengeIsDeletedByAPerson(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com")
	w.run(time.Second)
	for name := range w.challenges {
		w.remove(name)
		w.touch(name)
	}
	w.run(time.Hour)
	w.checkDone()
}

func TestACMEOrderOfProvedNamesNeedsNoChallenge(t *testing.T) {
	t.Parallel()
	w := newACMESim(t, "a.example.com")
	w.faults = func(Step, time.Time) *Fault {
		for _, a := range w.authorizations {
			a.state = acmev1.Valid
		}
		return nil
	}
	w.run(time.Hour)
	w.checkDone()
	if w.count("create challenge") != 0 {
		t.Error("a challenge was created")
	}
}
