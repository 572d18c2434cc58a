package request

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Config is what the controller needs from outside.
type Config struct {
	Signers issuers.Registry
	Secrets *kube.Secrets
	// Compromised finds keys that no certificate may have; nil if none can be
	// known.
	Compromised *kube.CompromisedKeys
	// Namespace is the only one that the operator has rights in; empty if it has
	// them everywhere.
	Namespace string
	// DisableApproval leaves the approval of requests to others.
	DisableApproval bool
	// Clock tells the time.
	Clock func() time.Time
	// Workers is the number of requests looked at at the same time; 5 if zero
	// (contract 2.0).
	Workers int
}

const (
	defaultWorkers = 5

	// Back-off while the API server is in trouble (contract 2.0).
	leastBackoff = 5 * time.Second
	mostBackoff  = 5 * time.Minute
)

// reconciler looks after CertificateRequests.
type reconciler struct {
	Config

	client   client.Client
	recorder events.EventRecorder
	approver *approver
}

// Setup adds the controller to the manager.
func Setup(mgr ctrl.Manager, cfg Config) error {
	if cfg.Workers == 0 {
		cfg.Workers = defaultWorkers
	}
	r := &reconciler{
		Config:   cfg,
		client:   mgr.GetClient(),
		recorder: mgr.GetEventRecorder("cert-manager-certificaterequests"),
		approver: newApprover(mgr.GetClient(), mgr.GetRESTMapper(), cfg.Clock),
	}
	r.approver.namespace = cfg.Namespace
	if err := addIndexes(mgr.GetFieldIndexer()); err != nil {
		return err
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("certificaterequests").
		For(&cmv1.CertificateRequest{}, builder.WithPredicates(isUnfinished)).
		Owns(&acmev1.Order{}, builder.WithPredicates(orderTells)).
		Watches(&cmv1.Issuer{}, handler.EnqueueRequestsFromMapFunc(r.requestsOfIssuer), builder.WithPredicates(issuerTells)).
		Watches(&cmv1.ClusterIssuer{}, handler.EnqueueRequestsFromMapFunc(r.requestsOfIssuer), builder.WithPredicates(issuerTells)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.requestsOfKey), builder.WithPredicates(isThere)).
		WatchesRawSource(source.Kind(cfg.Secrets.Foreign(), client.Object(kube.SecretMetadata()), handler.EnqueueRequestsFromMapFunc(r.requestsOfKey), isThere)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: cfg.Workers,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](leastBackoff, mostBackoff),
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up certificate request controller: %w", err)
	}
	return nil
}

// Reconcile looks at one CertificateRequest and does the next thing about it.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	request := &cmv1.CertificateRequest{}
	if err := r.client.Get(ctx, req.NamespacedName, request); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if lifecycle.RequestOver(request) {
		return ctrl.Result{}, nil // before anything is parsed
	}
	seen, err := r.observe(ctx, request)
	if err != nil {
		return ctrl.Result{}, err
	}
	now := r.Clock()
	d := lifecycle.NextRequest(seen.RequestSeen, now)
	if _, sign := d.Action.(lifecycle.SignRequest); sign {
		if err := r.sign(ctx, seen, now); err != nil {
			return kube.Retry(err)
		}
		d = lifecycle.NextRequest(seen.RequestSeen, now)
	}
	if !equality.Semantic.DeepEqual(request.Status, d.Status) {
		request.Status = d.Status
		if err := kube.UpdateStatus(ctx, r.client, request); err != nil {
			return kube.Retry(err)
		}
		kube.Record(r.recorder, request, d.Events)
	}
	return kube.WakeAt(d.Wake, now), nil
}
