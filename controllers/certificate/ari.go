package certificate

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/lifecycle"
)

// RenewalAdvisor asks ACME CAs when to renew a certificate (RFC 9773).
type RenewalAdvisor interface {
	// RenewalInfo errs with acme.ErrNoRenewalInfo if the CA does not offer it.
	RenewalInfo(ctx context.Context, issuer cmv1.GenericIssuer, certificateID string) (*acme.RenewalInfo, error)
}

const (
	// askers is how many CAs' answers are waited for at the same time, and
	// askPause how long each rests after one: at most five requests a second,
	// also after a restart with 10,000 certificates to ask about, which then
	// takes half an hour. In the long run it is one in two seconds.
	askers   = 4
	askPause = 800 * time.Millisecond
	// askTimeout bounds one inquiry, fetching the directory included.
	askTimeout = 30 * time.Second

	// silence is how long a CA is believed to have no renewal information.
	silence = 24 * time.Hour
	// downtime is how long a CA that can not be reached is not asked about
	// other certificates: else each of them would wait for its timeout, and
	// with it the certificates of other CAs.
	downtime = 5 * time.Minute
	// maxIssuers bounds what is remembered of issuers.
	maxIssuers = 1024
)

// inquiries asks CAs in the background when to renew. What it holds is lost
// with the process: then they are asked again when status.acme.ari says so.
type inquiries struct {
	advisor RenewalAdvisor
	clock   func() time.Time
	wake    chan<- turn   // the Certificates that there is an answer for
	arrived chan struct{} // something is in the queue

	mu    sync.Mutex
	queue []types.NamespacedName // each Certificate once at most
	about map[types.NamespacedName]*inquiry
	cas   map[string]caState // by issuerVersion
}

// inquiry is about one Certificate.
type inquiry struct {
	uid           types.UID
	certificateID string
	issuer        cmv1.GenericIssuer // not to be changed
	asking        bool               // it waits to be asked about, or for the answer
	taken         bool               // it waits for the answer
	answer        *lifecycle.ARIAnswer
}

// caState is what is known of an issuer's CA for a while.
type caState struct {
	until time.Time
	none  bool             // it has no renewal information
	fault *lifecycle.Fault // it can not be reached
}

func newInquiries(advisor RenewalAdvisor, clock func() time.Time, wake chan<- turn) *inquiries {
	return &inquiries{
		advisor: advisor, clock: clock, wake: wake, arrived: make(chan struct{}, askers),
		about: map[types.NamespacedName]*inquiry{}, cas: map[string]caState{},
	}
}

// Start runs until the context ends. It implements manager.Runnable.
func (q *inquiries) Start(ctx context.Context) error {
	var all sync.WaitGroup
	for range askers {
		all.Go(func() { q.work(ctx) })
	}
	all.Wait()
	return nil
}

func (q *inquiries) work(ctx context.Context) {
	for {
		key, next := q.take()
		if next == nil {
			select {
			case <-ctx.Done():
				return
			case <-q.arrived:
			}
			continue
		}
		asked := q.ask(ctx, next)
		if ctx.Err() != nil {
			return
		}
		select {
		case q.wake <- turn{Object: key}:
		case <-ctx.Done():
			return
		}
		if asked && !rest(ctx, askPause) {
			return
		}
	}
}

// rest lets time pass, and says false if the context ends before.
func rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin asks about a certificate, unless that is being done.
func (q *inquiries) begin(key types.NamespacedName, uid types.UID, certificateID string, issuer cmv1.GenericIssuer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if old := q.about[key]; old != nil && old.uid == uid && old.certificateID == certificateID && old.asking {
		return
	}
	q.about[key] = &inquiry{uid: uid, certificateID: certificateID, issuer: issuer, asking: true}
	q.queue = append(q.queue, key)
	select {
	case q.arrived <- struct{}{}:
	default: // there are as many marks as askers
	}
}

func (q *inquiries) take() (types.NamespacedName, *inquiry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) > 0 {
		key := q.queue[0]
		q.queue = q.queue[1:]
		if next := q.about[key]; next != nil && next.asking && !next.taken {
			next.taken = true
			return key, next
		}
	}
	q.queue = nil // so that its memory goes
	return types.NamespacedName{}, nil
}

// ask gets an answer, and says whether the CA was asked for it.
func (q *inquiries) ask(ctx context.Context, about *inquiry) (asked bool) {
	version := issuerVersion(about.issuer)
	answer := &lifecycle.ARIAnswer{CertificateID: about.certificateID, At: q.clock()}
	state := q.state(version)
	if state.fault == nil && !state.none {
		asked = true
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		info, err := q.advisor.RenewalInfo(ctx, about.issuer, about.certificateID)
		state = q.judge(err)
		if info != nil && err == nil {
			answer.Start, answer.End, answer.ExplanationURL, answer.RetryAfter = info.Start, info.End, info.ExplanationURL, info.RetryAfter
		}
	}
	if state.fault != nil {
		answer.Err, answer.RetryAfter = state.fault.Message, state.fault.Until
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if state.until.After(answer.At) {
		if len(q.cas) >= maxIssuers {
			clear(q.cas) // rare, and they are asked again
		}
		q.cas[version] = state
	}
	about.asking = false
	if !state.none {
		about.answer = answer
	}
	return asked
}

// judge says what an error means for the CA's other certificates, too.
func (q *inquiries) judge(err error) caState {
	now := q.clock()
	switch {
	case err == nil:
		return caState{}
	case errors.Is(err, acme.ErrNoRenewalInfo):
		return caState{until: now.Add(silence), none: true}
	}
	fault := acmeview.Fault(err, now)
	state := caState{fault: &fault}
	if unreachable(err) {
		state.until = now.Add(downtime)
		if fault.Until.After(state.until) {
			state.until = fault.Until
		}
	}
	return state
}

// unreachable says whether an error is about the CA and not about one
// certificate.
func unreachable(err error) bool {
	busy := func(status int) bool { return status >= 500 || status == 429 }
	if p, ok := errors.AsType[*acme.Problem](err); ok {
		return busy(p.Status)
	}
	if h, ok := errors.AsType[*acme.HTTPError](err); ok {
		return busy(h.Status)
	}
	_, silent := errors.AsType[*acme.TransportError](err)
	return silent
}

// state is what is known of a CA now.
func (q *inquiries) state(version string) caState {
	q.mu.Lock()
	defer q.mu.Unlock()
	state, known := q.cas[version]
	if known && !q.clock().Before(state.until) {
		delete(q.cas, version)
		return caState{}
	}
	return state
}

// of returns what there is to know about a Certificate.
func (q *inquiries) of(key types.NamespacedName, uid types.UID) (asking bool, answer *lifecycle.ARIAnswer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	about := q.about[key]
	if about == nil || about.uid != uid {
		return false, nil
	}
	return about.asking, about.answer
}

// heard drops an answer that has been stored.
func (q *inquiries) heard(key types.NamespacedName, answer *lifecycle.ARIAnswer) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if about := q.about[key]; about != nil && !about.asking && about.answer == answer {
		delete(q.about, key)
	}
}

func (q *inquiries) forget(key types.NamespacedName) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.about, key)
}
