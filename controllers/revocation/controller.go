package revocation

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
)

// Config is what the controller needs from outside.
type Config struct {
	Revokers Revokers
	Secrets  *kube.Secrets
	// ClusterResourceNamespace is where CompromisedKeys hold for all namespaces.
	ClusterResourceNamespace string
	// Retention is how long Revocations are kept that are over; zero is forever.
	Retention time.Duration
	// Clock tells the time.
	Clock func() time.Time
	// Workers is the number of Revocations looked at at the same time; 5 if zero.
	Workers int
}

// Revokers knows who can revoke for an issuer.
type Revokers interface {
	RevokerFor(issuer cmv1.GenericIssuer) (issuers.Revoker, error)
}

const (
	// Let's Encrypt takes ten revocations a second from one address.
	defaultWorkers = 5

	// Back-off while the API server is in trouble (contract 2.0).
	leastBackoff = 5 * time.Second
	mostBackoff  = 5 * time.Minute

	// maxAnswers bounds what is asked for in one pass: to remember the key in
	// two places, and the CA once. More would be a mistake in the decisions.
	maxAnswers = 8
)

// reconciler looks after Revocations.
type reconciler struct {
	Config

	client   client.Client
	recorder events.EventRecorder
}

// Setup adds the controller to the manager.
func Setup(mgr ctrl.Manager, cfg Config) error {
	if cfg.Workers == 0 {
		cfg.Workers = defaultWorkers
	}
	r := &reconciler{Config: cfg, client: mgr.GetClient(), recorder: mgr.GetEventRecorder("certwright-revocations")}
	if err := addIndexes(mgr.GetFieldIndexer()); err != nil {
		return err
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("revocations").
		For(&v1alpha1.Revocation{}).
		Watches(&cmv1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.revocationsOf), builder.WithPredicates(certificateTells)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: cfg.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](leastBackoff, mostBackoff),
		}).
		Complete(metrics.Counted("revocations", r))
	if err != nil {
		return fmt.Errorf("set up revocation controller: %w", err)
	}
	return nil
}

// Reconcile looks at one Revocation and does the next thing about it.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	rev := &v1alpha1.Revocation{}
	if err := r.client.Get(ctx, req.NamespacedName, rev); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	seen, err := r.observe(ctx, rev)
	if err != nil {
		return ctrl.Result{}, err
	}
	now := r.Clock()
	d := lifecycle.NextRevocation(seen.RevocationSeen, now)
	for range maxAnswers {
		answered, err := r.answer(ctx, seen, d.Action, now)
		if err != nil {
			return kube.Retry(err)
		}
		if !answered {
			break
		}
		d = lifecycle.NextRevocation(seen.RevocationSeen, now)
	}
	if err := r.act(ctx, seen, d.Action, now); err != nil {
		if seen.Trouble = refusal(d.Action, err); seen.Trouble == "" {
			return kube.Retry(err)
		}
		d = lifecycle.NextRevocation(seen.RevocationSeen, now)
	}
	if !equality.Semantic.DeepEqual(rev.Status, d.Status) {
		rev.Status = d.Status
		if err := kube.UpdateStatus(ctx, r.client, rev); err != nil {
			return kube.Retry(err)
		}
		kube.Record(r.recorder, rev, d.Events)
	}
	return kube.WakeAt(d.Wake, now), nil
}
