package revocation

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// answer carries out an action whose outcome is seen in the same pass. It says
// false for all others.
func (r *reconciler) answer(ctx context.Context, s *sight, action lifecycle.RevocationAction, now time.Time) (answered bool, err error) {
	switch a := action.(type) {
	case lifecycle.RevokeCertificate:
		return true, r.revoke(ctx, s, now)
	case lifecycle.BurnKey:
		return true, r.burn(ctx, s, a)
	case lifecycle.RevocationNothing, lifecycle.KeepKey, lifecycle.DropKey, lifecycle.AskForReplacement, lifecycle.PruneRevocation:
	}
	return false, nil
}

// revoke asks the CA.
func (r *reconciler) revoke(ctx context.Context, s *sight, now time.Time) error {
	rev := s.Revocation
	revoker, err := r.Revokers.RevokerFor(s.issuer)
	if err != nil {
		return err
	}
	ctrl.LoggerFrom(ctx).Info("revoke certificate", "serial", rev.Status.SerialNumber, "reason", rev.Spec.Reason, "issuer", rev.Status.IssuerRef.Name)
	outcome, err := revoker.Revoke(ctx, issuers.RevokeInput{
		Issuer: s.issuer, Certificate: s.Leaf, Reason: rev.Spec.Reason, Authorization: rev.Spec.Authorization, Key: s.key, Now: now,
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the operator ends: no fault of the CA
	case apierrors.IsConflict(err):
		return err // of a list in a Secret, which somebody else has written
	case err != nil:
		s.Trouble = acme.Summary(err)
	default:
		s.Outcome = outcome
	}
	return nil
}

// burn creates a CompromisedKey. What the API server refuses does not hold the
// revocation up.
func (r *reconciler) burn(ctx context.Context, s *sight, a lifecycle.BurnKey) error {
	rev := s.Revocation
	key := &v1alpha1.CompromisedKey{
		ObjectMeta: metav1.ObjectMeta{Namespace: rev.Namespace, Name: rev.Status.PublicKeyHash},
		Spec: v1alpha1.CompromisedKeySpec{
			Message:    fmt.Sprintf("The key of the certificate with the serial number %s was reported as compromised", rev.Status.SerialNumber),
			Revocation: rev.Namespace + "/" + rev.Name,
		},
	}
	if a.Everywhere {
		key.Namespace = r.ClusterResourceNamespace
	}
	// The cache of them holds metadata, and would not be waited for.
	err := r.client.Create(ctx, key, kube.FieldOwner, client.DisableReadYourWritesConsistency)
	text, refused := kube.Refusal(err)
	switch {
	case err == nil:
		ctrl.LoggerFrom(ctx).Info("remember compromised key", "namespace", key.Namespace, "key", key.Name)
	case apierrors.IsAlreadyExists(err):
	case refused:
		s.BurnRefused = text
		return nil
	case apierrors.IsNotFound(err):
		s.BurnRefused = fmt.Sprintf("namespace %q does not exist", key.Namespace)
		return nil
	default:
		return fmt.Errorf("create compromised key: %w", err)
	}
	if a.Everywhere {
		s.BurnedEverywhere = true
	}
	if key.Namespace == rev.Namespace {
		s.Burned = true
		s.BurnedEverywhere = s.BurnedEverywhere || rev.Namespace == r.ClusterResourceNamespace
	}
	return nil
}

// act carries out one action: at most one write.
func (r *reconciler) act(ctx context.Context, s *sight, action lifecycle.RevocationAction, now time.Time) error {
	log := ctrl.LoggerFrom(ctx)
	switch action.(type) {
	case lifecycle.RevocationNothing:
		return nil
	case lifecycle.KeepKey:
		log.Info("keep key of certificate", "secret", lifecycle.KeptKeyName(s.Revocation))
		return r.keepKey(ctx, s)
	case lifecycle.DropKey:
		log.V(1).Info("drop key of certificate", "secret", lifecycle.KeptKeyName(s.Revocation))
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Revocation.Namespace, Name: lifecycle.KeptKeyName(s.Revocation)}}
		if err := r.client.Delete(ctx, secret); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete kept key: %w", err)
		}
		return nil
	case lifecycle.AskForReplacement:
		log.Info("ask for replacement", "certificate", s.Certificate.Name)
		return r.askForReplacement(ctx, s, now)
	case lifecycle.PruneRevocation:
		log.V(1).Info("prune revocation")
		uid := s.Revocation.UID
		if err := r.client.Delete(ctx, s.Revocation, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("prune revocation: %w", err)
		}
		return nil
	case lifecycle.BurnKey, lifecycle.RevokeCertificate:
	}
	return fmt.Errorf("act on %T: it should have been answered", action)
}

// refusal says what the API server refuses, and why; empty if it does not, or
// if the Revocation does not depend on it.
func refusal(action lifecycle.RevocationAction, err error) string {
	text, refused := kube.Refusal(err)
	if !refused {
		return ""
	}
	switch action.(type) {
	case lifecycle.KeepKey:
		return "keep the key of the certificate over the reissue: " + text
	case lifecycle.AskForReplacement:
		return "ask for the replacement: " + text
	case lifecycle.RevocationNothing, lifecycle.BurnKey, lifecycle.DropKey, lifecycle.RevokeCertificate, lifecycle.PruneRevocation:
	}
	return ""
}

// keepKey copies the key of the certificate into a Secret of the Revocation,
// with which it goes at the latest.
func (r *reconciler) keepKey(ctx context.Context, s *sight) error {
	rev := s.Revocation
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: rev.Namespace,
			Name:      lifecycle.KeptKeyName(rev),
			Labels:    map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"},
		},
		Data: map[string][]byte{corev1.TLSPrivateKeyKey: s.keyPEM},
	}
	if err := controllerutil.SetControllerReference(rev, secret, r.client.Scheme()); err != nil {
		return fmt.Errorf("own kept key: %w", err)
	}
	if err := r.client.Create(ctx, secret, kube.FieldOwner); err != nil {
		return fmt.Errorf("keep key of certificate: %w", err)
	}
	return nil
}

// askForReplacement sets the condition of the Certificate. The Secret is read
// from the API server before: its cache may be behind that of Certificates, and
// what has been replaced would be replaced again.
func (r *reconciler) askForReplacement(ctx context.Context, s *sight, now time.Time) error {
	secret, err := r.Secrets.GetLive(ctx, s.storage)
	switch {
	case apierrors.IsNotFound(err) && s.Stored != nil:
		return stale(s)
	case apierrors.IsNotFound(err):
	case err != nil:
		return err
	default:
		certs, err := pki.DecodeCertificates(secret.Data[corev1.TLSCertKey])
		if (err == nil) != (s.Stored != nil) || (err == nil && !certs[0].Equal(s.Stored)) {
			return stale(s)
		}
	}
	if !lifecycle.AskReplacement(s.Certificate, fmt.Sprintf("Revocation %q", s.Revocation.Name), now) {
		return nil
	}
	return kube.UpdateStatus(ctx, r.client, s.Certificate)
}

// stale has the decision taken again, on newer facts.
func stale(s *sight) error {
	return apierrors.NewConflict(corev1.Resource("secrets"), s.storage.Name, fmt.Errorf("the cache is behind"))
}
