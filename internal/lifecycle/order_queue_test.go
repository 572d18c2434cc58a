package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

var letsEncrypt = OrderLimit{Count: 300, Period: 3 * time.Hour}

// waveSim is many Orders of one account at a CA that counts.
type waveSim struct {
	t      *testing.T
	now    time.Time
	queue  *OrderQueue
	bucket time.Time // of the CA: when it is full again
	orders []*waveOrder

	refused int
}

type waveOrder struct {
	seen   OrderSeen
	wake   time.Time
	placed time.Time
	passes int
	writes int
}

func newWave(t *testing.T, n int) *waveSim {
	t.Helper()
	w := &waveSim{t: t, now: acmeSimStart, queue: NewOrderQueue(letsEncrypt)}
	random := rand.New(rand.NewPCG(7, 7))
	for i := range n {
		w.add(fmt.Sprintf("o%03d", i), w.now.Add(time.Duration(24+random.IntN(60*24))*time.Hour))
	}
	return w
}

func (w *waveSim) add(name string, expires time.Time) *waveOrder {
	o := &waveOrder{wake: w.now, seen: OrderSeen{
		Order: &acmev1.Order{
			ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.Time{Time: w.now}},
			Spec:       acmev1.OrderSpec{DNSNames: []string{name + ".example.com"}},
		},
		ACME: &acmev1.ACMEIssuer{}, Expires: expires,
	}}
	w.orders = append(w.orders, o)
	return o
}

// take is what the CA does: a token bucket of 300, and one more every 36 s.
func (w *waveSim) take() bool {
	every := letsEncrypt.every()
	if latest(w.bucket, w.now).Add(every).Sub(w.now) > letsEncrypt.Period {
		return false
	}
	w.bucket = latest(w.bucket, w.now).Add(every)
	return true
}

func (w *waveSim) run(limit time.Duration) {
	for end := w.now.Add(limit); ; {
		var next *waveOrder
		for _, o := range w.orders {
			if o.placed.IsZero() && !o.wake.IsZero() && (next == nil || o.wake.Before(next.wake)) {
				next = o
			}
		}
		if next == nil || next.wake.After(end) {
			w.now = end
			return
		}
		w.now = latest(w.now, next.wake)
		w.pass(next)
	}
}

func (w *waveSim) pass(o *waveOrder) {
	o.passes++
	o.seen.Turn = nil
	d := NextOrder(o.seen, w.now)
	if a, ok := d.Action.(TakeTurn); ok {
		turn := w.queue.Take(o.seen.Order.Name, a.Due, w.now)
		o.seen.Turn = &turn
		d = NextOrder(o.seen, w.now)
	}
	if _, ok := d.Action.(PlaceOrder); ok {
		if !w.take() {
			w.refused++
			w.t.Fatalf("the CA refused an order after %s", w.now.Sub(acmeSimStart))
		}
		o.placed = w.now
		return
	}
	if d.Wake.IsZero() || !d.Wake.After(w.now) {
		w.t.Fatalf("an order waits until %s at %s", d.Wake, w.now)
	}
	o.wake = d.Wake
	if d.Status.Reason != o.seen.Order.Status.Reason {
		o.writes++
		o.seen.Order.Status = d.Status
	}
}

func (o *waveOrder) waited() bool { return o.placed.After(acmeSimStart) }

func TestWaveOfOrdersIsPlacedWithoutARefusalAndTheSoonestDueFirst(t *testing.T) {
	t.Parallel()
	w := newWave(t, 500)
	w.run(30 * time.Minute)
	late := w.add("late", w.now.Add(13*time.Hour)) // sooner than all who wait
	urgentOne := w.add("urgent", w.now.Add(time.Hour))
	asked := w.now
	w.run(12 * time.Hour)
	passes, writes, last := 0, 0, acmeSimStart
	var waited []*waveOrder
	for _, o := range w.orders {
		if o.placed.IsZero() {
			t.Fatalf("%s was never placed: %s", o.seen.Order.Name, o.seen.Order.Status.Reason)
		}
		passes, writes, last = max(passes, o.passes), max(writes, o.writes), latest(last, o.placed)
		if o.waited() && o != late && o != urgentOne {
			waited = append(waited, o)
		}
	}
	// 200 at once, and the others one every 36 s.
	if n := len(waited); n != 300 {
		t.Errorf("%d orders waited, want 300", n)
	}
	slices.SortStableFunc(waited, func(a, b *waveOrder) int { return a.placed.Compare(b.placed) })
	if !slices.IsSortedFunc(waited, func(a, b *waveOrder) int { return a.seen.Expires.Compare(b.seen.Expires) }) {
		t.Error("they were not placed in the order in which their certificates expire")
	}
	if took := last.Sub(acmeSimStart); took > 303*36*time.Second {
		t.Errorf("it took %s", took)
	}
	if wait := late.placed.Sub(asked); wait > 2*36*time.Second { // the urgent one has taken a turn as well
		t.Errorf("the one that is due before the others waited %s", wait)
	}
	if !urgentOne.placed.Equal(asked) {
		t.Errorf("the urgent one waited %s", urgentOne.placed.Sub(asked))
	}
	// Its wake-ups halve the way, and what it says changes only if others came before.
	if passes > 14 || writes > 3 {
		t.Errorf("an order was looked at %d times, and written %d times", passes, writes)
	}
}

