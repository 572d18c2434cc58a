package challenge

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

var started = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func waiterNo(n int) waiter {
	return waiter{key: types.NamespacedName{Namespace: "ns", Name: fmt.Sprint(n)}, since: started.Add(time.Duration(n) * time.Minute)}
}

func uidNo(n int) types.UID { return types.UID(fmt.Sprint(n)) }

func takes(s *slots, n int, processing ...types.UID) bool {
	taken, _ := s.take(uidNo(n), waiterNo(n), processing, started)
	return taken
}

func TestSlotsAreLimited(t *testing.T) {
	t.Parallel()
	s := newSlots(2, make(chan wakeUp, 1))
	for n, want := range []bool{true, true, false} {
		if got := takes(s, n); got != want {
			t.Errorf("challenge %d: %t", n, got)
		}
	}
	if !takes(s, 1) {
		t.Error("a slot that is taken is taken away")
	}
}

func TestSlotsCountWhatTheAPISaysOnce(t *testing.T) {
	t.Parallel()
	s := newSlots(2, make(chan wakeUp, 1))
	if !takes(s, 1, uidNo(9)) {
		t.Error("the second slot is refused")
	}
	if takes(s, 2, uidNo(9), uidNo(1)) {
		t.Error("a third slot is given")
	}
	if !takes(s, 2, uidNo(1)) {
		t.Error("the slot that has become free is refused")
	}
}

func TestSlotsGoToTheOldest(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 1)
	s := newSlots(1, wake)
	takes(s, 0)
	takes(s, 5)
	takes(s, 3)
	s.release(uidNo(0))
	if got := (<-wake).Object.Name; got != "3" {
		t.Errorf("challenge %s is woken", got)
	}
	if takes(s, 5) {
		t.Error("a younger challenge gets the slot")
	}
	if !takes(s, 3) {
		t.Error("the oldest does not get the slot")
	}
}

func TestSlotsThatBecomeFreeTogetherAreToldToAsManyChallenges(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 3)
	s := newSlots(2, wake)
	for n := range 4 {
		takes(s, n)
	}
	s.release(uidNo(0))
	s.release(uidNo(1))
	for _, want := range []string{"2", "3"} {
		if got := (<-wake).Object.Name; got != want {
			t.Errorf("challenge %s is woken instead of %s", got, want)
		}
	}
}

func TestSlotsDoNotWaitForChallengesThatAreGone(t *testing.T) {
	t.Parallel()
	s := newSlots(1, make(chan wakeUp)) // nobody listens
	takes(s, 0)
	takes(s, 1)
	takes(s, 2)
	s.release(uidNo(1))
	s.release(uidNo(0))
	if !takes(s, 2) {
		t.Error("the slot waits for a challenge that is gone")
	}
}

func TestSolverPodsStartAFewAtATime(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 1)
	s := newSlots(60, wake)
	take := func(n int, now time.Time) (bool, time.Time) {
		w := waiterNo(n)
		w.pod = true
		return s.take(uidNo(n), w, nil, now)
	}
	for n := range maxStarting {
		if ok, _ := take(n, started.Add(time.Duration(n)*time.Millisecond)); !ok {
			t.Fatalf("pod %d may not start", n)
		}
	}
	ok, again := take(maxStarting, started)
	if ok || !again.Equal(started.Add(startPatience)) {
		t.Errorf("one more may start: %t; asks again at %s", ok, again)
	}
	if !takes(s, maxStarting-1) {
		t.Error("a slot that is taken is taken away")
	}
	s.started(uidNo(3))
	if got := (<-wake).Object.Name; got != "10" {
		t.Errorf("challenge %s is woken by a pod that has started", got)
	}
	s.started(uidNo(3))
	if len(wake) > 0 {
		t.Error("somebody is woken by a pod that had started before")
	}
	if ok, _ := take(maxStarting, started); !ok {
		t.Error("the next may not start after a pod has started")
	}
	if ok, _ := take(maxStarting+1, started.Add(startPatience)); !ok {
		t.Error("a pod that does not start keeps the others waiting")
	}
}

func TestChallengesWithoutAPodDoNotWaitForPodsToStart(t *testing.T) {
	t.Parallel()
	s := newSlots(60, make(chan wakeUp, 1))
	for n := range maxStarting {
		w := waiterNo(n)
		w.pod = true
		s.take(uidNo(n), w, nil, started)
	}
	if !takes(s, maxStarting) {
		t.Error("it waits")
	}
}
