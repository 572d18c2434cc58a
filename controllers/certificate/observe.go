package certificate

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// observe reads, from caches, what one decision about a Certificate needs.
func (r *reconciler) observe(ctx context.Context, crt *cmv1.Certificate) (lifecycle.CertificateSeen, error) {
	seen := lifecycle.CertificateSeen{Certificate: crt, Backoff: r.Backoff}
	seen.Wanted, seen.WantedErr = lifecycle.ParseSpec(&crt.Spec)
	seen.OwnSecrets = r.OwnSecrets
	var err error
	if seen.Secret, err = r.secret(ctx, crt); err != nil {
		return seen, err
	}
	if err := r.shareSecret(ctx, &seen); err != nil {
		return seen, err
	}
	if err := r.nextKeys(ctx, &seen); err != nil {
		return seen, err
	}
	if err := r.requests(ctx, &seen); err != nil {
		return seen, err
	}
	if err := r.seeCA(ctx, &seen); err != nil {
		return seen, err
	}
	if seen.Secret.Leaf() != nil && seen.Secret.PublicKey != nil && crt.Spec.Keystores != nil {
		if seen.Keystores, err = r.keystores(ctx, crt, lifecycle.StoredContent(&seen).Data, seen.Secret.Data); err != nil {
			return seen, err
		}
	}
	if err := r.seeARI(ctx, &seen); err != nil {
		return seen, err
	}
	if err := r.seeCompromised(ctx, &seen); err != nil {
		return seen, err
	}
	return seen, r.seeRevoked(ctx, &seen)
}

// secret reads the Certificate's Secret. That the Secret of an issued
// certificate is gone is asked of the API server before it is believed: it
// costs a new certificate.
func (r *reconciler) secret(ctx context.Context, crt *cmv1.Certificate) (*lifecycle.StoredSecret, error) {
	key := types.NamespacedName{Namespace: crt.Namespace, Name: crt.Spec.SecretName}
	secret, err := r.Secrets.Get(ctx, key)
	if apierrors.IsNotFound(err) && crt.Status.Revision != nil && !lifecycle.IsIssuing(&crt.Status) {
		secret, err = r.Secrets.GetLive(ctx, key)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return lifecycle.ReadSecretObject(secret, string(kube.SecretOwner)), nil
}

// shareSecret finds the other Certificates that name this one's Secret.
func (r *reconciler) shareSecret(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	list, err := r.sharing(ctx, seen.Certificate.Namespace, seen.Certificate.Spec.SecretName, kube.BySecret)
	if err != nil || len(list) == 0 || (len(list) == 1 && list[0].Name == seen.Certificate.Name) {
		return err
	}
	sharing := make([]*cmv1.Certificate, len(list))
	for i := range list {
		sharing[i] = &list[i]
	}
	issuedFor := ""
	if seen.Secret != nil {
		issuedFor = seen.Secret.Annotations[cmv1.CertificateNameKey]
	}
	seen.SecretOwner, seen.Rivals = lifecycle.ShareSecret(seen.Certificate, sharing, issuedFor)
	return nil
}

// sharing finds Certificates by a Secret that they name, where the index says
// what for.
func (r *reconciler) sharing(ctx context.Context, namespace, secret, index string) ([]cmv1.Certificate, error) {
	list := &cmv1.CertificateList{}
	err := r.client.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{index: secret},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list certificates by secret: %w", err)
	}
	return list.Items, nil
}

// nextKeys finds the key of the issuance under way, and keys that a crash left
// behind.
func (r *reconciler) nextKeys(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	crt := seen.Certificate
	name := lifecycle.NextKeyNameOf(crt)
	secret := &corev1.Secret{}
	// By its name, whatever the status says: a process that died may have
	// made the key and not have come to say so.
	err := r.client.Get(ctx, types.NamespacedName{Namespace: crt.Namespace, Name: name}, secret, client.UnsafeDisableDeepCopy)
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("get next private key: %w", err)
	case metav1.IsControlledBy(secret, crt):
		seen.NextKey = lifecycle.ReadNextKey(name, secret.UID, secret.Data)
	}
	list := &corev1.SecretList{}
	if err := r.client.List(ctx, list, client.InNamespace(crt.Namespace), client.MatchingFields{kube.ByController: string(crt.UID)},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list next private keys: %w", err)
	}
	for i := range list.Items {
		s := &list.Items[i]
		if s.Name != name && s.DeletionTimestamp.IsZero() && s.Labels[cmv1.IsNextPrivateKeySecretLabelKey] == "true" {
			seen.LeftKeys = append(seen.LeftKeys, s.Name)
		}
	}
	return nil
}

// requests sorts the Certificate's requests by what they are for.
func (r *reconciler) requests(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	crt := seen.Certificate
	list := &cmv1.CertificateRequestList{}
	if err := r.client.List(ctx, list, client.InNamespace(crt.Namespace), client.MatchingFields{kube.ByController: string(crt.UID)},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list certificate requests: %w", err)
	}
	owned := make([]*cmv1.CertificateRequest, 0, len(list.Items))
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() {
			owned = append(owned, &list.Items[i])
		}
	}
	chosen := lifecycle.SortRequests(crt, owned)
	if chosen.Current != nil {
		seen.Current = lifecycle.ReadRequest(chosen.Current)
	}
	if chosen.Next == nil {
		// The list may be older than our own last write; a look by name
		// waits for it.
		var err error
		if chosen.Next, err = r.ownRequest(ctx, crt); err != nil {
			return err
		}
	}
	if chosen.Next != nil {
		seen.Next = lifecycle.ReadRequest(chosen.Next)
	}
	seen.Superfluous = chosen.Superfluous
	return r.seeRevoking(ctx, seen, owned)
}

func (r *reconciler) ownRequest(ctx context.Context, crt *cmv1.Certificate) (*cmv1.CertificateRequest, error) {
	req := &cmv1.CertificateRequest{}
	key := types.NamespacedName{Namespace: crt.Namespace, Name: lifecycle.RequestName(crt.Name, lifecycle.NextRevision(crt))}
	if err := r.client.Get(ctx, key, req, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get certificate request: %w", err)
	}
	if !metav1.IsControlledBy(req, crt) || !req.DeletionTimestamp.IsZero() {
		return nil, nil
	}
	return req, nil
}
