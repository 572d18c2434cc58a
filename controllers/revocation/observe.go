package revocation

import (
	"context"
	"crypto"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// sight is what is seen of a Revocation, with what acting on it needs.
type sight struct {
	lifecycle.RevocationSeen

	issuer  cmv1.GenericIssuer // nil if there is none
	key     crypto.Signer      // the certificate's own; nil if it is not there
	keyPEM  []byte
	storage types.NamespacedName // the Secret that the target is in; empty if it is in none
}

// observe reads, from caches, what one decision needs.
func (r *reconciler) observe(ctx context.Context, rev *v1alpha1.Revocation) (*sight, error) {
	s := &sight{RevocationSeen: lifecycle.RevocationSeen{Revocation: rev, Retention: r.Retention}}
	if len(rev.Status.CertificatePEM) == 0 {
		if lifecycle.RevocationOver(rev) {
			return s, nil
		}
		var err error
		s.Target, err = r.findTarget(ctx, rev)
		return s, err
	}
	certs, err := pki.DecodeCertificates(rev.Status.CertificatePEM)
	if s.LeafErr = err; err != nil {
		return s, nil //nolint:nilerr // it is seen, and ends the Revocation
	}
	s.Leaf = certs[0]
	for _, observe := range []func(context.Context, *sight) error{r.seeCompromised, r.seeKeptKey} {
		if err := observe(ctx, s); err != nil {
			return nil, err
		}
	}
	if lifecycle.RevocationOver(rev) {
		return s, nil
	}
	for _, observe := range []func(context.Context, *sight) error{r.seeCertificate, r.seeStored, r.seeIssuer} {
		if err := observe(ctx, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (r *reconciler) seeCompromised(ctx context.Context, s *sight) error {
	rev := s.Revocation
	if rev.Spec.Reason != v1alpha1.KeyCompromise {
		return nil
	}
	for namespace, burned := range map[string]*bool{rev.Namespace: &s.Burned, r.ClusterResourceNamespace: &s.BurnedEverywhere} {
		key := types.NamespacedName{Namespace: namespace, Name: rev.Status.PublicKeyHash}
		err := r.client.Get(ctx, key, kube.CompromisedKeyMetadata(), client.UnsafeDisableDeepCopy)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("get compromised key: %w", err)
		}
		*burned = err == nil
	}
	if rev.Namespace == r.ClusterResourceNamespace {
		s.Burned = s.BurnedEverywhere // which of the two was written last is chance
	}
	return nil
}

// seeKeptKey looks for the Secret in which the key is kept over a reissue.
func (r *reconciler) seeKeptKey(ctx context.Context, s *sight) error {
	rev := s.Revocation
	if rev.Spec.Authorization != v1alpha1.AuthorizationCertificateKey {
		return nil
	}
	secret, err := r.Secrets.Get(ctx, types.NamespacedName{Namespace: rev.Namespace, Name: lifecycle.KeptKeyName(rev)})
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	if !metav1.IsControlledBy(secret, rev) {
		s.Kept = lifecycle.KeptKeyForeign
		return nil
	}
	s.Kept = lifecycle.KeptKeyThere
	s.readKey(secret)
	return nil
}

// readKey takes the key of a Secret if it is the certificate's.
func (s *sight) readKey(secret *corev1.Secret) (found bool) {
	text := secret.Data[corev1.TLSPrivateKeyKey]
	key, err := pki.DecodeKey(text)
	if err != nil || !pki.SameKey(key.Public(), s.Leaf.PublicKey) {
		return false
	}
	s.key, s.keyPEM = key, text
	return true
}

// seeCertificate finds the Certificate that the target is of.
func (r *reconciler) seeCertificate(ctx context.Context, s *sight) error {
	rev := s.Revocation
	if rev.Status.CertificateName == "" {
		s.storage = types.NamespacedName{Namespace: rev.Namespace, Name: rev.Spec.Target.SecretName}
		return nil
	}
	crt := &cmv1.Certificate{}
	err := r.client.Get(ctx, types.NamespacedName{Namespace: rev.Namespace, Name: rev.Status.CertificateName}, crt)
	switch {
	case apierrors.IsNotFound(err):
		s.storage = types.NamespacedName{Namespace: rev.Namespace, Name: rev.Spec.Target.SecretName}
		return nil
	case err != nil:
		return fmt.Errorf("get certificate: %w", err)
	}
	s.Certificate = crt
	s.storage = types.NamespacedName{Namespace: rev.Namespace, Name: crt.Spec.SecretName}
	return nil
}

// seeStored reads what is in the Secret now.
func (r *reconciler) seeStored(ctx context.Context, s *sight) error {
	if s.storage.Name == "" {
		return nil
	}
	secret, err := r.Secrets.Get(ctx, s.storage)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	s.HasKey = s.readKey(secret)
	if certs, err := pki.DecodeCertificates(secret.Data[corev1.TLSCertKey]); err == nil {
		s.Stored = certs[0]
	}
	return nil
}

func (r *reconciler) seeIssuer(ctx context.Context, s *sight) error {
	ref := s.Revocation.Status.IssuerRef
	if ref == nil {
		return nil
	}
	if ref.GroupOrDefault() != cmv1.GroupName {
		s.Issuer.Foreign = true
		return nil
	}
	issuer, err := r.findIssuer(ctx, s.Revocation.Namespace, *ref)
	if issuer == nil || err != nil {
		return err
	}
	s.issuer = issuer
	s.Issuer.Exists = true
	s.Issuer.ACME = issuers.TypeOf(issuer) == issuers.TypeACME
	if _, err := r.Revokers.RevokerFor(issuer); err != nil {
		s.Issuer.Cannot = err.Error()
	}
	return nil
}

// findIssuer returns an issuer, which must not be changed; nil if there is
// none.
func (r *reconciler) findIssuer(ctx context.Context, namespace string, ref cmmeta.IssuerReference) (cmv1.GenericIssuer, error) {
	var issuer cmv1.GenericIssuer
	key := types.NamespacedName{Name: ref.Name}
	switch ref.KindOrDefault() {
	case cmv1.IssuerKind:
		issuer, key.Namespace = &cmv1.Issuer{}, namespace
	case cmv1.ClusterIssuerKind:
		issuer = &cmv1.ClusterIssuer{}
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
