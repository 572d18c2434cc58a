package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// acmeSim is a world in which one Order and its Challenges go their way: an API
// server that counts writes, a CA that takes its time, an operator that
// forgets everything when it crashes, and a clock that jumps to the next thing
// to happen.
type acmeSim struct {
	t    *testing.T
	now  time.Time
	rand *rand.Rand

	// The API server.
	order      *acmev1.Order
	issuer     *acmev1.ACMEIssuer
	challenges map[string]*acmev1.Challenge
	objects    map[string]map[SolverObject]time.Time // by challenge, since when
	older      map[string]any                        // what a stale read shows
	responder  bool                                  // whether the way to the shared responder is there
	writes     []string
	events     []string
	uids       int

	// The CA.
	placed         int
	orderExpires   time.Time
	finalized      time.Time
	authorizations []*simAuthorization
	requests       []time.Time

	// The operator.
	shared bool // it answers challenges itself
	failed []time.Time
	seen   string // what a self-check says
	memory *simMemory
	dirty  []string // objects to look at, in the order of the events
	wakes  map[string]time.Time

	// Disturbances.
	crashAfter int                                         // a write; 0 for none
	stale      float64                                     // share of stale reads
	faults     func(step Step, now time.Time) *Fault       // of a request to the CA
	lost       map[Step]bool                               // the answer is lost, once
	refuse     func(object SolverObject) *Fault            // of a write of an object
	look       func(w *acmeSim, c string) SelfCheckVerdict // what a self-check sees
	verdict    func(name string) acmev1.State              // what the CA sees
	crashes    int

	// trace is what happened, for transcripts.
	trace []string
}

type simAuthorization struct {
	url, name string
	state     acmev1.State
	accepted  time.Time
	accepts   int
}

type simMemory struct {
	order          *OrderAtCA
	authorizations map[string]acmev1.ACMEAuthorization
	trouble        *Trouble
	challenges     map[string]*simChallengeMemory
}

type simChallengeMemory struct {
	presentSince time.Time
	ca           *AuthorizationAtCA
	trouble      *Trouble
	check        *SelfCheckSeen
	checking     time.Time // when the verdict comes
	podReady     bool
	slot         Slot
}

const simOrder = "order"

var acmeSimStart = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func newACMESim(t *testing.T, names ...string) *acmeSim {
	t.Helper()
	w := &acmeSim{
		t:    t,
		now:  acmeSimStart,
		seen: "the answer has status 404 instead of 200",
		rand: rand.New(rand.NewPCG(1, 2)),
		order: &acmev1.Order{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: simOrder, UID: "order-uid"},
			Spec:       acmev1.OrderSpec{Request: []byte("csr"), IssuerRef: cmmeta.IssuerReference{Name: "ca"}, DNSNames: names},
		},
		issuer: &acmev1.ACMEIssuer{Solvers: []acmev1.ACMEChallengeSolver{{
			HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}},
		}}},
		challenges: map[string]*acmev1.Challenge{},
		objects:    map[string]map[SolverObject]time.Time{},
		older:      map[string]any{},
		wakes:      map[string]time.Time{},
		lost:       map[Step]bool{},
		dirty:      []string{simOrder},
		look: func(w *acmeSim, c string) SelfCheckVerdict {
			if w.shared && w.isPresented(c) && w.now.Sub(w.objects[c][SolverIngress]) >= time.Second {
				return SelfCheckPassed
			}
			if since, ok := w.objects[c][SolverPod]; ok && w.now.Sub(since) >= 3*time.Second && w.isPresented(c) {
				return SelfCheckPassed
			}
			return SelfCheckWrong
		},
		verdict: func(string) acmev1.State { return acmev1.Valid },
	}
	w.forget()
	return w
}

// note adds a line to the trace.
func (w *acmeSim) note(format string, args ...any) {
	since := w.now.Sub(acmeSimStart).Round(10 * time.Millisecond)
	w.trace = append(w.trace, fmt.Sprintf("%-12s %s", since, fmt.Sprintf(format, args...)))
}

// noteStatus adds what a status write changes, and the events after it.
func (w *acmeSim) noteStatus(of string, before, after any, events []Event) {
	w.note("%-9s status: %s", of, strings.Join(changedFields(before, after), ", "))
	for _, e := range eventTexts(events) {
		w.note("%-9s event:  %s", of, e)
	}
}

