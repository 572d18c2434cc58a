package issuers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

const (
	// listSpacing is the least time between two writes because of revocations:
	// what comes meanwhile is collected for the next one. A list of 10,000
	// entries is half a megabyte to sign and to store.
	listSpacing = 2 * time.Second

	// pendingAge is how long a revocation is kept that nobody asks for again:
	// its Revocation is gone. It has to outlast the turn of thousands.
	pendingAge = 5 * time.Minute

	// caRecheck is when to ask again while the CA has no usable key.
	caRecheck = time.Minute
)

// pendingEntry is a revocation for the next write, or one that another has
// written and that was not asked for again yet.
type pendingEntry struct {
	list  string
	key   string // of the CA, in DER: issuers with other keys may share a Secret
	entry pki.RevokedCertificate
	asked time.Time
}

// Revoke implements Revoker: it puts a certificate on the CA's list.
func (c *ca) Revoke(ctx context.Context, in RevokeInput) (lifecycle.RevokeOutcome, error) {
	key := c.secretOf(in.Issuer)
	pair, err := c.pair(ctx, key)
	if apierrors.IsNotFound(err) {
		return lifecycle.RevokeWait{Until: in.Now.Add(caRecheck), Message: "the CA's " + missingSecret(key)}, nil
	}
	if err != nil {
		return nil, err
	}
	if problem := pair.err; problem != nil {
		return lifecycle.RevokeWait{Until: in.Now.Add(caRecheck), Message: "the CA's " + unusableSecret(key, problem)}, nil
	}
	return c.lists.revoke(ctx, in, pair)
}

func (k *listKeeper) revoke(ctx context.Context, in RevokeInput, pair *keyPair) (lifecycle.RevokeOutcome, error) {
	p, err := k.pass(in.Issuer, pair, in.Now)
	if err != nil {
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonIssuerNotSupported, Message: fmt.Sprintf("%s can not sign a list: %v; %s", nameOf(in.Issuer), err, howToSignLists)}, nil
	}
	if err := p.signed(in.Certificate); err != nil {
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonRefused, Message: fmt.Sprintf("%s can not revoke the certificate: %v", nameOf(in.Issuer), err)}, nil
	}
	if in.Now.After(in.Certificate.NotAfter) {
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonExpired, Message: "the certificate has expired: nobody accepts it any more, and nothing has to be revoked"}, nil
	}
	reason, ok := in.Reason.Code()
	if !ok {
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonReasonRefused, Message: fmt.Sprintf("%q is no reason that a list can give", in.Reason)}, nil
	}
	key := listSecretOf(in.Issuer, k.namespace)
	b := k.book(key)
	l, err := k.read(ctx, key, b)
	if err != nil {
		return nil, fmt.Errorf("read revocation lists: %w", err)
	}
	want := &pendingEntry{list: p.listOf(in.Certificate), key: string(pair.cert.RawSubjectPublicKeyInfo), asked: in.Now, entry: pki.RevokedCertificate{
		Serial: in.Certificate.SerialNumber, At: in.Now.UTC().Truncate(time.Second), Reason: reason, NotAfter: in.Certificate.NotAfter,
	}}
	if entry, there := p.usable(l, want.list).Find(want.entry.Serial); there {
		return lifecycle.Revoked{At: entry.At, Already: !b.forget(want)}, nil
	}
	if turn := b.enqueue(want, in.Now); !turn.IsZero() {
		return lifecycle.RevokeTurn{At: turn}, nil
	}
	defer b.release()
	return k.revokeAll(ctx, in, p, l, b, want)
}

// revokeAll writes all that is pending. The caller has the turn.
func (k *listKeeper) revokeAll(ctx context.Context, in RevokeInput, p *listPass, l *ledger, b *book, own *pendingEntry) (lifecycle.RevokeOutcome, error) {
	left := room(l.size())
	if left == 0 {
		b.forget(own)
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonRefused, Message: fmt.Sprintf("the revocation lists of %s are full: Secret %q can hold no more. %s", nameOf(in.Issuer), cmv1.RevocationListSecret(in.Issuer), howToEmptyLists)}, nil
	}
	_, err := k.write(ctx, listSecretOf(in.Issuer, k.namespace), p, l, b.batch(own, left, in.Now))
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return lifecycle.RevokeTurn{At: in.Now.Add(listSpacing)}, nil
	}
	if err != nil {
		return nil, err
	}
	b.forget(own)
	return lifecycle.Revoked{At: own.entry.At}, nil
}

// enqueue leaves an entry for the next write, and takes the turn to make that
// unless it is not due yet: then it returns when to ask again.
func (b *book) enqueue(e *pendingEntry, now time.Time) (turn time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if before := b.pending[e.name()]; before != nil {
		e.entry = before.entry // of when it was first asked for
	}
	b.pending[e.name()] = e
	next := b.written.Add(listSpacing)
	if b.busy {
		return now.Add(listSpacing)
	}
	if now.Before(next) && !now.Before(b.written) {
		return next
	}
	b.busy, b.written = true, now
	return time.Time{}
}

// batch is what the next write takes: an entry for certain, and as many of the
// others as there is room for.
func (b *book) batch(own *pendingEntry, left int, now time.Time) map[string][]pki.RevokedCertificate {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string][]pki.RevokedCertificate{own.list: {own.entry}}
	for name, e := range b.pending {
		left--
		switch {
		case now.Sub(e.asked) > pendingAge:
			delete(b.pending, name)
		case e != own && e.key == own.key && left > 0:
			all[e.list] = append(all[e.list], e.entry)
		}
	}
	return all
}

// forget drops an entry that has had its answer; it says whether there was one.
func (b *book) forget(e *pendingEntry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, there := b.pending[e.name()]
	delete(b.pending, e.name())
	return there
}

func (e *pendingEntry) name() string { return e.list + "/" + e.entry.Serial.Text(16) }
