package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Probe asks a daemon whether it is healthy; the error says why not.
type Probe func(ctx context.Context) error

// Group starts daemons and waits for them, and notices at once when one ends. It may be used concurrently.
type Group struct {
	set    Set
	mu     sync.Mutex
	exited map[string]<-chan error
}

// NewGroup returns an empty group.
func NewGroup(set Set) *Group { return &Group{set: set, exited: map[string]<-chan error{}} }

// Start starts a daemon.
func (g *Group) Start(spec Spec) error {
	exited, err := g.set.Start(spec)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.exited[spec.Name] = exited
	return nil
}

// Wait waits until the daemon is healthy. The error names the daemon and ends with the last lines of its log.
func (g *Group) Wait(ctx context.Context, name string, probe Probe, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	g.mu.Lock()
	exited := g.exited[name]
	g.mu.Unlock()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case exit := <-exited:
			return fmt.Errorf("%s ended: %w%s", name, exit, g.set.quote(name))
		case <-ctx.Done():
			return fmt.Errorf("%s is not healthy after %s: %w%s", name, limit, err, g.set.quote(name))
		case <-tick.C:
		}
	}
}

func (s Set) quote(name string) string {
	tail := s.Tail(name, 10)
	if tail == "" {
		return fmt.Sprintf("\n  (%s is empty)", s.Log(name))
	}
	return fmt.Sprintf("\n  the end of %s:\n    %s", s.Log(name), strings.ReplaceAll(tail, "\n", "\n    "))
}

// Health is what a check of one daemon found.
type Health struct {
	Process
	Dead bool
	Err  error  // why it is not healthy; nil if it is
	Tail string // the last lines of its log, if it is not healthy
}

// Check looks at every recorded daemon. One without a probe is healthy while it runs; one that runs and does not answer
// well gets until the limit to do so, because the machine may be busy.
func (s Set) Check(ctx context.Context, probes map[string]Probe, limit time.Duration) ([]Health, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	var found []Health
	for _, p := range list {
		h := Health{Process: p, Err: p.check(ctx, probes[p.Name])}
		h.Dead = errors.Is(h.Err, errEnded)
		if h.Err != nil {
			h.Tail = s.quote(p.Name)
		}
		found = append(found, h)
	}
	return found, nil
}

var errEnded = errors.New("the process has ended")

// check probes until the daemon is healthy, has ended, or the context has.
func (p Process) check(ctx context.Context, probe Probe) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if !p.Alive() {
			return errEnded
		}
		if probe == nil {
			return nil
		}
		err := probe(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // rather than that the time is over
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// HTTPProbe returns a probe that gets a URL with a client made for each request and wants status 200.
func HTTPProbe(url string, client func() (*http.Client, error)) Probe {
	return func(ctx context.Context) error {
		c, err := client()
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s: %s", url, resp.Status, strings.TrimSpace(string(body)))
		}
		return nil
	}
}
