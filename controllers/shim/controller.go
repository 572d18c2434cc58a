package shim

import (
	"context"
	"fmt"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/metrics"
)

// Config is what the controllers need from their surroundings.
type Config struct {
	Workers int

	// NoIngresses, NoGateways and NoListenerSets leave these objects alone.
	NoIngresses, NoGateways, NoListenerSets bool
	// LookEvery is how often the cluster is asked whether it has the Gateway
	// API by now; 15 s if zero.
	LookEvery time.Duration

	DefaultIssuer DefaultIssuer
	// AutoCertificateAnnotations are keys by which an Ingress asks for a
	// certificate from the default issuer when their value is true.
	AutoCertificateAnnotations []string
	// ExtraCertificateAnnotations are keys that Certificates take over from
	// the object they are made for.
	ExtraCertificateAnnotations []string
	// GatewayExtraProtocols are protocols of listeners that take certificates,
	// besides HTTPS and TLS.
	GatewayExtraProtocols []string
}

type reconciler struct {
	Defaults
	kind kind

	client   client.Client
	recorder events.EventRecorder
	told     told
}

// Setup adds a controller for each kind to the manager. Those of the Gateway
// API begin when the cluster has it.
func Setup(mgr ctrl.Manager, cfg Config) error {
	if !cfg.NoIngresses {
		if err := index(mgr, ingresses); err != nil {
			return err
		}
		if err := add(mgr, cfg, ingresses); err != nil {
			return err
		}
	}
	var later []kind
	if !cfg.NoGateways {
		later = append(later, gateways)
	}
	if !cfg.NoListenerSets {
		later = append(later, listenerSets)
	}
	return addLater(mgr, cfg, later)
}

// index makes the objects of a kind be found by the Secrets they serve.
func index(mgr ctrl.Manager, k kind) error {
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), k.object(), kube.BySecret, k.secrets); err != nil {
		return fmt.Errorf("index %s by secret: %w", k.resource, err)
	}
	return nil
}

func add(mgr ctrl.Manager, cfg Config, k kind) error {
	r := &reconciler{
		Defaults: Defaults{
			Issuer: cfg.DefaultIssuer, AutoAnnotations: cfg.AutoCertificateAnnotations,
			ExtraAnnotations: cfg.ExtraCertificateAnnotations, ExtraProtocols: cfg.GatewayExtraProtocols,
		},
		kind:     k,
		client:   mgr.GetClient(),
		recorder: mgr.GetEventRecorder("cert-manager-" + k.controller),
	}
	// Neither an object's status nor the progress of a Certificate is an input
	// of the shim.
	input := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{}))
	options := controller.Options{MaxConcurrentReconciles: cfg.Workers}
	if k.Group != ingresses.Group {
		// The Gateway API may be removed again, or not be ours to read: that
		// must not end the operator, as a cache that does not fill up does.
		options.CacheSyncTimeout = math.MaxInt64
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named(k.controller).
		For(k.object(), input).
		Watches(&cmv1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.objectsOf), input).
		WithOptions(options).
		Complete(metrics.Counted(k.controller, r))
	if err != nil {
		return fmt.Errorf("add controller %s: %w", k.controller, err)
	}
	return nil
}

// Reconcile makes the Certificates of one object what the object asks for.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	object := r.kind.object()
	if err := r.client.Get(ctx, req.NamespacedName, object, client.UnsafeDisableDeepCopy); err != nil {
		r.told.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !object.GetDeletionTimestamp().IsZero() {
		return ctrl.Result{}, nil // its Certificates go with it
	}
	wish := r.kind.wish(object, r.Defaults)
	present, owned, err := r.observe(ctx, object, wish)
	if err != nil {
		return ctrl.Result{}, err
	}
	steps, problems, err := plan(object, wish, present, owned)
	if err != nil {
		return ctrl.Result{}, err
	}
	list, refused, err := r.act(ctx, object, steps)
	wish.Problems = append(append(wish.Problems, problems...), refused...)
	kube.Record(r.recorder, object, append(list, r.told.badConfig(req.NamespacedName, object.GetUID(), wish.Problems)...))
	if err != nil {
		return kube.Retry(err)
	}
	return ctrl.Result{}, nil
}

// objectsOf are the objects to look at when a Certificate changes: those that
// serve its Secret, of which it may be the owner's or, once the owner's is
// gone, another's turn; and an owner that names it no more.
func (r *reconciler) objectsOf(ctx context.Context, crt client.Object) []reconcile.Request {
	var requests []reconcile.Request
	list := r.kind.list()
	err := r.client.List(ctx, list, client.InNamespace(crt.GetNamespace()), client.MatchingFields{kube.BySecret: crt.GetName()},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
	if err == nil {
		err = meta.EachListItem(list, func(o runtime.Object) error {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o.(client.Object))})
			return nil
		})
	}
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "find "+r.kind.resource+" of certificate", "namespace", crt.GetNamespace(), "certificate", crt.GetName())
	}
	if key, ok := r.kind.ownerOf(crt); ok {
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}
	return requests
}
