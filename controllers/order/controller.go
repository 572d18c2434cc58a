package order

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
)

// Clients gives the client for an issuer's ACME account.
type Clients interface {
	// Client errs if the issuer has no registered account yet.
	Client(ctx context.Context, issuer cmv1.GenericIssuer) (*acme.Client, error)
}

// Config is what the controller needs from outside.
type Config struct {
	Clients Clients
	// Read takes the authorizations that were read, for the challenge
	// controller; may be nil.
	Read *acmeview.Authorizations
	// SharedResponder tells that the operator answers HTTP-01 challenges
	// itself; see lifecycle.NeedsFinalizer.
	SharedResponder bool
	// Limits are those of the CAs on new orders; without them there are none.
	Limits lifecycle.OrderLimits
	// Clock tells the time; time.Now if nil.
	Clock func() time.Time
	// Workers is the number of Orders looked at at the same time; 5 if zero
	// (contract 2.0).
	Workers int
}

const (
	defaultWorkers = 5

	// maxAnswers bounds what one pass asks of a CA, so that an order of a
	// hundred names does not keep a worker from all others.
	maxAnswers = 8

	// promptly is when to continue what a pass left over, or to look again
	// after a conflict.
	promptly = 50 * time.Millisecond
)

// Reconciler looks after Orders.
type Reconciler struct {
	client   client.Client
	recorder events.EventRecorder
	clients  Clients
	read     *acmeview.Authorizations
	shared   bool
	clock    func() time.Time
	memory   *memory
	pacer    *pacer
}

// Setup adds the controller to the manager.
func Setup(mgr ctrl.Manager, config Config) error {
	r := &Reconciler{
		client:   mgr.GetClient(),
		recorder: mgr.GetEventRecorder("cert-manager-orders"),
		clients:  config.Clients,
		read:     config.Read,
		shared:   config.SharedResponder,
		clock:    config.Clock,
		memory:   newMemory(),
		pacer:    newPacer(mgr.GetClient(), config.Limits),
	}
	if r.clock == nil {
		r.clock = time.Now //nolint:forbidigo // here the clock is injected
	}
	workers := config.Workers
	if workers == 0 {
		workers = defaultWorkers
	}
	if err := addIndexes(mgr); err != nil {
		return err
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("orders").
		For(&acmev1.Order{}).
		Owns(&acmev1.Challenge{}).
		Watches(&cmv1.Issuer{}, r.ordersOfIssuer(), builder.WithPredicates(issuerChanged)).
		Watches(&cmv1.ClusterIssuer{}, r.ordersOfIssuer(), builder.WithPredicates(issuerChanged)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(metrics.Counted("orders", r))
	if err != nil {
		return fmt.Errorf("set up order controller: %w", err)
	}
	return nil
}

// Reconcile looks at one Order and does the next thing about it.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	seen, err := r.observe(ctx, req.NamespacedName)
	if seen == nil || err != nil {
		return ctrl.Result{}, err
	}
	now := r.clock()
	d := lifecycle.NextOrder(seen.OrderSeen, now)
	for answers := 0; ; answers++ {
		if answers == maxAnswers {
			return ctrl.Result{RequeueAfter: promptly}, nil
		}
		answered, err := r.act(ctx, seen, d.Action)
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: promptly}, nil
		}
		if err != nil {
			return ctrl.Result{}, err
		}
		if !answered {
			break
		}
		now = r.clock()
		d = lifecycle.NextOrder(seen.OrderSeen, now)
	}
	return r.finish(ctx, seen.Order, d, now)
}

// finish stores the status if it changed, tells about it, and says when to
// look again.
func (r *Reconciler) finish(ctx context.Context, order *acmev1.Order, d lifecycle.OrderDecision, now time.Time) (ctrl.Result, error) {
	result := kube.WakeAt(d.Wake, now)
	if equality.Semantic.DeepEqual(order.Status, d.Status) {
		return result, nil
	}
	changed := order.DeepCopy()
	changed.Status = d.Status
	if err := kube.UpdateStatus(ctx, r.client, changed); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return ctrl.Result{RequeueAfter: promptly}, nil
		}
		return ctrl.Result{}, err
	}
	kube.Record(r.recorder, order, d.Events)
	return result, nil
}
