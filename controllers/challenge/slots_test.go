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

// takesPod asks for a slot for a challenge that needs a pod.
func takesPod(s *slots, n int, now time.Time) (bool, time.Time) {
	w := waiterNo(n)
	w.pod = true
	return s.take(uidNo(n), w, nil, now)
}

func TestSolverPodsStartAFewAtATime(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 4)
	s := newSlots(60, wake)
	for n := range firstStarts {
		if ok, _ := takesPod(s, n, started); !ok {
			t.Fatalf("pod %d may not start", n)
		}
	}
	ok, again := takesPod(s, 8, started)
	if ok || !again.Equal(started.Add(startPatience)) {
		t.Errorf("one more may start: %t; asks again at %s", ok, again)
	}
	takesPod(s, 9, started)
	if ok, _ := takesPod(s, 7, started); !ok {
		t.Error("a slot that is taken is taken away")
	}
	s.started(uidNo(3), started.Add(quickStart+1))
	s.started(uidNo(3), started.Add(quickStart+1))
	if got := (<-wake).Object.Name; got != "8" || len(wake) > 0 {
		t.Errorf("challenge %s is woken, and %d more, by a pod that has started", got, len(wake))
	}
	if ok, _ := takesPod(s, 8, started); !ok {
		t.Error("the next may not start after a pod has started")
	}
	if ok, _ := takesPod(s, 9, started.Add(startPatience)); !ok {
		t.Error("pods that do not start keep the others waiting")
	}
}

func TestPodsTellHowManyMayStartTogether(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 99)
	s := newSlots(10, wake)
	for round, row := range []struct {
		took time.Duration
		want int
	}{
		{quickStart, 9}, {quickStart, 10}, {quickStart, 10}, // no more than may be under way at all
		{quickStart + 1, 10}, {slowStart, 10},
		{slowStart + 1, 5}, {slowStart + 1, leastStarts}, {slowStart + 1, leastStarts},
		{quickStart, leastStarts + 1},
	} {
		now := started.Add(time.Duration(round+1) * time.Hour)
		takesPod(s, round, now)
		s.started(uidNo(round), now.Add(row.took))
		s.release(uidNo(round))
		if s.starts != row.want {
			t.Errorf("round %d: %d may start together after one took %s, want %d", round, s.starts, row.took, row.want)
		}
	}
}

func TestPodsThatWereSlowTogetherHalveOnce(t *testing.T) {
	t.Parallel()
	s := newSlots(60, make(chan wakeUp, 99))
	for n := range firstStarts {
		takesPod(s, n, started)
	}
	for n := range firstStarts {
		s.started(uidNo(n), started.Add(slowStart+time.Duration(n+1)*time.Second))
	}
	if s.starts != firstStarts/2 {
		t.Errorf("%d may start together", s.starts)
	}
}

func TestQuickPodLetsTwoFollow(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 4)
	s := newSlots(60, wake)
	for n := range firstStarts + 3 {
		takesPod(s, n, started)
	}
	s.started(uidNo(0), started.Add(time.Second))
	if len(wake) != 2 {
		t.Errorf("%d are woken", len(wake))
	}
}

func TestPodThatIsStuckMakesRoomAndTeachesNothing(t *testing.T) {
	t.Parallel()
	wake := make(chan wakeUp, 4)
	s := newSlots(60, wake)
	for n := range firstStarts + 1 {
		takesPod(s, n, started)
	}
	s.stuck(uidNo(0))
	s.stuck(uidNo(0))
	if len(wake) != 1 || s.starts != firstStarts {
		t.Errorf("%d are woken, %d may start together", len(wake), s.starts)
	}
}

func TestChallengesWithoutAPodDoNotWaitForPodsToStart(t *testing.T) {
	t.Parallel()
	s := newSlots(60, make(chan wakeUp, 1))
	for n := range firstStarts {
		takesPod(s, n, started)
	}
	if !takes(s, firstStarts) {
		t.Error("it waits")
	}
}
