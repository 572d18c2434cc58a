package certificate

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// inUse remembers the certificates of Certificates that are to be revoked with
// their deletion: when a namespace is deleted, Secrets and requests may be gone
// before their Certificate is looked at.
type inUse struct {
	mu   sync.Mutex
	last map[types.NamespacedName][]lifecycle.RevocableCertificate
}

// of returns what is in use now, or was when there was something last.
func (u *inUse) of(key types.NamespacedName, present []lifecycle.RevocableCertificate) []lifecycle.RevocableCertificate {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(present) == 0 {
		return u.last[key]
	}
	if u.last == nil {
		u.last = map[types.NamespacedName][]lifecycle.RevocableCertificate{}
	}
	u.last[key] = present
	return present
}

func (u *inUse) forget(key types.NamespacedName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.last, key)
}

// seeRevoking gathers what spec.revocationPolicy has to know. Without one it
// looks at nothing.
func (r *reconciler) seeRevoking(ctx context.Context, seen *lifecycle.CertificateSeen, owned []*cmv1.CertificateRequest) error {
	crt := seen.Certificate
	seen.Revoking.Available = r.Extensions
	key := client.ObjectKeyFromObject(crt)
	if !r.Extensions || !lifecycle.RevokesPresent(crt) {
		r.inUse.forget(key)
		return nil
	}
	if lifecycle.RevokesPast(crt) {
		for _, past := range lifecycle.PastRequests(crt, owned) {
			seen.Revoking.Past = append(seen.Revoking.Past, lifecycle.RevocableCertificate{
				Certificate: past.Chain[0], IssuerRef: past.Object.Spec.IssuerRef, Request: past.Object.Name,
			})
		}
	}
	present := r.inUse.of(key, seen.PresentCertificates())
	if !crt.DeletionTimestamp.IsZero() {
		seen.Revoking.Present = append(seen.Revoking.Present, present...)
	}
	for _, list := range [][]lifecycle.RevocableCertificate{seen.Revoking.Past, seen.Revoking.Present} {
		for i := range list {
			if err := r.findRevocation(ctx, crt, &list[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// findRevocation finds the Revocation that is about a certificate: that of the
// policy, which has the name for it, or one that somebody has created.
func (r *reconciler) findRevocation(ctx context.Context, crt *cmv1.Certificate, c *lifecycle.RevocableCertificate) error {
	name := lifecycle.RevocationName(crt.Name, c.Certificate)
	where := []string{crt.Namespace}
	if !crt.DeletionTimestamp.IsZero() {
		where = append(where, r.ClusterResourceNamespace)
	}
	for _, namespace := range where {
		err := r.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &v1alpha1.Revocation{}, client.UnsafeDisableDeepCopy)
		if err == nil {
			c.Revocation = name
			return nil
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("get revocation: %w", err)
		}
	}
	list, err := r.revocationsOf(ctx, crt.Namespace, c.Certificate.Raw)
	if err != nil {
		return err
	}
	for i := range list {
		if !lifecycle.RevocationGivenUp(&list[i]) {
			c.Revocation = list[i].Name
		}
	}
	return nil
}

// createRevocation has a certificate revoked. A Revocation of that name is about
// that certificate.
func (r *reconciler) createRevocation(ctx context.Context, crt *cmv1.Certificate, a lifecycle.CreateRevocation) error {
	namespace := crt.Namespace
	if a.ClusterNamespace {
		namespace = r.ClusterResourceNamespace
	}
	if err := r.create(ctx, lifecycle.BuildRevocation(crt, a, namespace)); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// markRevoked notes on a request which Revocation is about its certificate.
func (r *reconciler) markRevoked(ctx context.Context, namespace string, a lifecycle.MarkRevoked) error {
	req := &cmv1.CertificateRequest{}
	if err := r.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: a.Request}, req); err != nil {
		return fmt.Errorf("get certificate request: %w", err)
	}
	before := req.DeepCopy()
	if req.Annotations == nil {
		req.Annotations = map[string]string{}
	}
	req.Annotations[lifecycle.RevokedByAnnotation] = a.Revocation
	if err := r.client.Patch(ctx, req, client.MergeFrom(before), kube.FieldOwner); err != nil {
		return fmt.Errorf("mark certificate request: %w", err)
	}
	return nil
}

// setFinalizer adds the finalizer of spec.revocationPolicy, or removes it. The
// finalizers of others must not get lost, so that the version has to fit.
func (r *reconciler) setFinalizer(ctx context.Context, crt *cmv1.Certificate, present bool) error {
	changed := crt.DeepCopy()
	if present {
		controllerutil.AddFinalizer(changed, lifecycle.RevocationFinalizer)
	} else {
		controllerutil.RemoveFinalizer(changed, lifecycle.RevocationFinalizer)
	}
	patch := client.MergeFromWithOptions(crt, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, changed, patch, kube.FieldOwner); err != nil {
		return fmt.Errorf("patch finalizers: %w", err)
	}
	crt.ObjectMeta = changed.ObjectMeta
	return nil
}

// end is a pass over a Certificate that is being deleted.
func (r *reconciler) end(ctx context.Context, seen lifecycle.CertificateSeen) (ctrl.Result, error) {
	r.rotations.forget(client.ObjectKeyFromObject(seen.Certificate)) // others may have its turn
	now := r.Clock()
	next := lifecycle.NextCertificate(seen, now)
	err := r.act(ctx, &seen, next.Action, now)
	if create, ok := next.Action.(lifecycle.CreateRevocation); ok && err != nil {
		if seen.Refusal, ok = kube.Refusal(err); !ok {
			seen.Refusal = "the API server could not be asked"
		}
		seen.Revoking.Terminating = apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
		if seen.Revoking.Terminating {
			seen.Refusal = ""
		}
		ctrl.LoggerFrom(ctx).Info("a revocation could not be created", "revocation", create.Name, "terminating", seen.Revoking.Terminating, "error", err.Error())
		next = lifecycle.NextCertificate(seen, now)
		err = r.act(ctx, &seen, next.Action, now)
	}
	if err != nil {
		return kube.Retry(err)
	}
	for _, e := range next.Events {
		// In a namespace that is being deleted there are no new events.
		ctrl.LoggerFrom(ctx).Info(e.Message, "reason", e.Reason)
	}
	kube.Record(r.recorder, seen.Certificate, next.Events)
	return kube.WakeAt(next.Wake, now), nil
}
