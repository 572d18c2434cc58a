package certificate

import (
	"context"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
	"github.com/certwright/certwright/internal/revocationlist"
)

// Config is what the controller needs from its surroundings.
type Config struct {
	Clock   func() time.Time
	Random  io.Reader
	Secrets *kube.Secrets
	Workers int
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string

	// CopiedAnnotations says which annotations of a Certificate its requests
	// get, see lifecycle.CopiedAnnotations.
	CopiedAnnotations []string
	// OwnSecrets makes a Certificate the owner of its Secret, so that the
	// Secret is deleted with it.
	OwnSecrets bool
	// Backoff is the wait after failed issuances; zero is the default.
	Backoff lifecycle.Backoff
	// RenewalInfo asks ACME CAs when to renew. Nobody is asked if it is nil.
	RenewalInfo RenewalAdvisor

	// Extensions says whether the kinds of certwright.dev are served. Without
	// them nothing is revoked.
	Extensions bool
	// Compromised finds keys that no certificate may have; nil if none can be
	// known.
	Compromised *kube.CompromisedKeys
	// RevocationLists has the lists of revoked certificates read that CAs
	// publish; nil if none are to be read.
	RevocationLists *revocationlist.Config
}

type reconciler struct {
	Config

	client   client.Client
	recorder events.EventRecorder

	stores   *storeMemory
	refusals refusals

	rotations *rotations
	turns     chan<- turn
	inquiries *inquiries // nil if no CA is asked when to renew
	inUse     inUse
	lists     *revocationLists // nil if none are read
}

// Setup adds the controller to the manager.
func Setup(mgr ctrl.Manager, cfg Config) error {
	stores, err := newStoreMemory(cfg.Random)
	if err != nil {
		return err
	}
	turns := make(chan turn, lifecycle.MaxReissues)
	r := &reconciler{
		Config: cfg, client: mgr.GetClient(), recorder: mgr.GetEventRecorder("cert-manager-certificates"), stores: stores,
		rotations: newRotations(), turns: turns,
	}
	answers := make(chan turn, askers)
	if cfg.RenewalInfo != nil {
		r.inquiries = newInquiries(cfg.RenewalInfo, cfg.Clock, answers)
		if err := mgr.Add(r.inquiries); err != nil {
			return err
		}
	}
	news := make(chan turn, woken)
	if cfg.RevocationLists != nil {
		r.lists = newRevocationLists(*cfg.RevocationLists, news)
		if err := mgr.Add(r.lists); err != nil {
			return err
		}
	}
	b := ctrl.NewControllerManagedBy(mgr).
		Named("certificate").
		For(&cmv1.Certificate{}).
		Owns(&cmv1.CertificateRequest{}).
		Watches(&cmv1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.rivals)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.usersOfSecret)).
		WatchesRawSource(source.Kind(cfg.Secrets.Foreign(), kube.SecretMetadata(),
			handler.TypedEnqueueRequestsFromMapFunc(func(ctx context.Context, s *metav1.PartialObjectMetadata) []reconcile.Request {
				return r.usersOfSecret(ctx, s)
			}))).
		Watches(&cmv1.Issuer{}, r.followCAs()).
		Watches(&cmv1.ClusterIssuer{}, r.followCAs()).
		WatchesRawSource(source.Channel(turns, enqueueTurn)).
		WatchesRawSource(source.Channel(answers, enqueueTurn)).
		WatchesRawSource(source.Channel(news, enqueueTurn)).
		Watches(&cmv1.Issuer{}, r.followSources()).
		Watches(&cmv1.ClusterIssuer{}, r.followSources()).
		WithOptions(controller.Options{MaxConcurrentReconciles: cfg.Workers})
	if cfg.Extensions {
		if err := addIndexes(context.Background(), mgr.GetFieldIndexer()); err != nil {
			return err
		}
		b.Watches(&v1alpha1.Revocation{}, handler.EnqueueRequestsFromMapFunc(r.ofRevocation))
	}
	if cfg.Compromised != nil {
		b.WatchesMetadata(&v1alpha1.CompromisedKey{}, handler.EnqueueRequestsFromMapFunc(r.havingKey))
	}
	return b.Complete(metrics.Counted("certificate", r))
}

// Reconcile takes one Certificate one step further.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.giveTurns(ctx, req.NamespacedName)
	crt := &cmv1.Certificate{}
	if err := r.client.Get(ctx, req.NamespacedName, crt); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	seen, err := r.observe(ctx, crt)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !crt.DeletionTimestamp.IsZero() {
		return r.end(ctx, seen)
	}
	now := r.Clock()
	next := lifecycle.NextCertificate(seen, now)
	if err := r.act(ctx, seen.WithPresentChain(), next.Action, now); err != nil {
		var refused bool
		if seen.Refusal, refused = r.refusals.tell(req.NamespacedName, &seen, next.Action, err, now); !refused {
			return kube.Retry(err)
		}
		next = lifecycle.NextCertificate(seen, now)
	}
	if !equality.Semantic.DeepEqual(crt.Status, next.Status) {
		crt.Status = next.Status
		if err := kube.UpdateStatus(ctx, r.client, crt); err != nil {
			return kube.Retry(err)
		}
	}
	r.reportRotation(&seen, &next)
	r.inquiries.heard(req.NamespacedName, seen.ARI.Answer)
	kube.Record(r.recorder, crt, next.Events)
	return kube.WakeAt(next.Wake, now), nil
}

// forget drops what is kept of a Certificate that is gone.
func (r *reconciler) forget(key types.NamespacedName) {
	r.stores.forget(key)
	r.refusals.forget(key)
	r.rotations.forget(key)
	r.inquiries.forget(key)
	r.inUse.forget(key)
	if r.lists != nil {
		r.lists.Forget(key)
	}
}

// rivals are the other Certificates that name the same Secret: which of them
// has the right to it can change with each of them.
func (r *reconciler) rivals(ctx context.Context, o client.Object) []reconcile.Request {
	crt := o.(*cmv1.Certificate)
	all := r.certificatesOf(ctx, crt.Namespace, crt.Spec.SecretName, kube.BySecret)
	others := all[:0]
	for _, other := range all {
		if other.Name != crt.Name {
			others = append(others, other)
		}
	}
	return others
}

// usersOfSecret are the Certificates to look at when a Secret changes: those
// that name it, those whose keystores have their password in it, and the one
// whose next key it is.
func (r *reconciler) usersOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	requests := r.certificatesOf(ctx, secret.GetNamespace(), secret.GetName(), kube.BySecret)
	requests = append(requests, r.certificatesOf(ctx, secret.GetNamespace(), secret.GetName(), kube.ByPassword)...)
	owner := metav1.GetControllerOfNoCopy(secret)
	if owner != nil && owner.Kind == cmv1.CertificateKind && secret.GetLabels()[cmv1.IsNextPrivateKeySecretLabelKey] == "true" {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: secret.GetNamespace(), Name: owner.Name}})
	}
	return requests
}

func (r *reconciler) certificatesOf(ctx context.Context, namespace, secret, index string) []reconcile.Request {
	list, err := r.sharing(ctx, namespace, secret, index)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "find certificates of secret", "namespace", namespace, "secret", secret)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list))
	for i := range list {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list[i])})
	}
	return requests
}
