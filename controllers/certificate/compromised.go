package certificate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

const (
	// byKeyHash finds Secrets by the public key of the certificate in them, in
	// the form of the names of CompromisedKeys.
	byKeyHash = "certificate-key-hash"
	// byFingerprint finds Revocations by the certificate that they are about.
	byFingerprint = "fingerprint"
)

// addIndexes registers what is looked up only where the kinds of certwright.dev
// are served.
func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	if err := indexer.IndexField(ctx, &corev1.Secret{}, byKeyHash, keyHashes); err != nil {
		return fmt.Errorf("index secrets by key hash: %w", err)
	}
	if err := indexer.IndexField(ctx, &v1alpha1.Revocation{}, byFingerprint, func(o client.Object) []string {
		if print := o.(*v1alpha1.Revocation).Status.Fingerprint; print != "" {
			return []string{print}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("index revocations by fingerprint: %w", err)
	}
	return nil
}

// keyHashes reads the certificate and not the private key: to parse that takes
// ten times as long.
func keyHashes(o client.Object) []string {
	text := o.(*corev1.Secret).Data[lifecycle.TLSCert]
	if len(text) == 0 {
		return nil
	}
	chain, err := pki.DecodeCertificates(text)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(chain[0].RawSubjectPublicKeyInfo)
	return []string{hex.EncodeToString(sum[:])}
}

// fingerprintOf names a certificate as in the status of Revocations.
func fingerprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// seeCompromised finds out which of the keys that matter others know.
func (r *reconciler) seeCompromised(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	if r.Compromised == nil {
		return nil
	}
	for _, key := range seen.Keys() {
		by, err := r.Compromised.Find(ctx, seen.Certificate.Namespace, key)
		if err != nil {
			return err
		}
		if by != "" {
			seen.Compromised = append(seen.Compromised, lifecycle.CompromisedKeySeen{Key: key, By: by})
		}
	}
	return nil
}

// seeRevocations finds the Revocations that are about the certificate in the
// Secret. One that asks for its end, and for no other one, has to be seen before
// its CompromisedKey is, or another certificate would be issued: so the list
// waits for what was written last.
func (r *reconciler) seeRevocations(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	leaf := seen.Secret.Leaf()
	if !r.Extensions || leaf == nil {
		return nil
	}
	list, err := r.revocationsOf(ctx, seen.Certificate.Namespace, leaf.Raw)
	if err != nil {
		return err
	}
	seen.Revoked = lifecycle.SeeRevocations(list)
	return nil
}

// revocationsOf are those of a namespace that are about a certificate, in DER.
func (r *reconciler) revocationsOf(ctx context.Context, namespace string, der []byte) ([]v1alpha1.Revocation, error) {
	list := &v1alpha1.RevocationList{}
	if err := r.client.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{byFingerprint: fingerprintOf(der)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list revocations by fingerprint: %w", err)
	}
	return list.Items, nil
}

// havingKey are the Certificates to look at when it becomes known that others
// know a key: of the CompromisedKey's namespace, or of all.
func (r *reconciler) havingKey(ctx context.Context, o client.Object) []reconcile.Request {
	namespace := o.GetNamespace()
	if namespace == r.ClusterResourceNamespace {
		namespace = metav1.NamespaceAll
	}
	return r.withKeyHash(ctx, namespace, o.GetName())
}

// ofRevocation are the Certificates whose certificate a Revocation is about.
func (r *reconciler) ofRevocation(ctx context.Context, o client.Object) []reconcile.Request {
	rev, ok := o.(*v1alpha1.Revocation)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	if hash := rev.Status.PublicKeyHash; hash != "" {
		requests = r.withKeyHash(ctx, rev.Namespace, hash)
	}
	if name := rev.Annotations[cmv1.CertificateNameKey]; name != "" {
		requests = append(requests, requestFor(rev.Namespace, name))
	}
	return requests
}

func (r *reconciler) withKeyHash(ctx context.Context, namespace, hash string) []reconcile.Request {
	list := &corev1.SecretList{}
	if err := r.client.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{byKeyHash: hash},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "list secrets by key hash", "namespace", namespace, "hash", hash)
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		requests = append(requests, r.usersOfSecret(ctx, &list.Items[i])...)
	}
	return requests
}

func requestFor(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})}
}
