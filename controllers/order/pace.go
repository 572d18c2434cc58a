package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// pacer keeps the queue of each ACME account.
type pacer struct {
	client client.Reader
	limits lifecycle.OrderLimits

	mu       sync.Mutex
	accounts map[string]*account // by URL
}

// account is the queue of one, and the issuers whose Orders of before are
// counted in it.
type account struct {
	queue   *lifecycle.OrderQueue
	issuers map[types.UID]bool
}

func newPacer(c client.Reader, limits lifecycle.OrderLimits) *pacer {
	return &pacer{client: c, limits: limits, accounts: map[string]*account{}}
}

// of is the account of an issuer; nil if it has none yet.
func (p *pacer) of(issuer cmv1.GenericIssuer) *account {
	status := issuer.GetStatus().ACME
	if status == nil || status.URI == "" {
		return nil
	}
	a := p.accounts[status.URI]
	if a == nil {
		a = &account{queue: lifecycle.NewOrderQueue(p.limit(issuer)), issuers: map[types.UID]bool{}}
		p.accounts[status.URI] = a
	}
	return a
}

func (p *pacer) limit(issuer cmv1.GenericIssuer) lifecycle.OrderLimit {
	server, err := url.Parse(issuer.GetSpec().ACME.Server)
	if err != nil {
		return lifecycle.OrderLimit{} // nothing is ordered there
	}
	return p.limits.For(server.Host)
}

// take asks for the turn of an Order.
func (p *pacer) take(ctx context.Context, s *sight, due, now time.Time) (lifecycle.Turn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.of(s.issuer)
	if a == nil {
		return lifecycle.Turn{Granted: true}, nil // who places it is told that there is no account
	}
	if uid := s.issuer.GetUID(); !a.issuers[uid] {
		if err := p.recall(ctx, a, s.issuer, now); err != nil {
			return lifecycle.Turn{}, err
		}
		a.issuers[uid] = true
	}
	return a.queue.Take(string(s.Order.UID), due, now), nil
}

// recall counts the Orders of an issuer that were placed before the operator
// was started, once: from the cache.
func (p *pacer) recall(ctx context.Context, a *account, issuer cmv1.GenericIssuer, now time.Time) error {
	limit := p.limit(issuer)
	if limit.Count == 0 {
		return nil
	}
	var list acmev1.OrderList
	err := p.client.List(ctx, &list, client.InNamespace(issuer.GetNamespace()), client.MatchingFields{placed: issuerKey(issuer)},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return fmt.Errorf("list orders of issuer: %w", err)
	}
	var times []time.Time
	for i := range list.Items {
		if at := placedAt(&list.Items[i], now); now.Sub(at) < limit.Period {
			times = append(times, at)
		}
	}
	slices.SortFunc(times, func(x, y time.Time) int { return cmp.Compare(x.UnixNano(), y.UnixNano()) })
	for _, at := range times {
		a.queue.Placed(at)
	}
	return nil
}

// placedAt is when an Order was placed, at the latest. One that waited for its
// turn was placed long after it was created.
func placedAt(o *acmev1.Order, now time.Time) time.Time {
	at := o.CreationTimestamp.Time
	switch {
	case !o.Status.State.Final():
		return now
	case o.Status.FailureTime != nil:
		at = o.Status.FailureTime.Time
	default:
		if certs, err := pki.DecodeCertificates(o.Status.Certificate); err == nil {
			at = certs[0].NotBefore.Add(backdating)
		}
	}
	if at.Before(o.CreationTimestamp.Time) {
		return o.CreationTimestamp.Time
	}
	if at.After(now) {
		return now
	}
	return at
}

// backdating is by how much CAs date certificates back, to allow for clocks that
// are slow: Let's Encrypt by an hour.
const backdating = time.Hour

// failed tells the queue what became of a turn: whether the CA has counted it,
// and whether it takes any more.
func (p *pacer) failed(issuer cmv1.GenericIssuer, err error, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.of(issuer)
	switch {
	case a == nil:
	case acme.IsOrdersLimited(err):
		a.queue.Block(until)
	case isUncounted(err):
		a.queue.Return()
	}
}

// isUncounted says whether it is certain that the CA made no order: it answered
// something else, or was not reached at all.
func isUncounted(err error) bool {
	if _, ok := errors.AsType[*acme.TransportError](err); ok {
		dial, ok := errors.AsType[*net.OpError](err)
		return ok && dial.Op == "dial"
	}
	return true
}

func (p *pacer) leave(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.accounts {
		a.queue.Leave(string(uid))
	}
}

func issuerKey(issuer cmv1.GenericIssuer) string {
	kind := cmv1.IssuerKind
	if issuer.GetNamespace() == "" {
		kind = cmv1.ClusterIssuerKind
	}
	return kube.IssuerKey(cmmeta.IssuerReference{Kind: kind, Name: issuer.GetName()})
}

// expiry is when the certificate expires that an Order is to renew; zero if
// there is none.
func (r *Reconciler) expiry(ctx context.Context, order *acmev1.Order) (time.Time, error) {
	name := order.Annotations[cmv1.CertificateNameKey]
	if name == "" {
		return time.Time{}, nil
	}
	var certificate cmv1.Certificate
	err := r.client.Get(ctx, types.NamespacedName{Namespace: order.Namespace, Name: name}, &certificate, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return time.Time{}, fmt.Errorf("get certificate: %w", err)
	}
	if certificate.Status.NotAfter == nil { // also if there is no Certificate
		return time.Time{}, nil
	}
	return certificate.Status.NotAfter.Time, nil
}

// takeTurn asks the queue whether an Order may be placed.
func (r *Reconciler) takeTurn(ctx context.Context, s *sight, a lifecycle.TakeTurn) (bool, error) {
	turn, err := r.pacer.take(ctx, s, a.Due, r.clock())
	if err != nil {
		return false, err
	}
	s.Turn = &turn
	return true, nil
}
