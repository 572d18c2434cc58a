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

func TestSlotsAreLimited(t *testing.T) {
	t.Parallel()
	s := newSlots(2, make(chan wakeUp, 1))
	for n, want := range []bool{true, true, false} {
		if got := s.take(uidNo(n), waiterNo(n), nil); got != want {
			t.Errorf("challenge %d: %t", n, got)
		}
	}
	if !s.take(uidNo(1), waiterNo(1), nil) {
		t.Error("a slot that is taken is taken away")
	}
}

func TestSlotsCountWhatTheAPISaysOnce(t *testing.T) {
	t.Parallel()
	s := newSlots(2, make(chan wakeUp, 1))
	if !s.take(uidNo(1), waiterNo(1), []types.UID{uidNo(9)}) {
		t.Error("the second slot is refused")
	}
	if s.take(uidNo(2), waiterNo(2), []types.UID{uidNo(9), uidNo(1)}) {
		t.Error("a third slot is given")
	}
	if !s.take(uidNo(2), waiterNo(2), []types.UID{uidNo(1)}) {
		t.Error("the slot that has become free is refused")
	}
}

func TestSlotsGoToTheOldest(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 1)
	s := newSlots(1, wake)
	s.take(uidNo(0), waiterNo(0), nil)
	s.take(uidNo(5), waiterNo(5), nil)
	s.take(uidNo(3), waiterNo(3), nil)
	s.release(uidNo(0))
	if got := (<-wake).Object.Name; got != "3" {
		t.Errorf("challenge %s is woken", got)
	}
	if s.take(uidNo(5), waiterNo(5), nil) {
		t.Error("a younger challenge gets the slot")
	}
	if !s.take(uidNo(3), waiterNo(3), nil) {
		t.Error("the oldest does not get the slot")
	}
}

func TestSlotsDoNotWaitForChallengesThatAreGone(t *testing.T) {
	t.Parallel()
	s := newSlots(1, make(chan wakeUp)) // nobody listens
	s.take(uidNo(0), waiterNo(0), nil)
	s.take(uidNo(1), waiterNo(1), nil)
	s.take(uidNo(2), waiterNo(2), nil)
	s.release(uidNo(1))
	s.release(uidNo(0))
	if !s.take(uidNo(2), waiterNo(2), nil) {
		t.Error("the slot waits for a challenge that is gone")
	}
}
