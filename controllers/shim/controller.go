package shim

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
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
)

// Config is what the controller needs from its surroundings.
type Config struct {
	Workers int

	DefaultIssuer DefaultIssuer
	// AutoCertificateAnnotations are keys that ask for a certificate from the
	// default issuer when their value is true.
	AutoCertificateAnnotations []string
	// ExtraCertificateAnnotations are keys that Certificates take over from
	// the object they are made for.
	ExtraCertificateAnnotations []string
}

type reconciler struct {
	Defaults

	client   client.Client
	recorder events.EventRecorder
	told     told
}

// Setup adds the controller to the manager.
func Setup(mgr ctrl.Manager, cfg Config) error {
	r := &reconciler{
		Defaults: Defaults{Issuer: cfg.DefaultIssuer, AutoAnnotations: cfg.AutoCertificateAnnotations, ExtraAnnotations: cfg.ExtraCertificateAnnotations},
		client:   mgr.GetClient(),
		recorder: mgr.GetEventRecorder("cert-manager-ingress-shim"),
	}
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &networkingv1.Ingress{}, kube.BySecret, secretsOfIngress); err != nil {
		return fmt.Errorf("index ingresses by secret: %w", err)
	}
	// Neither an Ingress' address nor the progress of a Certificate is an
	// input of the shim.
	input := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{}))
	return ctrl.NewControllerManagedBy(mgr).
		Named("ingress-shim").
		For(&networkingv1.Ingress{}, input).
		Watches(&cmv1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.ingressesOf), input).
		WithOptions(controller.Options{MaxConcurrentReconciles: cfg.Workers}).
		Complete(r)
}

// Reconcile makes the Certificates of one Ingress what the Ingress asks for.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ing := &networkingv1.Ingress{}
	if err := r.client.Get(ctx, req.NamespacedName, ing, client.UnsafeDisableDeepCopy); err != nil {
		r.told.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !ing.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // its Certificates go with it
	}
	wish := wishIngress(ing, r.Defaults)
	present, owned, err := r.observe(ctx, ing, wish)
	if err != nil {
		return ctrl.Result{}, err
	}
	steps, problems, err := plan(ing, wish, present, owned)
	if err != nil {
		return ctrl.Result{}, err
	}
	list, refused, err := r.act(ctx, ing, steps)
	wish.Problems = append(append(wish.Problems, problems...), refused...)
	kube.Record(r.recorder, ing, append(list, r.told.badConfig(req.NamespacedName, ing.UID, wish.Problems)...))
	if err != nil {
		return kube.Retry(err)
	}
	return ctrl.Result{}, nil
}

// ingressesOf are the Ingresses to look at when a Certificate changes: those
// that name its Secret, of which it may be the owner's or, once the owner's is
// gone, another's turn; and an owner that names it no more.
func (r *reconciler) ingressesOf(ctx context.Context, crt client.Object) []reconcile.Request {
	var requests []reconcile.Request
	list := &networkingv1.IngressList{}
	err := r.client.List(ctx, list, client.InNamespace(crt.GetNamespace()), client.MatchingFields{kube.BySecret: crt.GetName()},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "find ingresses of certificate", "namespace", crt.GetNamespace(), "certificate", crt.GetName())
	}
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	if key, ok := ingressOwner(crt); ok {
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}
	return requests
}

func secretsOfIngress(o client.Object) []string {
	var names []string
	for _, tls := range o.(*networkingv1.Ingress).Spec.TLS {
		if tls.SecretName != "" {
			names = append(names, tls.SecretName)
		}
	}
	return distinct(names)
}
