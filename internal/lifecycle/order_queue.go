package lifecycle

import "time"

// OrderQueue gives the Orders of one ACME account their turns, so that the CA's
// limit on new orders is not hit: those whose certificate expires first go
// first. It is the state of a token bucket and of who waits, and is meant to be
// kept in memory.
//
// Nobody is called: an Order asks again when its turn may have come.
type OrderQueue struct {
	limit OrderLimit
	// full is when the CA takes as many orders at once again as ever, if none is
	// placed before.
	full    time.Time
	blocked time.Time // the CA said that it takes none before
	waiting map[string]*waitingOrder
}

type waitingOrder struct {
	due      time.Time
	since    time.Time
	promised time.Time
	asks     time.Time // when it is to ask again
}

// Turn is the answer to an Order that asks whether it may be placed.
type Turn struct {
	Granted bool
	// If not granted:
	Since time.Time // it has been waiting
	At    time.Time // its turn comes then, unless others are due sooner
	Wake  time.Time // when to ask again

	Limit   OrderLimit // the reason, unless
	Blocked bool       // the CA has said itself that it takes no more
}

// absent is after how long an Order that does not ask again loses its place:
// it is deleted, or is not ready to be placed.
const absent = time.Minute

// urgent is what is due so soon that it may take a turn of those that are kept
// back: a wave of new names must not be in the way of a certificate that runs
// out.
const urgent = 12 * time.Hour

// NewOrderQueue is the queue of an account at a CA with a limit.
func NewOrderQueue(limit OrderLimit) *OrderQueue {
	return &OrderQueue{limit: limit, waiting: map[string]*waitingOrder{}}
}

// Placed counts an order that was placed some time ago, by an operator that
// forgot. Tell about them in the order of their times.
func (q *OrderQueue) Placed(at time.Time) {
	q.full = latest(q.full, at).Add(q.limit.every())
}

// Take asks for the turn of an Order. due is when its certificate is needed.
func (q *OrderQueue) Take(order string, due, now time.Time) Turn {
	w := q.waiting[order]
	if w == nil {
		w = &waitingOrder{since: now}
	}
	w.due = due
	ahead := q.before(order, w, now)
	if due.Sub(now) >= urgent {
		ahead += q.limit.reserve()
	}
	at := q.at(ahead, now)
	if !at.After(now) {
		delete(q.waiting, order)
		q.full = latest(q.full, now).Add(q.limit.every())
		return Turn{Granted: true}
	}
	if at.After(w.promised) {
		w.promised = at
	}
	// Those before may have gone: half way it is seen how it goes on.
	w.asks = now.Add(max((at.Sub(now)+1)/2, min(at.Sub(now), time.Minute)))
	q.waiting[order] = w
	return Turn{Since: w.since, At: w.promised, Wake: w.asks, Limit: q.limit, Blocked: now.Before(q.blocked)}
}

// at is when the n-th turn from now on comes, counted from zero.
func (q *OrderQueue) at(n int, now time.Time) time.Time {
	at := now
	if every := q.limit.every(); every > 0 {
		at = latest(q.full, now).Add(time.Duration(n+1-q.limit.burst()) * every)
	}
	return latest(at, q.blocked)
}

// before counts those who wait and go first.
func (q *OrderQueue) before(order string, w *waitingOrder, now time.Time) int {
	n := 0
	for other, o := range q.waiting {
		switch {
		case other == order:
		case now.Sub(o.asks) > absent:
			delete(q.waiting, other)
		case o.due.Before(w.due), o.due.Equal(w.due) && other < order:
			n++
		}
	}
	return n
}

// Return gives a turn back that came to nothing: the CA has not counted it.
func (q *OrderQueue) Return() { q.full = q.full.Add(-q.limit.every()) }

// Block notes that the CA takes no order of the account before an instant.
func (q *OrderQueue) Block(until time.Time) {
	q.blocked = latest(q.blocked, until)
	if every := q.limit.every(); every > 0 {
		q.full = latest(q.full, until.Add(time.Duration(q.limit.burst()-1)*every))
	}
}

// Leave removes an Order that waits no more.
func (q *OrderQueue) Leave(order string) { delete(q.waiting, order) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
