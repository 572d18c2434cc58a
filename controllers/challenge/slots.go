package challenge

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// maxStarting bounds the solver pods that are starting at the same time. A
	// small node starts about as many in a few seconds; when it has to start
	// sixty at once, none of them is ready for a minute, and meanwhile what else
	// runs there, such as the cluster's DNS, does not answer the CA.
	maxStarting = 10

	// startPatience is how long a pod counts as one that is starting. One that
	// takes longer waits for something else than its turn at a processor.
	startPatience = 5 * time.Second
)

// slots bounds the Challenges that are under way at the same time, and how many
// of their pods start at the same time. A slot is taken before the first object
// is created, which the status tells only when all objects are there; until then
// it is known here.
type slots struct {
	limit int
	wake  chan<- wakeUp

	mu       sync.Mutex
	taken    map[types.UID]bool
	starting map[types.UID]time.Time // since when
	waiting  map[types.UID]waiter
}

type waiter struct {
	key   types.NamespacedName
	since time.Time // creation of the Challenge: the oldest is next
	pod   bool      // a pod will be started for it
	woken bool      // it has been told of a slot and has not asked since
}

func newSlots(limit int, wake chan<- wakeUp) *slots {
	return &slots{
		limit: limit, wake: wake,
		taken: map[types.UID]bool{}, starting: map[types.UID]time.Time{}, waiting: map[types.UID]waiter{},
	}
}

// take takes a slot, unless there is none, or only as many as there are older
// Challenges waiting. processing are the Challenges that the API says are
// under way: after a restart nobody else knows. Without a slot, again is when to
// ask again should nobody wake the Challenge; zero if that can not be told.
func (s *slots) take(uid types.UID, w waiter, processing []types.UID, now time.Time) (taken bool, again time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[uid] {
		return true, time.Time{}
	}
	free := s.limit - len(s.taken)
	for _, p := range processing {
		if !s.taken[p] {
			free--
		}
	}
	if w.pod {
		var startable int
		if startable, again = s.startable(now); startable < free {
			free = startable
		}
	}
	for other, o := range s.waiting {
		if other != uid && o.since.Before(w.since) {
			free--
		}
	}
	if free <= 0 {
		s.waiting[uid] = w
		return false, again
	}
	delete(s.waiting, uid)
	s.taken[uid] = true
	if w.pod {
		s.starting[uid] = now
	}
	return true, time.Time{}
}

// startable is how many more pods may be started now, and when that changes by
// itself.
func (s *slots) startable(now time.Time) (n int, changes time.Time) {
	for uid, since := range s.starting {
		end := since.Add(startPatience)
		switch {
		case !now.Before(end):
			delete(s.starting, uid)
		case changes.IsZero() || end.Before(changes):
			changes = end
		}
	}
	return maxStarting - len(s.starting), changes
}

// started tells that the pod of a Challenge has started.
func (s *slots) started(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, starting := s.starting[uid]; starting {
		delete(s.starting, uid)
		s.wakeNext()
	}
}

// release gives back the slot of a Challenge, or its place among those that
// wait for one.
func (s *slots) release(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, uid)
	delete(s.starting, uid)
	delete(s.waiting, uid)
	s.wakeNext()
}

// wakeNext wakes the oldest Challenge that waits and has not been woken yet: of
// each slot that becomes free another one is told.
func (s *slots) wakeNext() {
	var next types.UID
	for uid, w := range s.waiting {
		if !w.woken && (next == "" || w.since.Before(s.waiting[next].since)) {
			next = uid
		}
	}
	if next == "" {
		return
	}
	w := s.waiting[next]
	select {
	case s.wake <- wakeUp{Object: w.key}:
		w.woken = true
		s.waiting[next] = w
	default: // it looks by itself, only later
	}
}
