package reissue

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

const (
	// leastDelay is how long events wait for others before a campaign looks.
	leastDelay = time.Second

	// idleDelay is the same for one that begins none: a dry run, or a pause,
	// may last.
	idleDelay = 10 * time.Second

	// looking is which part of the time a campaign may look, at most: one
	// twentieth.
	looking = 20

	// refusedRetry is how long a write waits that was refused: a quota, a
	// policy or a permission has to be changed first.
	refusedRetry = 5 * time.Minute
)

// campaigns are those that have not ended. What is known of them is lost with
// the process, which does no harm.
type campaigns struct {
	mu sync.Mutex
	m  map[types.NamespacedName]*campaign
}

// campaign is what is remembered of one.
type campaign struct {
	uid        types.UID
	generation int64
	delay      time.Duration // before the next look that an event asks for
	storedAt   time.Time     // the status, last
	refusal    string        // of the API server
	retryAt    time.Time     // of what was refused
}

func newCampaigns() *campaigns { return &campaigns{m: map[types.NamespacedName]*campaign{}} }

// of returns what is known of a campaign. What was refused is forgotten when it
// is time to try again, or when the campaign is changed.
func (c *campaigns) of(key types.NamespacedName, r *v1alpha1.Reissue, now time.Time) campaign {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.m[key]
	if known == nil || known.uid != r.UID {
		known = &campaign{uid: r.UID, delay: leastDelay}
		c.m[key] = known
	}
	if known.generation != r.Generation || !now.Before(known.retryAt) {
		known.generation, known.refusal = r.Generation, ""
	}
	return *known
}

func (c *campaigns) change(key types.NamespacedName, change func(*campaign)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.m[key]; known != nil {
		change(known)
	}
}

// looked notes how long a look has taken, and what the campaign does.
func (c *campaigns) looked(key types.NamespacedName, phase v1alpha1.ReissuePhase, took time.Duration) {
	least := idleDelay
	if phase == v1alpha1.ReissueRunning {
		least = leastDelay
	}
	c.change(key, func(known *campaign) { known.delay = max(least, looking*took) })
}

func (c *campaigns) stored(key types.NamespacedName, at time.Time) {
	c.change(key, func(known *campaign) { known.storedAt = at })
}

// refused notes what the API server said, and returns that and until when it is
// left alone.
func (c *campaigns) refused(key types.NamespacedName, text string, now time.Time) (refusal string, until time.Time) {
	until = now.Add(refusedRetry)
	c.change(key, func(known *campaign) { known.refusal, known.retryAt = text, until })
	return text, until
}

func (c *campaigns) forget(key types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, key)
}

// enqueue has every campaign look, after a while. A campaign that is to look
// anyway before does not look twice.
func (c *campaigns) enqueue(q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, known := range c.m {
		q.AddAfter(reconcile.Request{NamespacedName: key}, known.delay)
	}
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func (c *campaigns) handler() handler.EventHandler {
	return handler.Funcs{
		CreateFunc:  func(_ context.Context, _ event.CreateEvent, q queue) { c.enqueue(q) },
		UpdateFunc:  func(_ context.Context, _ event.UpdateEvent, q queue) { c.enqueue(q) },
		DeleteFunc:  func(_ context.Context, _ event.DeleteEvent, q queue) { c.enqueue(q) },
		GenericFunc: func(_ context.Context, _ event.GenericEvent, q queue) { c.enqueue(q) },
	}
}

// tells lets the events of Certificates through that can make a difference.
var tells = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, is := e.ObjectOld.(*cmv1.Certificate)
		after, isToo := e.ObjectNew.(*cmv1.Certificate)
		return !is || !isToo || before.Generation != after.Generation ||
			!equality.Semantic.DeepEqual(before.Labels, after.Labels) || !equality.Semantic.DeepEqual(before.Status, after.Status)
	},
}

// ofCampaign lets the events of Revocations through that a campaign has created.
var ofCampaign = predicate.NewPredicateFuncs(func(o client.Object) bool {
	return o.GetLabels()[v1alpha1.ReissueUIDLabel] != ""
})
