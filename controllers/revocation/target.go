package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// findTarget looks for the certificate that the spec names.
func (r *reconciler) findTarget(ctx context.Context, rev *v1alpha1.Revocation) (lifecycle.RevocationTarget, error) {
	switch t := rev.Spec.Target; {
	case t.CertificateName != "":
		return r.ofCertificate(ctx, rev.Namespace, t.CertificateName)
	case t.SecretName != "":
		return r.ofSecret(ctx, rev.Namespace, t.SecretName)
	case t.CertificateRequestName != "":
		return r.ofRequest(ctx, rev.Namespace, t.CertificateRequestName)
	case t.IssuerRef != nil:
		return targetOf([]byte(t.PEM), *t.IssuerRef, "spec.target.pem"), nil
	}
	return invalid("spec.target names nothing"), nil
}

func missing(format string, args ...any) lifecycle.RevocationTarget {
	return lifecycle.RevocationTarget{Missing: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) lifecycle.RevocationTarget {
	return lifecycle.RevocationTarget{Invalid: fmt.Sprintf(format, args...)}
}

// targetOf is the first certificate of a chain.
func targetOf(chain []byte, issuer cmmeta.IssuerReference, where string) lifecycle.RevocationTarget {
	certs, err := pki.DecodeCertificates(chain)
	if err != nil {
		return invalid("%s holds no certificate: %v", where, err)
	}
	leaf := certs[0]
	hash, err := pki.KeyHash(leaf.PublicKey)
	if err != nil {
		return invalid("%s holds a certificate whose key is of a kind that is not known: %v", where, err)
	}
	sum := sha256.Sum256(leaf.Raw)
	return lifecycle.RevocationTarget{
		Leaf: leaf, PEM: pki.EncodeCertificates(leaf), PublicKeyHash: hash, Fingerprint: hex.EncodeToString(sum[:]), IssuerRef: issuer,
	}
}

func (r *reconciler) ofCertificate(ctx context.Context, namespace, name string) (lifecycle.RevocationTarget, error) {
	crt := &cmv1.Certificate{}
	err := r.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, crt, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return missing("Certificate %q does not exist", name), nil
	}
	if err != nil {
		return lifecycle.RevocationTarget{}, fmt.Errorf("get certificate: %w", err)
	}
	secret, err := r.Secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: crt.Spec.SecretName})
	if apierrors.IsNotFound(err) {
		return missing("Secret %q of Certificate %q does not exist", crt.Spec.SecretName, name), nil
	}
	if err != nil {
		return lifecycle.RevocationTarget{}, err
	}
	if other := secret.Annotations[cmv1.CertificateNameKey]; other != "" && other != name {
		return invalid("Secret %q holds a certificate of Certificate %q, not of %q; name that one", secret.Name, other, name), nil
	}
	ref, known := issuerOf(secret)
	if !known {
		ref = crt.Spec.IssuerRef
	}
	target, err := r.inSecret(ctx, secret, ref)
	target.CertificateName = name
	return target, err
}

func (r *reconciler) ofSecret(ctx context.Context, namespace, name string) (lifecycle.RevocationTarget, error) {
	secret, err := r.Secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name})
	if apierrors.IsNotFound(err) {
		return missing("Secret %q does not exist", name), nil
	}
	if err != nil {
		return lifecycle.RevocationTarget{}, err
	}
	ref, known := issuerOf(secret)
	if !known {
		return invalid("Secret %q does not say who has issued its certificate; create another Revocation that names it by pem and issuerRef", name), nil
	}
	target, err := r.inSecret(ctx, secret, ref)
	if err != nil || target.Leaf == nil {
		return target, err
	}
	of := secret.Annotations[cmv1.CertificateNameKey]
	crt := &cmv1.Certificate{}
	switch err := r.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: of}, crt, client.UnsafeDisableDeepCopy); {
	case of == "" || apierrors.IsNotFound(err):
	case err != nil:
		return lifecycle.RevocationTarget{}, fmt.Errorf("get certificate: %w", err)
	case crt.Spec.SecretName == name:
		target.CertificateName = of
	}
	return target, nil
}

// issuerOf is who has issued what a Secret holds, as its annotations say.
func issuerOf(secret *corev1.Secret) (ref cmmeta.IssuerReference, known bool) {
	a := secret.Annotations
	ref = cmmeta.IssuerReference{Name: a[cmv1.IssuerNameAnnotationKey], Kind: a[cmv1.IssuerKindAnnotationKey], Group: a[cmv1.IssuerGroupAnnotationKey]}
	return ref, ref.Name != ""
}

// inSecret is the certificate in a Secret, if it belongs to this namespace.
func (r *reconciler) inSecret(ctx context.Context, secret *corev1.Secret, ref cmmeta.IssuerReference) (lifecycle.RevocationTarget, error) {
	chain := secret.Data[corev1.TLSCertKey]
	if len(chain) == 0 {
		return missing("Secret %q holds no certificate", secret.Name), nil
	}
	target := targetOf(chain, ref, fmt.Sprintf("Secret %q", secret.Name))
	if target.Leaf == nil || secret.Namespace == r.ClusterResourceNamespace || ref.KindOrDefault() != cmv1.ClusterIssuerKind {
		return target, nil
	}
	if key, err := pki.DecodeKey(secret.Data[corev1.TLSPrivateKeyKey]); err == nil && pki.SameKey(key.Public(), target.Leaf.PublicKey) {
		return target, nil
	}
	requested, err := r.wasRequested(ctx, secret.Namespace, target.Leaf)
	if err != nil || requested {
		return target, err
	}
	return invalid("Secret %q does not hold the key of its certificate, and no CertificateRequest of this namespace was answered with it: it may belong to somebody else; somebody who may create Revocations in the namespace %q can name it by pem and issuerRef",
		secret.Name, r.ClusterResourceNamespace), nil
}

// wasRequested says whether a certificate was issued for a CertificateRequest
// of a namespace. It goes through all of them, in the cache: it is asked once of
// a Secret that somebody has tampered with.
func (r *reconciler) wasRequested(ctx context.Context, namespace string, leaf *x509.Certificate) (bool, error) {
	list := &cmv1.CertificateRequestList{}
	if err := r.client.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency); err != nil {
		return false, fmt.Errorf("list certificate requests: %w", err)
	}
	for i := range list.Items {
		if certs, err := pki.DecodeCertificates(list.Items[i].Status.Certificate); err == nil && bytes.Equal(certs[0].Raw, leaf.Raw) {
			return true, nil
		}
	}
	return false, nil
}

func (r *reconciler) ofRequest(ctx context.Context, namespace, name string) (lifecycle.RevocationTarget, error) {
	req := &cmv1.CertificateRequest{}
	err := r.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, req, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
		return missing("CertificateRequest %q does not exist", name), nil
	case err != nil:
		return lifecycle.RevocationTarget{}, fmt.Errorf("get certificate request: %w", err)
	case len(req.Status.Certificate) == 0:
		return missing("CertificateRequest %q has no certificate", name), nil
	}
	target := targetOf(req.Status.Certificate, req.Spec.IssuerRef, fmt.Sprintf("CertificateRequest %q", name))
	if owner := metav1.GetControllerOfNoCopy(req); owner != nil && owner.Kind == cmv1.CertificateKind {
		target.CertificateName = owner.Name
	}
	return target, nil
}
