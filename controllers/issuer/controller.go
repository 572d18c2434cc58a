package issuer

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
)

// Config is what the controllers need from outside.
type Config struct {
	Signers issuers.Registry
	Secrets *kube.Secrets
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string
	// Lost gives the issuers of a kind whose ACME account the CA does not know
	// any more; nil if nobody notices.
	Lost func(kind string) <-chan event.GenericEvent
	// Clock tells the time.
	Clock func() time.Time
	// Workers is the number of issuers of each kind looked at at the same time;
	// 5 if zero (contract 2.0).
	Workers int
}

const (
	defaultWorkers = 5

	// Back-off while the API server is in trouble (contract 2.0).
	leastBackoff = 5 * time.Second
	mostBackoff  = 5 * time.Minute
)

// reconciler looks after the issuers of one kind.
type reconciler struct {
	Config

	kind     kind
	client   client.Client
	recorder events.EventRecorder
	memory   *memory
}

// Setup adds a controller of Issuers and one of ClusterIssuers to the manager.
func Setup(mgr ctrl.Manager, cfg Config) error {
	if cfg.Workers == 0 {
		cfg.Workers = defaultWorkers
	}
	for _, k := range []kind{issuerKind(), clusterIssuerKind(cfg.ClusterResourceNamespace)} {
		if err := setup(mgr, cfg, k); err != nil {
			return fmt.Errorf("set up controller of %s: %w", k.name, err)
		}
	}
	return nil
}

func setup(mgr ctrl.Manager, cfg Config, k kind) error {
	r := &reconciler{
		Config:   cfg,
		kind:     k,
		client:   mgr.GetClient(),
		recorder: mgr.GetEventRecorder("cert-manager-" + k.name),
		memory:   newMemory(),
	}
	b := ctrl.NewControllerManagedBy(mgr)
	if cfg.Lost != nil {
		b = b.WatchesRawSource(source.Channel(cfg.Lost(k.kind), &handler.EnqueueRequestForObject{}))
	}
	return b.
		Named(k.name).
		For(k.blank()).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.issuersOfSecret), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WatchesRawSource(source.Kind(cfg.Secrets.Foreign(), client.Object(kube.SecretMetadata()), handler.EnqueueRequestsFromMapFunc(r.issuersOfSecret))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: cfg.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](leastBackoff, mostBackoff),
		}).
		Complete(metrics.Counted(k.name, r))
}

// Reconcile looks at one issuer and says whether it is ready.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	issuer := r.kind.blank()
	if err := r.client.Get(ctx, req.NamespacedName, issuer); err != nil {
		if apierrors.IsNotFound(err) {
			r.memory.forget(req.NamespacedName)
			metrics.ObserveAuthority(r.kind.kind, req.Namespace, req.Name, time.Time{})
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := r.Clock()
	remember := r.memory.of(req.NamespacedName, issuer)
	seen := lifecycle.IssuerSeen{Issuer: issuer, Trouble: remember.trouble}
	signer, err := r.Signers.For(issuer)
	if err != nil {
		seen.Unserved = err.Error()
	}
	d := lifecycle.NextIssuer(seen, now)
	if _, check := d.Action.(lifecycle.CheckIssuer); check {
		verdict, err := signer.Check(ctx, issuer, now)
		if err != nil {
			return kube.Retry(err)
		}
		now = r.Clock() // a CA may have taken its time
		seen.Verdict, seen.Trouble = &verdict, nil
		if verdict.Fault != nil {
			seen.Trouble = remember.trouble.Again(&verdict, now)
		}
		r.memory.keep(req.NamespacedName, remember, seen.Trouble)
		if seen.CA, err = r.signingCA(ctx, issuer); err != nil {
			return kube.Retry(err)
		}
		metrics.ObserveAuthority(r.kind.kind, req.Namespace, req.Name, seen.CA.NotAfter())
		d = lifecycle.NextIssuer(seen, now)
	}
	return r.finish(ctx, issuer, d, now)
}

// finish stores the status if it changed, tells about it, and says when to
// look again.
func (r *reconciler) finish(ctx context.Context, issuer cmv1.GenericIssuer, d lifecycle.IssuerDecision, now time.Time) (ctrl.Result, error) {
	if !equality.Semantic.DeepEqual(*issuer.GetStatus(), d.Status) {
		*issuer.GetStatus() = d.Status
		if err := kube.UpdateStatus(ctx, r.client, issuer); err != nil {
			return kube.Retry(err)
		}
		kube.Record(r.recorder, issuer, d.Events)
	}
	return kube.WakeAt(d.Wake, now), nil
}
