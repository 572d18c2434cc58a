package request

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/source"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
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
	// Workers is the number of requests of one issuer looked at at the same
	// time; 5 if zero (contract 2.0). Those of all issuers are at most twice as
	// many.
	Workers int
}

const (
	controllerName = "certificaterequests"

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
		recorder: newSparing(mgr.GetEventRecorder("cert-manager-certificaterequests"), cfg.Clock),
		approver: newApprover(mgr.GetClient(), mgr.GetRESTMapper(), cfg.Clock),
	}
	r.approver.namespace = cfg.Namespace
	if err := addIndexes(mgr.GetFieldIndexer()); err != nil {
		return err
	}
	err := builder.TypedControllerManagedBy[turn](mgr).
		Named(controllerName).
		Watches(&cmv1.CertificateRequest{}, enqueue(turnOfRequest), builder.WithPredicates(isUnfinished)).
		Watches(&acmev1.Order{}, enqueue(turnOfOrder), builder.WithPredicates(orderTells)).
		Watches(&cmv1.Issuer{}, enqueueAll(r.requestsOfIssuer), builder.WithPredicates(issuerTells)).
		Watches(&cmv1.ClusterIssuer{}, enqueueAll(r.requestsOfIssuer), builder.WithPredicates(issuerTells)).
		Watches(&corev1.Secret{}, enqueueAll(r.requestsOfKey), builder.WithPredicates(isThere)).
		WatchesRawSource(source.TypedKind(cfg.Secrets.Foreign(), client.Object(kube.SecretMetadata()), enqueueAll(r.requestsOfKey), isThere)).
		WithOptions(cfg.options(mgr, controllerName, cmv1.CertificateRequestKind)).
		Complete(metrics.Counted(controllerName, r))
	if err != nil {
		return fmt.Errorf("set up certificate request controller: %w", err)
	}
	return nil
}

// options are those of a controller of requests of the kind.
func (c Config) options(mgr ctrl.Manager, name, kind string) controller.TypedOptions[turn] {
	workers := 2 * c.Workers
	log := mgr.GetLogger()
	return controller.TypedOptions[turn]{
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[turn](leastBackoff, mostBackoff),
		NewQueue:                newTurnQueue(workers).withRetries,
		LogConstructor: func(t *turn) logr.Logger {
			log := log.WithValues("controller", name)
			if t == nil {
				return log
			}
			return log.WithValues(kind, klog.KRef(t.Namespace, t.Name), "namespace", t.Namespace, "name", t.Name)
		},
	}
}

// Reconcile looks at one CertificateRequest and does the next thing about it.
func (r *reconciler) Reconcile(ctx context.Context, t turn) (ctrl.Result, error) {
	request := &cmv1.CertificateRequest{}
	if err := r.client.Get(ctx, t.NamespacedName, request); err != nil {
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
		if err := r.sign(ctx, seen, cmv1.GroupVersion.WithKind(cmv1.CertificateRequestKind), now); err != nil {
			return kube.Retry(err)
		}
		d = lifecycle.NextRequest(seen.RequestSeen, now)
	}
	if !equality.Semantic.DeepEqual(request.Status, d.Status) {
		request.Status = d.Status
		if err := kube.UpdateStatus(ctx, r.client, request); err != nil {
			tellRefusal(r.recorder, request, err)
			return kube.Retry(err)
		}
		kube.Record(r.recorder, request, d.Events)
	}
	return kube.WakeAt(d.Wake, now), nil
}
