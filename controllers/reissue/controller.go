package reissue

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
)

// Config is what the controller needs from outside.
type Config struct {
	Clock   func() time.Time
	Secrets *kube.Secrets
	// ClusterResourceNamespace is where a campaign may name namespaces.
	ClusterResourceNamespace string
	// Limits are those of ACME CAs on new orders.
	Limits lifecycle.OrderLimits
}

const (
	// workers is how many campaigns are looked at at the same time. There are
	// few.
	workers = 2

	// Back-off while the API server is in trouble (contract 2.0).
	leastBackoff = 5 * time.Second
	mostBackoff  = 5 * time.Minute
)

// reconciler looks after Reissues.
type reconciler struct {
	Config

	client    client.Client
	recorder  events.EventRecorder
	campaigns *campaigns
}

// Setup adds the controller to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, cfg Config) error {
	if err := addIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	r := &reconciler{
		Config: cfg, client: mgr.GetClient(), recorder: mgr.GetEventRecorder("certwright-reissues"), campaigns: newCampaigns(),
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("reissue").
		// Its own writes of the status are no news.
		For(&v1alpha1.Reissue{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&cmv1.Certificate{}, r.campaigns.handler(), builder.WithPredicates(tells)).
		Watches(&v1alpha1.Revocation{}, r.campaigns.handler(), builder.WithPredicates(ofCampaign)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](leastBackoff, mostBackoff),
		}).
		Complete(metrics.Counted("reissue", r))
	if err != nil {
		return fmt.Errorf("set up reissue controller: %w", err)
	}
	return nil
}

// Reconcile takes one campaign one step further.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	reissue := &v1alpha1.Reissue{}
	if err := r.client.Get(ctx, req.NamespacedName, reissue); err != nil {
		if apierrors.IsNotFound(err) {
			r.campaigns.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if lifecycle.ReissueOver(reissue) {
		r.campaigns.forget(req.NamespacedName)
		return ctrl.Result{}, nil // before anything is listed
	}
	now := r.Clock()
	known := r.campaigns.of(req.NamespacedName, reissue, now)
	seen, err := r.observe(ctx, reissue, known, now)
	if err != nil {
		return ctrl.Result{}, err
	}
	d := lifecycle.NextReissue(seen, now)
	r.campaigns.looked(req.NamespacedName, d.Status.Phase, r.Clock().Sub(now))
	refusal, err := r.act(ctx, d.Action)
	if err != nil {
		return kube.Retry(err)
	}
	if refusal != "" {
		seen.Refused, seen.RefusedUntil = r.campaigns.refused(req.NamespacedName, refusal, now)
		d = lifecycle.NextReissue(seen, now)
	}
	if !equality.Semantic.DeepEqual(reissue.Status, d.Status) {
		reissue.Status = d.Status
		if err := kube.UpdateStatus(ctx, r.client, reissue); err != nil {
			return kube.Retry(err)
		}
		r.campaigns.stored(req.NamespacedName, now)
		kube.Record(r.recorder, reissue, d.Events)
	}
	if lifecycle.ReissueOver(reissue) {
		r.campaigns.forget(req.NamespacedName)
	}
	return kube.WakeAt(d.Wake, now), nil
}
