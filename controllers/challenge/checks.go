package challenge

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

const (
	// checkers is the number of self-checks that run at the same time. Each
	// may wait ten seconds for an answer, and costs next to nothing meanwhile:
	// hundreds of names from which none comes are not to keep one that can be
	// seen waiting.
	checkers = 256
	// maxQueuedChecks is far more than the Challenges that are under way.
	maxQueuedChecks = 1024
)

// checks runs self-checks in the background.
type checks struct {
	checker Checker
	clock   func() time.Time
	wake    chan<- wakeUp
	queue   chan check

	mu      sync.Mutex
	running map[types.UID]bool
	last    map[types.UID]*lifecycle.SelfCheckSeen
}

// check is one look at one challenge.
type check struct {
	uid      types.UID
	key      types.NamespacedName
	target   http01.Target
	podReady bool
	look     func(context.Context) (lifecycle.SelfCheckVerdict, string) // nil: over HTTP
}

func newChecks(checker Checker, clock func() time.Time, wake chan<- wakeUp) *checks {
	return &checks{
		checker: checker,
		clock:   clock,
		wake:    wake,
		queue:   make(chan check, maxQueuedChecks),
		running: map[types.UID]bool{},
		last:    map[types.UID]*lifecycle.SelfCheckSeen{},
	}
}

// Start runs until the context ends. It implements manager.Runnable.
func (c *checks) Start(ctx context.Context) error {
	var all sync.WaitGroup
	for range checkers {
		all.Go(func() { c.work(ctx) })
	}
	all.Wait()
	return nil
}

func (c *checks) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-c.queue:
			verdict, text := c.check(ctx, next)
			if ctx.Err() != nil {
				return
			}
			c.done(next, verdict, text)
			select {
			case c.wake <- wakeUp{Object: next.key}:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (c *checks) check(ctx context.Context, next check) (lifecycle.SelfCheckVerdict, string) {
	if next.look != nil {
		return next.look(ctx)
	}
	return c.checker.Check(ctx, next.target)
}

// begin starts a self-check unless one is under way.
func (c *checks) begin(next check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[next.uid] {
		return
	}
	select {
	case c.queue <- next:
		c.running[next.uid] = true
	default: // asked for again when the Challenge is looked at next
	}
}

func (c *checks) done(ended check, verdict lifecycle.SelfCheckVerdict, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.running[ended.uid] {
		return // forgotten meanwhile
	}
	delete(c.running, ended.uid)
	seen := lifecycle.SelfCheckSeen{Verdict: verdict, Text: text, At: c.clock(), PodReady: ended.podReady}
	c.last[ended.uid] = c.last[ended.uid].Follow(seen)
}

// of returns the last self-check of a Challenge, and whether one is under way.
func (c *checks) of(uid types.UID) (last *lifecycle.SelfCheckSeen, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[uid], c.running[uid]
}

func (c *checks) forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, uid)
	delete(c.last, uid)
}
