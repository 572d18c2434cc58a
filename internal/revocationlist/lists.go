package revocationlist

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

const (
	// A list is kept until it runs out, within these bounds: a CA that signs
	// one every minute is not asked for each, and one that signs them for months
	// may have a new one any day.
	leastAge = time.Hour
	mostAge  = 24 * time.Hour

	// A list that can not be had is tried again after these pauses, doubled
	// with each failure in a row. What is known of it holds meanwhile.
	leastPause = 5 * time.Minute
	mostPause  = 6 * time.Hour

	// fetchers is how many lists are fetched at the same time.
	fetchers = 4
	// maxLists bounds the addresses that are known, maxEntries what is kept of
	// their lists together: 64 MiB.
	maxLists   = 1024
	maxEntries = 2 << 20
)

// Answer is what a list says about a certificate.
type Answer struct {
	Revoked bool
	At      time.Time
	// Reason is the number of RFC 5280, section 5.3.1; 0 is unspecified.
	Reason int
}

// Query asks about one certificate.
type Query struct {
	Certificate *x509.Certificate
	// Issuers are the certificates among which that of the issuer is looked for.
	Issuers []*x509.Certificate
	// Wake: it matters also to learn that the certificate is not revoked.
	Wake bool
}

// Config is what Lists need from their surroundings.
type Config struct {
	Clock func() time.Time
	// Client fetches; nil is one with the bounds of the package.
	Client *http.Client
	// LeastAge and MostAge bound for how long a list is believed, and the pause
	// after a failure is LeastPause at least; zero are an hour, a day and five
	// minutes.
	LeastAge, MostAge, LeastPause time.Duration
}

// Lists knows the lists of all CAs that it was asked about. K names who asks.
type Lists[K comparable] struct {
	Config

	wake    func(context.Context, K)
	changed chan struct{}
	parsing sync.Mutex // a large list needs memory while it is read

	mu      sync.Mutex
	sources map[sourceID]*source[K]
	asked   map[K]interest
	entries int // of all lists
	full    bool
}

// sourceID is the addresses of a list and the key that signs it: whoever names
// the address of somebody else's list gets nothing to do with that.
type sourceID struct {
	addresses string
	issuer    [sha256.Size]byte
}

// source is a list, and where it comes from.
type source[K comparable] struct {
	id        sourceID
	addresses []string
	issuer    *x509.Certificate

	list     *list // nil if there is none yet
	due      time.Time
	fetching bool
	failures int
	members  map[K]struct{}
}

// interest is what one K has asked about.
type interest struct {
	source      sourceID
	certificate [sha256.Size]byte
	serial      [maxSerial]byte
	told        Answer // what it knows
	known       bool
	wake        bool
}

// New returns Lists that call wake, in the background, for who has asked about
// a certificate that is revoked now.
func New[K comparable](cfg Config, wake func(context.Context, K)) *Lists[K] {
	if cfg.Client == nil {
		cfg.Client = newClient()
	}
	for _, d := range []struct {
		of       *time.Duration
		standard time.Duration
	}{{&cfg.LeastAge, leastAge}, {&cfg.MostAge, mostAge}, {&cfg.LeastPause, leastPause}} {
		if *d.of == 0 {
			*d.of = d.standard
		}
	}
	return &Lists[K]{Config: cfg, wake: wake, changed: make(chan struct{}, 1), sources: map[sourceID]*source[K]{}, asked: map[K]interest{}}
}

// Look says what is known about a certificate, and keeps an eye on it from then
// on, in the place of what the same K asked about before. It says false if
// nothing is known, or there is nothing to know it from.
func (l *Lists[K]) Look(key K, q Query) (Answer, bool) {
	cert := sha256.Sum256(q.Certificate.Raw)
	if answer, known, asked := l.again(key, cert, q.Wake); asked {
		return answer, known
	}
	from := addresses(q.Certificate.CRLDistributionPoints)
	serial, ok := serialOf(q.Certificate.SerialNumber)
	issuer := issuerOf(q)
	if len(from) == 0 || !ok || issuer == nil {
		l.Forget(key)
		return Answer{}, false
	}
	id := sourceID{addresses: strings.Join(from, " "), issuer: sha256.Sum256(append(issuer.RawSubject, issuer.RawSubjectPublicKeyInfo...))}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leave(key)
	s := l.sources[id]
	if s == nil {
		if len(l.sources) >= maxLists {
			l.full = true
			return Answer{}, false
		}
		s = &source[K]{id: id, addresses: from, issuer: issuer, due: l.Clock(), members: map[K]struct{}{}}
		l.sources[id] = s
		l.signal()
	}
	s.members[key] = struct{}{}
	asked := interest{source: id, certificate: cert, serial: serial, wake: q.Wake}
	if s.list != nil {
		asked.told, asked.known = s.list.answer(serial), true
	}
	l.asked[key] = asked
	return asked.told, asked.known
}

