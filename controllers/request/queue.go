package request

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
)

// turn is what waits in the work queue: an object to look at, and the issuer
// whose turn that takes. The issuer of an object never changes.
type turn struct {
	types.NamespacedName

	issuer string
}

// turnQueue hands out turns to workers, fairly among issuers: a thousand
// requests of one issuer wait behind each other, not before those of another,
// and an issuer that is slow to answer can not occupy all the workers.
//
// An issuer gets another worker if it has fewer than there are idle ones. So
// one that hangs takes half of them, a second half of what is left, and so on;
// one that has no worker gets any that is idle.
//
// Like every work queue it holds an object once, however often it is added, and
// gives it to one worker at a time.
type turnQueue struct {
	workers int

	mu         sync.Mutex
	changed    *sync.Cond // something can be handed out, or the queue was closed
	drained    *sync.Cond // nothing waits and nobody works
	lanes      map[string]*lane
	ring       []*lane           // those in which something waits, the next one first
	dirty      map[turn]struct{} // added, and not handed out since
	processing map[turn]struct{} // handed out, and not done
	waiting    int
	closed     bool
}

// lane is an issuer with its turns.
type lane struct {
	waiting []turn
	busy    int // workers
}

var _ workqueue.TypedInterface[turn] = &turnQueue{}

// newTurnQueue makes a queue for a number of workers.
func newTurnQueue(workers int) *turnQueue {
	q := &turnQueue{workers: workers, lanes: map[string]*lane{}, dirty: map[turn]struct{}{}, processing: map[turn]struct{}{}}
	q.changed, q.drained = sync.NewCond(&q.mu), sync.NewCond(&q.mu)
	return q
}

// withRetries makes a queue of a controller out of it: with delays, and with
// back-off after failures.
func (q *turnQueue) withRetries(controller string, limiter workqueue.TypedRateLimiter[turn]) workqueue.TypedRateLimitingInterface[turn] {
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[turn]{
		Name: controller,
		DelayingQueue: workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[turn]{
			Name:  controller,
			Queue: q,
		}),
	})
}

// Add implements workqueue.TypedInterface.
func (q *turnQueue) Add(t turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, there := q.dirty[t]; there || q.closed {
		return
	}
	q.dirty[t] = struct{}{}
	if _, working := q.processing[t]; !working {
		q.push(t)
	}
}

// push lets a turn wait. The caller holds the lock.
func (q *turnQueue) push(t turn) {
	l := q.lanes[t.issuer]
	if l == nil {
		l = &lane{}
		q.lanes[t.issuer] = l
	}
	if len(l.waiting) == 0 {
		q.ring = append(q.ring, l)
	}
	l.waiting = append(l.waiting, t)
	q.waiting++
	q.changed.Signal()
}

// Len implements workqueue.TypedInterface.
func (q *turnQueue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Get implements workqueue.TypedInterface.
func (q *turnQueue) Get() (t turn, shutdown bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if t, ok := q.pop(); ok {
			return t, false
		}
		if q.closed && q.waiting == 0 {
			return turn{}, true
		}
		q.changed.Wait()
	}
}

// pop takes the next turn that there is a worker for. The caller holds the lock.
func (q *turnQueue) pop() (turn, bool) {
	idle := q.workers - len(q.processing)
	for range len(q.ring) {
		l := q.ring[0]
		q.ring[0] = nil
		q.ring = q.ring[1:]
		if l.busy >= idle && !q.closed {
			q.ring = append(q.ring, l)
			continue
		}
		t := l.waiting[0]
		if l.waiting = l.waiting[1:]; len(l.waiting) > 0 {
			q.ring = append(q.ring, l)
		} else {
			l.waiting = nil
		}
		q.waiting--
		l.busy++
		delete(q.dirty, t)
		q.processing[t] = struct{}{}
		return t, true
	}
	return turn{}, false
}

// Done implements workqueue.TypedInterface.
func (q *turnQueue) Done(t turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, working := q.processing[t]; !working {
		return
	}
	delete(q.processing, t)
	l := q.lanes[t.issuer]
	l.busy--
	if _, again := q.dirty[t]; again {
		q.push(t)
	} else if l.busy == 0 && len(l.waiting) == 0 {
		delete(q.lanes, t.issuer)
	}
	q.changed.Signal() // a worker has become idle
	if q.waiting == 0 && len(q.processing) == 0 {
		q.drained.Broadcast()
	}
}

// ShutDown implements workqueue.TypedInterface.
func (q *turnQueue) ShutDown() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.close()
	q.drained.Broadcast()
}

// ShutDownWithDrain implements workqueue.TypedInterface.
func (q *turnQueue) ShutDownWithDrain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.close()
	for q.waiting > 0 || len(q.processing) > 0 {
		q.drained.Wait()
	}
}

func (q *turnQueue) close() {
	q.closed = true
	q.changed.Broadcast()
}

// ShuttingDown implements workqueue.TypedInterface.
func (q *turnQueue) ShuttingDown() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
