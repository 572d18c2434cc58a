package challenge

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The solver pods that start at the same time are bounded. A small node that has
// to start sixty at once has none of them ready for a minute, and what else runs
// there, such as the cluster's DNS and its ingress controller, does not answer the
// CA meanwhile. A large cluster starts as many in a few seconds. Which one this is
// the pods tell: each that is ready quickly lets one more start at the same time, and
// one that takes long halves them.
const (
	// firstStarts is where it begins: a small node can do that.
	firstStarts = 8
	// leastStarts keeps a cluster at work in which every pod takes long.
	leastStarts = 3

	// quickStart is what a pod takes where there is room, the image being there.
	quickStart = 4 * time.Second
	// slowStart is what it takes where there is none.
	slowStart = 10 * time.Second
	// startPatience is how long a pod counts as one that is starting. One that
	// takes longer waits for something else than its turn at a processor.
	startPatience = 30 * time.Second
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
	starts   int                     // pods that may start at the same time
	starting map[types.UID]time.Time // since when
	halved   time.Time               // when starts was last
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
		taken: map[types.UID]bool{}, starts: firstStarts, starting: map[types.UID]time.Time{}, waiting: map[types.UID]waiter{},
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
			s.learn(uid, now)
		case changes.IsZero() || end.Before(changes):
			changes = end
		}
	}
	return s.starts - len(s.starting), changes
}

// stuck tells that the pod of a Challenge waits for something else than its turn:
// an image, or a node.
func (s *slots) stuck(uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, starting := s.starting[uid]; starting {
		delete(s.starting, uid)
		s.wakeNext()
	}
}

// started tells that the pod of a Challenge has started.
func (s *slots) started(uid types.UID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, starting := s.starting[uid]; !starting {
		return
	}
	grown := s.learn(uid, now)
	s.wakeNext()
	if grown {
		s.wakeNext()
	}
}

// learn takes note of how long a pod took that is not starting any more. Of those
// that were started together only one halves what may start together.
func (s *slots) learn(uid types.UID, now time.Time) (grown bool) {
	since := s.starting[uid]
	delete(s.starting, uid)
	switch took := now.Sub(since); {
	case took <= quickStart && s.starts < s.limit:
		s.starts++
		return true
	case took > slowStart && since.After(s.halved):
		s.starts, s.halved = max(leastStarts, s.starts/2), now
	}
	return false
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