func TestQueueMovesUpWhenThoseAheadGo(t *testing.T) {
	t.Parallel()
	w := newWave(t, 400)
	w.run(time.Minute)
	w.orders = slices.DeleteFunc(w.orders, func(o *waveOrder) bool { return o.placed.IsZero() && o.seen.Order.Name != "o399" })
	w.run(12 * time.Hour)
	last := w.orders[len(w.orders)-1]
	// What it was told first is at most some two hours; half of it is the first look.
	if last.seen.Order.Name != "o399" || last.placed.IsZero() || last.placed.Sub(acmeSimStart) > 70*time.Minute {
		t.Errorf("%s was placed after %s", last.seen.Order.Name, last.placed.Sub(acmeSimStart))
	}
}

func TestOperatorThatWasRestartedCountsWhatWasPlacedBefore(t *testing.T) {
	t.Parallel()
	w := newWave(t, 240)
	w.run(time.Minute)
	var placed []time.Time
	for _, o := range w.orders {
		if !o.placed.IsZero() {
			placed = append(placed, o.placed)
		}
	}
	w.queue = NewOrderQueue(letsEncrypt)
	for _, at := range placed {
		w.queue.Placed(at)
	}
	for i := range 100 {
		w.add(fmt.Sprintf("new%d", i), w.now.Add(time.Hour)) // urgent
	}
	w.run(12 * time.Hour) // the CA refuses none
}

func TestWhatTheCASaysAboutItsLimitHoldsForAllOrdersOfTheAccount(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]OrderLimit{"with a limit": letsEncrypt, "without": {}} {
		q := NewOrderQueue(limit)
		until := acmeSimStart.Add(time.Hour)
		if !q.Take("first", acmeSimStart, acmeSimStart).Granted {
			t.Fatalf("%s: no turn at the beginning", name)
		}
		q.Block(until)
		turn := q.Take("second", acmeSimStart, acmeSimStart)
		if turn.Granted || turn.At.Before(until) || !turn.Blocked {
			t.Errorf("%s: turn %+v, want one after %s", name, turn, until)
		}
		if !q.Take("second", acmeSimStart, turn.At).Granted {
			t.Errorf("%s: no turn at its time", name)
		}
	}
}

func TestTurnThatCameToNothingIsGivenBack(t *testing.T) {
	t.Parallel()
	q := NewOrderQueue(OrderLimit{Count: 1, Period: time.Hour})
	for i := range 5 {
		if turn := q.Take("order", acmeSimStart, acmeSimStart); !turn.Granted {
			t.Fatalf("attempt %d: %+v", i, turn)
		}
		q.Return()
	}
	q.Take("order", acmeSimStart, acmeSimStart)
	if turn := q.Take("next", acmeSimStart, acmeSimStart); turn.Granted || !turn.At.Equal(acmeSimStart.Add(time.Hour)) {
		t.Errorf("turn %+v, want one in an hour", turn)
	}
	q.Leave("next")
	if len(q.waiting) != 0 {
		t.Error("it waits on")
	}
}

func TestCAWithoutALimitNeverKeepsAnOrderWaiting(t *testing.T) {
	t.Parallel()
	q := NewOrderQueue(OrderLimit{})
	for i := range 10_000 {
		if !q.Take(fmt.Sprint(i), acmeSimStart, acmeSimStart).Granted {
			t.Fatalf("order %d has to wait", i)
		}
	}
}

func TestOrderLimitsAreRead(t *testing.T) {
	t.Parallel()
	limits, err := ParseOrderLimits(append(slices.Clone(DefaultOrderLimits), "ca.example.com:14000=10/1m", "*=0/1h", "acme-staging-v02.api.letsencrypt.org=0/1h"))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]OrderLimit{
		"acme-v02.api.letsencrypt.org":         letsEncrypt,
		"ACME-v02.api.letsencrypt.org:443":     letsEncrypt,
		"acme-staging-v02.api.letsencrypt.org": {0, time.Hour},
		"ca.example.com:14000":                 {10, time.Minute},
		"ca.example.com":                       {0, time.Hour},
	} {
		if diff := cmp.Diff(want, limits.For(host)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", host, diff)
		}
	}
	for _, text := range []string{"", "ca.example.com", "ca.example.com=300", "=300/3h", "ca.example.com=-1/3h", "ca.example.com=3/0s", "ca.example.com=x/3h", "https://ca.example.com=1/3h"} {
		if _, err := ParseOrderLimits([]string{text}); err == nil || !strings.Contains(err.Error(), "no limit such as") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