// again answers what has been asked before: signatures cost more than look-ups.
func (l *Lists[K]) again(key K, cert [sha256.Size]byte, wake bool) (answer Answer, known, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, asked := l.asked[key]
	if !asked || old.certificate != cert {
		return Answer{}, false, false
	}
	old.wake = wake
	l.asked[key] = old
	return old.told, old.known, true
}

// Forget stops keeping an eye on what a K has asked about.
func (l *Lists[K]) Forget(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leave(key)
}

func (l *Lists[K]) leave(key K) {
	old, asked := l.asked[key]
	if !asked {
		return
	}
	delete(l.asked, key)
	s := l.sources[old.source]
	delete(s.members, key)
	if len(s.members) == 0 && !s.fetching {
		l.drop(s)
	}
}

func (l *Lists[K]) drop(s *source[K]) {
	l.keep(s, nil)
	delete(l.sources, s.id)
}

// keep puts a list into the place of the one before.
func (l *Lists[K]) keep(s *source[K], next *list) {
	if s.list != nil {
		l.entries -= len(s.list.entries)
	}
	if next != nil {
		l.entries += len(next.entries)
	}
	s.list = next
}

func (l *Lists[K]) signal() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Start fetches lists until the context ends. It implements manager.Runnable.
func (l *Lists[K]) Start(ctx context.Context) error {
	work := make(chan *source[K])
	var all sync.WaitGroup
	for range fetchers {
		all.Go(func() {
			for s := range work {
				l.refresh(ctx, s)
			}
		})
	}
	defer all.Wait()
	defer close(work)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s, pause := l.next()
		if s != nil {
			select {
			case work <- s:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-l.changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// next returns a source that is due, or how long there is none.
func (l *Lists[K]) next() (*source[K], time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, pause := l.Clock(), l.MostAge
	var due *source[K]
	for _, s := range l.sources {
		switch wait := s.due.Sub(now); {
		case s.fetching:
		case wait > 0:
			pause = min(pause, wait)
		case due == nil || s.due.Before(due.due):
			due = s
		}
	}
	if due != nil {
		due.fetching = true
	}
	return due, pause
}

// refresh fetches a list, and wakes those to whom that matters.
func (l *Lists[K]) refresh(ctx context.Context, s *source[K]) {
	log := logr.FromContextOrDiscard(ctx)
	fetched, err := l.fetch(ctx, s)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		log.Info("a list of revoked certificates can not be used; what is known of it holds", "addresses", s.addresses, "reason", err.Error())
	}
	for _, key := range l.settle(s, fetched) {
		l.wake(ctx, key)
	}
	if l.overfull() {
		log.Info("there are more lists of revoked certificates than are kept: some certificates are not checked", "lists", maxLists, "entries", maxEntries)
	}
	l.signal()
}

// fetch tries the addresses of a source one after the other.
func (l *Lists[K]) fetch(ctx context.Context, s *source[K]) (fetched *list, err error) {
	for _, address := range s.addresses {
		var der []byte
		if der, err = fetch(ctx, l.Client, address); err != nil {
			continue
		}
		l.parsing.Lock()
		fetched, err = readList(der, s.issuer)
		l.parsing.Unlock()
		if err == nil {
			return fetched, nil
		}
	}
	return nil, err
}

// settle takes a list in, nil if there is none, and returns whom to wake.
func (l *Lists[K]) settle(s *source[K], fetched *list) []K {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.fetching = false
	now := l.Clock()
	if len(s.members) == 0 {
		l.drop(s)
		return nil
	}
	if fetched == nil {
		s.failures++
		s.due = now.Add(min(l.LeastPause<<min(s.failures-1, 10), max(mostPause, l.LeastPause)))
		return nil
	}
	s.failures = 0
	s.due = now.Add(min(max(fetched.nextUpdate.Sub(now), l.LeastAge), l.MostAge))
	if s.list != nil && fetched.thisUpdate.Before(s.list.thisUpdate) {
		return nil // somebody plays an old one
	}
	if kept := l.entries + len(fetched.entries); kept > maxEntries && (s.list == nil || kept-len(s.list.entries) > maxEntries) {
		l.full = true
		return nil
	}
	l.keep(s, fetched)
	var wake []K
	for key := range s.members {
		asked := l.asked[key]
		answer := fetched.answer(asked.serial)
		if answer.Revoked != asked.told.Revoked || (asked.wake && !asked.known) {
			wake = append(wake, key)
		}
		asked.told, asked.known = answer, true
		l.asked[key] = asked
	}
	return wake
}

func (l *Lists[K]) overfull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.full
	l.full = false
	return full
}

func (l *list) answer(serial [maxSerial]byte) Answer {
	e, found := l.find(serial)
	if !found {
		return Answer{}
	}
	return Answer{Revoked: true, At: time.Unix(int64(e.at), 0).UTC(), Reason: int(e.reason)}
}

// issuerOf finds the certificate of the CA that has signed; nil if it is not
// there.
func issuerOf(q Query) *x509.Certificate {
	for _, candidate := range q.Issuers {
		if string(candidate.RawSubject) == string(q.Certificate.RawIssuer) && q.Certificate.CheckSignatureFrom(candidate) == nil {
			return candidate
		}
	}
	return nil
}
