package challenge

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/dns01"
)

const (
	// recordWriters is the number of records that are written or removed at the
	// same time. Each may be a process of its own for some seconds.
	recordWriters = 8
	// maxQueuedRecords is far more than the Challenges that are under way.
	maxQueuedRecords = 1024
)

// records writes and removes TXT records in the background, those of one RRset
// one after the other: not every provider adds a value without reading the
// others first. One replica leads, so that it is enough to know that here.
type records struct {
	dns   *solveDNS // nil: there is no DNS-01
	clock func() time.Time
	wake  chan<- wakeUp
	queue chan recordJob
	names namedLocks
	slots chan struct{}

	mu     sync.Mutex
	states map[types.UID]*recordState
	alone  map[string]types.UID // the one Challenge that may have a value at a name
}

// recordJob is one record to be written or removed.
type recordJob struct {
	challenge *acmev1.Challenge
	remove    bool
	where     *dns01.Record // where it was written by this process; nil if it was not
}

// recordState is what is known of the record of one Challenge.
type recordState struct {
	since     time.Time // of the job that is under way; zero if none is
	attempted bool      // it may be there
	written   bool
	removed   bool
	where     *dns01.Record
	ended     *recordEnd // not yet taken
}

// recordEnd is what has become of a job.
type recordEnd struct {
	remove bool
	err    error
}

func newRecords(dns *solveDNS, clock func() time.Time, wake chan<- wakeUp) *records {
	return &records{
		dns: dns, clock: clock, wake: wake,
		queue: make(chan recordJob, maxQueuedRecords), slots: make(chan struct{}, recordWriters),
		states: map[types.UID]*recordState{}, alone: map[string]types.UID{},
	}
}

// Start runs until the context ends. It implements manager.Runnable.
func (r *records) Start(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case job := <-r.queue:
			all.Go(func() { r.work(ctx, job) })
		}
	}
}

func (r *records) work(ctx context.Context, job recordJob) {
	where, err := r.do(ctx, job)
	if ctx.Err() != nil {
		return // whoever leads next does it again
	}
	r.done(job, where, err)
	select {
	case r.wake <- wakeUp{Object: types.NamespacedName{Namespace: job.challenge.Namespace, Name: job.challenge.Name}}:
	case <-ctx.Done():
	}
}

// do writes or removes one record.
func (r *records) do(ctx context.Context, job recordJob) (*dns01.Record, error) {
	if r.dns == nil {
		return nil, errNoDNS01
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	where := job.where
	if where == nil {
		located, err := r.dns.locate(ctx, job.challenge)
		if err != nil {
			return nil, err
		}
		where = &located
	}
	unlock, err := r.names.lock(ctx, where.FQDN)
	if err != nil {
		return nil, fmt.Errorf("change TXT record %q: others change it for too long", where.FQDN)
	}
	defer unlock()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("change TXT record %q: too many others are changed", where.FQDN)
	}
	if takesOneValue(job.challenge) {
		switch mine := r.takeAlone(job.challenge.UID, where.FQDN, job.remove); {
		case !mine && job.remove:
			return where, nil // never written; what is there is another's
		case !mine:
			return where, fmt.Errorf("add TXT record %q: this provider keeps one value only; waiting until that of another challenge is removed", where.FQDN)
		}
	}
	return where, r.dns.change(ctx, job, *where)
}

// takeAlone makes a Challenge the only one with a value at a name, until it has
// removed it or is gone. mine is false if another is. After a restart nobody
// knows; whoever comes first is let through then.
func (r *records) takeAlone(uid types.UID, name string, remove bool) (mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if holder, taken := r.alone[name]; taken && holder != uid {
		return false
	}
	if !remove {
		r.alone[name] = uid
	}
	return true
}

func (d *solveDNS) change(ctx context.Context, job recordJob, record dns01.Record) error {
	provider, needsKey, err := d.provide(ctx, job.challenge)
	if err != nil {
		return err
	}
	if needsKey {
		if record.KeyAuthorization, err = d.keyAuthorization(ctx, job.challenge); err != nil {
			return err
		}
	}
	if job.remove {
		return provider.RemoveTXT(ctx, record)
	}
	return provider.EnsureTXT(ctx, record)
}

// keyAuthorization is made of the token and the issuer's account key.
func (d *solveDNS) keyAuthorization(ctx context.Context, c *acmev1.Challenge) (string, error) {
	issuer, err := d.issuerOf(ctx, c)
	if apierrors.IsNotFound(err) {
		return "", &missingError{fmt.Sprintf("%s %q does not exist", c.Spec.IssuerRef.KindOrDefault(), c.Spec.IssuerRef.Name)}
	}
	if err != nil {
		return "", fmt.Errorf("get issuer: %w", err)
	}
	account, err := d.clients.Client(ctx, issuer)
	if err != nil {
		return "", err
	}
	return account.KeyAuthorization(c.Spec.Token)
}

// begin starts a job unless one is under way. The Challenge must not be changed
// any more.
func (r *records) begin(c *acmev1.Challenge, remove bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.states[c.UID]
	if state == nil {
		state = &recordState{}
		r.states[c.UID] = state
	}
	if !state.since.IsZero() {
		return
	}
	select {
	case r.queue <- recordJob{challenge: c, remove: remove, where: state.where}:
		state.since, state.ended = r.clock(), nil
		state.attempted = true
	default: // asked for again when the Challenge is looked at next
	}
}

func (r *records) done(job recordJob, where *dns01.Record, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.states[job.challenge.UID]
	if state == nil {
		return // forgotten meanwhile
	}
	state.since = time.Time{}
	state.ended = &recordEnd{remove: job.remove, err: err}
	if where != nil {
		state.where = where // also if it failed: it may be there
	}
	if err == nil {
		state.written, state.removed = !job.remove, job.remove
		if job.remove {
			r.leave(job.challenge.UID)
		}
	}
}

// take returns what is known of the record of a Challenge, and what has become
// of the last job, once.
func (r *records) take(uid types.UID) recordState {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.states[uid]
	if state == nil {
		return recordState{}
	}
	taken := *state
	state.ended = nil
	return taken
}

func (r *records) forget(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.states, uid)
	r.leave(uid)
}

func (r *records) leave(uid types.UID) {
	maps.DeleteFunc(r.alone, func(_ string, holder types.UID) bool { return holder == uid })
}

// namedLocks are locks that come and go with their names.
type namedLocks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the lock is free
}

// lock waits until the lock of a name is free, or the context ends.
func (l *namedLocks) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		free, held := l.held[name]
		if !held {
			if l.held == nil {
				l.held = map[string]chan struct{}{}
			}
			free = make(chan struct{})
			l.held[name] = free
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				delete(l.held, name)
				close(free)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