func (w *acmeSim) forget() {
	w.memory = &simMemory{authorizations: map[string]acmev1.ACMEAuthorization{}, challenges: map[string]*simChallengeMemory{}}
}

// crashed is thrown by the write after which the operator dies.
type crashed struct{}

// write changes the API server, and makes whoever watches look.
func (w *acmeSim) write(what string, keys []string, change func()) {
	for _, key := range keys {
		if key == simOrder {
			w.older[key] = w.order.DeepCopy()
		} else if c := w.challenges[key]; c != nil {
			w.older[key] = c.DeepCopy()
		}
	}
	change()
	w.writes = append(w.writes, what)
	if !strings.HasSuffix(what, "status") {
		w.note("%-9s %s", strings.Fields(what)[0], strings.Join(strings.Fields(what)[1:], " "))
	}
	for _, key := range keys {
		w.touch(key)
	}
	if len(w.writes) == w.crashAfter {
		panic(crashed{})
	}
}

func (w *acmeSim) touch(key string) {
	if !slices.Contains(w.dirty, key) {
		w.dirty = append(w.dirty, key)
	}
}

// run lets the world go on until nothing happens any more, or the time is up.
func (w *acmeSim) run(limit time.Duration) {
	w.t.Helper()
	end := w.now.Add(limit)
	for steps := 0; ; steps++ {
		if steps > 200_000 {
			w.t.Fatalf("the operator does not come to rest; last writes: %q", w.writes[max(0, len(w.writes)-10):])
		}
		if len(w.dirty) > 0 {
			key := w.dirty[0]
			w.dirty = w.dirty[1:]
			w.pass(key)
			continue
		}
		key, at := w.soonest()
		if key == "" || at.After(end) {
			w.now = end
			return
		}
		delete(w.wakes, key)
		w.now = maxTime(w.now, at)
		w.touch(key)
	}
}

func (w *acmeSim) soonest() (key string, at time.Time) {
	consider := func(k string, t time.Time) {
		if !t.IsZero() && (key == "" || t.Before(at) || (t.Equal(at) && k < key)) {
			key, at = k, t
		}
	}
	for k, t := range w.wakes {
		consider(k, t)
	}
	for k, m := range w.memory.challenges {
		consider(k, m.checking)
	}
	return key, at
}

// pass is one Reconcile.
func (w *acmeSim) pass(key string) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(crashed); !ok {
				panic(r)
			}
			w.crashes++
			w.note("CRASH")
			w.crashAfter = 0
			w.forget()
			w.wakes = map[string]time.Time{}
			w.older = map[string]any{} // a new operator reads what is
			w.touch(simOrder)
			for name := range w.challenges {
				w.touch(name)
			}
		}
	}()
	delete(w.wakes, key)
	if key == simOrder {
		w.passOrder()
		return
	}
	if w.challenges[key] != nil {
		w.passChallenge(key)
	}
}

// isPresented reports whether an answer can be had for a challenge.
func (w *acmeSim) isPresented(name string) bool {
	for _, object := range SolverObjects(w.issuer.Solvers[0], w.shared) {
		_, own := w.objects[name][object]
		if !own && (object != SolverResponder || !w.responder) {
			return false
		}
	}
	return true
}

func (w *acmeSim) isStale() bool { return w.stale > 0 && w.rand.Float64() < w.stale }

