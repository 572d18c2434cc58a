package challenge

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// slots bounds the Challenges that are under way at the same time. A slot is
// taken before the first object is created, which the status tells only when
// all objects are there; until then it is known here.
type slots struct {
	limit int
	wake  chan<- wakeUp

	mu      sync.Mutex
	taken   map[types.UID]bool
	waiting map[types.UID]waiter
}

type waiter struct {
	key   types.NamespacedName
	since time.Time // creation of the Challenge: the oldest is next
}

func newSlots(limit int, wake chan<- wakeUp) *slots {
	return &slots{limit: limit, wake: wake, taken: map[types.UID]bool{}, waiting: map[types.UID]waiter{}}
}

// take takes a slot, unless there is none, or only as many as there are older
// Challenges waiting. processing are the Challenges that the API says are
// under way: after a restart nobody else knows.
func (s *slots) take(uid types.UID, w waiter, processing []types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[uid] {
		return true
	}
	free := s.limit - len(s.taken)
	for _, p := range processing {
		if !s.taken[p] {
			free--
		}
	}
	for other, o := range s.waiting {
		if other != uid && o.since.Before(w.since) {
			free--
		}
	}
	if free <= 0 {
		s.waiting[uid] = w
		return false
	}
	delete(s.waiting, uid)
	s.taken[uid] = true
	return true
}

// release gives back the slot of a Challenge, or its place among those that
// wait for one, and wakes the oldest of those.
func (s *slots) release(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, uid)
	delete(s.waiting, uid)
	var next waiter
	for _, w := range s.waiting {
		if next.since.IsZero() || w.since.Before(next.since) {
			next = w
		}
	}
	if next.since.IsZero() {
		return
	}
	select {
	case s.wake <- wakeUp{Object: next.key}:
	default: // it looks by itself, only later
	}
}
