package certificate

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// seeCA reads the CA of a Certificate's issuer, if it has one. It is believed
// when the issuer has said the same: then all its Certificates are being looked
// at, and their order is kept.
func (r *reconciler) seeCA(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	crt := seen.Certificate
	if crt.Spec.IssuerRef.GroupOrDefault() != cmv1.GroupName {
		return nil
	}
	issuer, err := r.issuerOf(ctx, crt)
	if err != nil {
		return err
	}
	if issuer != nil && issuer.GetSpec().CA == nil {
		return nil
	}
	seen.CA.Unknown = true
	if issuer == nil {
		return nil
	}
	secret, err := r.Secrets.Get(ctx, r.secretOfCA(issuer))
	if err != nil {
		// Nothing else about the Certificate depends on it, and it is looked
		// at again when the issuer has a CA.
		ctrl.LoggerFrom(ctx).V(1).Info("the CA of the issuer can not be told", "reason", err.Error())
		return nil
	}
	parsed := r.rotations.ca(secret)
	if parsed.ca == nil || parsed.announcement != lifecycle.AnnouncedCA(issuer) {
		return nil
	}
	seen.SeeCA(parsed.ca, issuer)
	seen.CA.MayReissue = seen.CA.Former && r.rotations.mayReissue(idOf(crt.Spec.IssuerRef, crt.Namespace), client.ObjectKeyFromObject(crt))
	return nil
}

// issuerOf returns the issuer of a Certificate, which must not be changed; nil
// if there is none.
func (r *reconciler) issuerOf(ctx context.Context, crt *cmv1.Certificate) (cmv1.GenericIssuer, error) {
	ref := crt.Spec.IssuerRef
	key := types.NamespacedName{Namespace: crt.Namespace, Name: ref.Name}
	var issuer cmv1.GenericIssuer
	switch ref.KindOrDefault() {
	case cmv1.IssuerKind:
		issuer = &cmv1.Issuer{}
	case cmv1.ClusterIssuerKind:
		issuer, key.Namespace = &cmv1.ClusterIssuer{}, ""
	default:
		return nil, nil
	}
	if err := r.client.Get(ctx, key, issuer, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get issuer: %w", err)
	}
	return issuer, nil
}

// secretOfCA is where a CA issuer has its CA.
func (r *reconciler) secretOfCA(issuer cmv1.GenericIssuer) types.NamespacedName {
	key := types.NamespacedName{Namespace: issuer.GetNamespace(), Name: issuer.GetSpec().CA.SecretName}
	if key.Namespace == "" {
		key.Namespace = r.ClusterResourceNamespace
	}
	return key
}

// reportRotation notes how a decision that was carried out leaves the
// Certificate.
func (r *reconciler) reportRotation(seen *lifecycle.CertificateSeen, d *lifecycle.CertificateDecision) {
	if seen.CA.Unknown {
		return
	}
	crt := seen.Certificate
	key := client.ObjectKeyFromObject(crt)
	state, former := seen.Rotating(d)
	if !former {
		r.rotations.forget(key)
		return
	}
	r.rotations.report(idOf(crt.Spec.IssuerRef, crt.Namespace), seen.CA.CA.Announcement(),
		lifecycle.RotatingCertificate{NamespacedName: key, NotAfter: seen.Secret.Leaf().NotAfter, State: state})
}

// turn is that of a Certificate of a former CA, see lifecycle.NextRotation.
type turn = event.TypedGenericEvent[types.NamespacedName]

var enqueueTurn = handler.TypedFuncs[types.NamespacedName, reconcile.Request]{
	GenericFunc: func(_ context.Context, e turn, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		q.Add(reconcile.Request{NamespacedName: e.Object})
	},
}

// giveTurns ends a pass over a Certificate, and wakes those whose turn it is.
func (r *reconciler) giveTurns(ctx context.Context, key types.NamespacedName) {
	for _, next := range r.rotations.looked(key) {
		ctrl.LoggerFrom(ctx).V(1).Info("issue anew a certificate of a former CA", "next", next)
		select {
		case r.turns <- turn{Object: next}:
		case <-ctx.Done():
			return
		}
	}
}

// followCAs looks at all Certificates of a CA issuer when what it says of its
// CA changes, and at those of an issuer that was one.
func (r *reconciler) followCAs() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if issuer, ok := e.Object.(cmv1.GenericIssuer); ok && lifecycle.AnnouncedCA(issuer) != "" {
				r.announce(ctx, issuer, q)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, ok1 := e.ObjectOld.(cmv1.GenericIssuer)
			after, ok2 := e.ObjectNew.(cmv1.GenericIssuer)
			if ok1 && ok2 && (lifecycle.AnnouncedCA(before) != lifecycle.AnnouncedCA(after) || reissues(before) != reissues(after)) {
				r.announce(ctx, after, q)
			}
		},
	}
}

func reissues(issuer cmv1.GenericIssuer) bool {
	spec := issuer.GetSpec()
	return spec.CA != nil && spec.CA.ReissueOnRotation
}

// announce has all Certificates of an issuer looked at.
func (r *reconciler) announce(ctx context.Context, issuer cmv1.GenericIssuer, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	ref := cmmeta.IssuerReference{Kind: cmv1.IssuerKind, Name: issuer.GetName()}
	if issuer.GetNamespace() == "" {
		ref.Kind = cmv1.ClusterIssuerKind
	}
	var list cmv1.CertificateList
	if err := r.client.List(ctx, &list, client.InNamespace(issuer.GetNamespace()), client.MatchingFields{kube.ByIssuer: kube.IssuerKey(ref)},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list certificates of issuer", "namespace", issuer.GetNamespace(), "issuer", issuer.GetName())
		return
	}
	keys := make([]types.NamespacedName, len(list.Items))
	for i := range list.Items {
		keys[i] = client.ObjectKeyFromObject(&list.Items[i])
	}
	r.rotations.announce(idOf(ref, issuer.GetNamespace()), lifecycle.AnnouncedCA(issuer), reissues(issuer), keys)
	for _, key := range keys {
		q.Add(reconcile.Request{NamespacedName: key})
	}
}