func (w *acmeSim) passOrder() {
	stored := w.order
	if old, ok := w.older[simOrder].(*acmev1.Order); ok && w.isStale() {
		stored = old
	}
	seen := OrderSeen{
		Order: stored.DeepCopy(), ACME: w.issuer, IssuerTrouble: "no issuer",
		CA: w.memory.order, Authorizations: w.memory.authorizations, Trouble: w.memory.trouble,
	}
	for _, name := range sortedKeys(w.challenges) {
		seen.Challenges = append(seen.Challenges, w.challenges[name].DeepCopy())
	}
	d := NextOrder(seen, w.now)
	for i := 0; w.askForOrder(&seen, d.Action); i++ {
		if i > 20 {
			w.t.Fatalf("a pass over the order asks without end: %T", d.Action)
		}
		w.memory.order, w.memory.authorizations, w.memory.trouble = seen.CA, seen.Authorizations, seen.Trouble
		d = NextOrder(seen, w.now)
	}
	w.memory.order, w.memory.authorizations, w.memory.trouble = seen.CA, seen.Authorizations, seen.Trouble
	switch a := d.Action.(type) {
	case CreateChallenge:
		if w.challenges[a.Name] != nil {
			w.wakes[simOrder] = w.now.Add(5 * time.Second) // AlreadyExists
			return
		}
		w.write("create challenge", []string{simOrder, a.Name}, func() { w.addChallenge(a) })
	case DeleteChallenge:
		if c := w.challenges[a.Challenge.Name]; c != nil && c.DeletionTimestamp == nil {
			w.write("delete challenge", []string{simOrder, c.Name}, func() { w.remove(c.Name) })
		}
	default: // nothing, or answered above
	}
	if !equalJSON(stored.Status, d.Status) {
		if stored != w.order {
			w.touch(simOrder) // Conflict
			return
		}
		w.checkOrderStatus(stored.Status, d.Status)
		w.write("order status", []string{simOrder}, func() {
			w.order = w.order.DeepCopy()
			w.order.Status = d.Status
		})
		w.events = append(w.events, eventTexts(d.Events)...)
		w.noteStatus("order", stored.Status, d.Status, d.Events)
	}
	w.sleep(simOrder, d.Wake, d.Status.Reason != "" || w.order.Status.State.Final() || len(w.challenges) > 0)
}

// sleep notes the wake, and that nobody waits for nothing: without a wake,
// something that is watched must be on its way.
func (w *acmeSim) sleep(key string, wake time.Time, watched bool) {
	if !wake.IsZero() {
		w.wakes[key] = maxTime(wake, w.now.Add(time.Millisecond))
		return
	}
	if !watched && !slices.Contains(w.dirty, key) {
		w.t.Errorf("%s: waits without a wake and without a watch at %s", key, w.now.Sub(acmeSimStart))
	}
}

// checkOrderStatus: what the API lets nobody change, and what would be a
// second order.
func (w *acmeSim) checkOrderStatus(before, after acmev1.OrderStatus) {
	if before.URL != "" && before.URL != after.URL {
		w.t.Errorf("order URL changed from %s to %s", before.URL, after.URL)
	}
	if before.State.Final() {
		w.t.Errorf("status of an order that is %s changed", before.State)
	}
	if len(before.Authorizations) > 0 && len(before.Authorizations) != len(after.Authorizations) {
		w.t.Errorf("number of authorizations changed")
	}
}

// mostPerMinute is the largest number of requests to the CA in any minute.
func (w *acmeSim) mostPerMinute() int {
	most, from := 0, 0
	for to := range w.requests {
		for w.requests[to].Sub(w.requests[from]) >= time.Minute {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

func (w *acmeSim) count(what string) int {
	n := 0
	for _, x := range w.writes {
		if x == what {
			n++
		}
	}
	return n
}

// checkDone: the certificate is there, and nothing else is left.
func (w *acmeSim) checkDone() {
	w.t.Helper()
	if w.order.Status.State != acmev1.Valid || string(w.order.Status.Certificate) != "chain" {
		w.t.Errorf("order is %q (%s) after %s; writes: %s", w.order.Status.State, w.order.Status.Reason, w.now.Sub(acmeSimStart), strings.Join(w.writes, ", "))
	}
	if w.placed != 1 {
		w.t.Errorf("%d orders were placed at the CA", w.placed)
	}
	w.checkClean()
	if len(w.challenges) != 0 {
		w.t.Errorf("%d challenges are left", len(w.challenges))
	}
}

func (w *acmeSim) checkClean() {
	w.t.Helper()
	for name, objects := range w.objects {
		for object := range objects {
			w.t.Errorf("the %s of %s is left", object, name)
		}
	}
}

func eventTexts(list []Event) []string {
	var texts []string
	for _, e := range list {
		texts = append(texts, fmt.Sprintf("%s %s: %s", e.Type, e.Reason, e.Message))
	}
	return texts
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
