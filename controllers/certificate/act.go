package certificate

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// act carries out one action: at most one write.
func (r *reconciler) act(ctx context.Context, seen *lifecycle.CertificateSeen, action lifecycle.CertificateAction, now time.Time) error {
	log := ctrl.LoggerFrom(ctx)
	switch a := action.(type) {
	case lifecycle.NoCertificateAction:
		return nil
	case lifecycle.CreateNextKey:
		log.Info("create private key", "secret", a.Name, "reuse", a.Reuse)
		return r.createNextKey(ctx, seen, a)
	case lifecycle.DeleteNextKey:
		log.V(1).Info("delete next private key", "secret", a.Name)
		return r.delete(ctx, &corev1.Secret{}, seen.Certificate.Namespace, a.Name, a.UID)
	case lifecycle.CreateRequest:
		log.Info("create request", "request", a.Name)
		return r.createRequest(ctx, seen, a, now)
	case lifecycle.DeleteRequest:
		log.Info("delete request", "request", a.Name)
		return r.delete(ctx, &cmv1.CertificateRequest{}, seen.Certificate.Namespace, a.Name, a.UID)
	case lifecycle.StoreCertificate:
		log.Info("store certificate", "secret", seen.Certificate.Spec.SecretName, "request", seen.Next.Object.Name)
		return r.storeCertificate(ctx, seen)
	case lifecycle.StoreTemporary:
		log.Info("store temporary certificate", "secret", seen.Certificate.Spec.SecretName)
		return r.storeTemporary(ctx, seen, now)
	case lifecycle.SyncSecret:
		log.Info("bring secret up to date", "secret", seen.Certificate.Spec.SecretName)
		return r.apply(ctx, seen, lifecycle.StoredContent(seen))
	case lifecycle.CreateRevocation:
		log.Info("create revocation", "revocation", a.Name, "reason", a.Reason)
		return r.createRevocation(ctx, seen.Certificate, a)
	case lifecycle.MarkRevoked:
		log.V(1).Info("mark request as revoked", "request", a.Request)
		return r.markRevoked(ctx, seen.Certificate.Namespace, a)
	case lifecycle.SetFinalizer:
		log.V(1).Info("set finalizer", "present", a.Present)
		return r.setFinalizer(ctx, seen.Certificate, a.Present)
	case lifecycle.AskRenewalInfo:
		log.V(1).Info("ask when to renew", "certificate", a.CertificateID)
		return r.askRenewalInfo(ctx, seen.Certificate, a)
	}
	return fmt.Errorf("act on %T: unknown action", action)
}

func (r *reconciler) createNextKey(ctx context.Context, seen *lifecycle.CertificateSeen, a lifecycle.CreateNextKey) error {
	var keyPEM []byte
	if a.Reuse {
		keyPEM = seen.Secret.Data[lifecycle.TLSKey]
	} else {
		key, err := pki.GenerateKey(r.Random, a.Key)
		if err != nil {
			return fmt.Errorf("generate private key: %w", err)
		}
		if keyPEM, err = pki.EncodeKey(key, pki.PKCS8); err != nil {
			return fmt.Errorf("encode private key: %w", err)
		}
	}
	return r.create(ctx, lifecycle.BuildNextKey(seen.Certificate, a.Name, keyPEM))
}

func (r *reconciler) createRequest(ctx context.Context, seen *lifecycle.CertificateSeen, a lifecycle.CreateRequest, now time.Time) error {
	keyPEM, err := r.nextKey(ctx, seen)
	if err != nil {
		return err
	}
	key, err := pki.DecodeKey(keyPEM)
	if err != nil {
		return fmt.Errorf("decode next private key: %w", err)
	}
	csr, err := pki.CreateRequest(r.Random, seen.Wanted.Request, key)
	if err != nil {
		return impossible{err}
	}
	req := lifecycle.BuildRequest(seen.Certificate, a, seen.NextKey.Name, csr, r.CopiedAnnotations)
	seen.MarkRenewal(req, now)
	return r.create(ctx, req)
}

func (r *reconciler) storeCertificate(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	keyPEM, err := r.encodedKey(ctx, seen)
	if err != nil {
		return err
	}
	issued := seen.Next.Object.Status
	return r.apply(ctx, seen, lifecycle.NewContent(seen, seen.Next.Chain[0], keyPEM, issued.Certificate, issued.CA))
}

func (r *reconciler) storeTemporary(ctx context.Context, seen *lifecycle.CertificateSeen, now time.Time) error {
	keyPEM, err := r.encodedKey(ctx, seen)
	if err != nil {
		return err
	}
	key, err := pki.DecodeKey(keyPEM)
	if err != nil {
		return fmt.Errorf("decode next private key: %w", err)
	}
	chainPEM, err := pki.TemporaryCertificate(r.Random, seen.Next.CSR, key, now)
	if err != nil {
		return impossible{err}
	}
	chain, err := pki.DecodeCertificates(chainPEM)
	if err != nil {
		return fmt.Errorf("read temporary certificate: %w", err)
	}
	return r.apply(ctx, seen, lifecycle.NewContent(seen, chain[0], keyPEM, chainPEM, nil))
}

// encodedKey is the next key in the encoding that the spec asks for.
func (r *reconciler) encodedKey(ctx context.Context, seen *lifecycle.CertificateSeen) ([]byte, error) {
	keyPEM, err := r.nextKey(ctx, seen)
	if err != nil {
		return nil, err
	}
	key, err := pki.DecodeKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("decode next private key: %w", err)
	}
	if keyPEM, err = pki.EncodeKey(key, seen.Wanted.Encoding); err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return keyPEM, nil
}

// nextKey reads the next private key, which decisions never see.
func (r *reconciler) nextKey(ctx context.Context, seen *lifecycle.CertificateSeen) ([]byte, error) {
	secret := &corev1.Secret{}
	key := types.NamespacedName{Namespace: seen.Certificate.Namespace, Name: seen.NextKey.Name}
	if err := r.client.Get(ctx, key, secret, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("get next private key: %w", err)
	}
	return secret.Data[lifecycle.TLSKey], nil
}

// apply writes our part of the Certificate's Secret.
func (r *reconciler) apply(ctx context.Context, seen *lifecycle.CertificateSeen, content lifecycle.SecretContent) error {
	crt := seen.Certificate
	secretType := corev1.SecretTypeTLS
	var present map[string][]byte
	if seen.Secret != nil {
		present = seen.Secret.Data
		if seen.Secret.Type != "" {
			secretType = seen.Secret.Type // it can not be changed
		}
	}
	stores, err := r.keystores(ctx, crt, content.Data, present)
	if err != nil {
		return err
	}
	maps.Copy(content.Data, stores.Data)
	secret := applycorev1.Secret(crt.Spec.SecretName, crt.Namespace).
		WithLabels(content.Labels).
		WithAnnotations(content.Annotations).
		WithData(content.Data).
		WithType(secretType)
	if o := content.Owner; o != nil {
		secret.WithOwnerReferences(applymetav1.OwnerReference().
			WithAPIVersion(o.APIVersion).WithKind(o.Kind).WithName(o.Name).WithUID(o.UID).
			WithController(true).WithBlockOwnerDeletion(true))
	}
	return kube.ApplySecret(ctx, r.client, secret)
}

// create makes a child. One that is there already was made by an earlier pass
// whose end was not seen; the next pass finds it.
func (r *reconciler) create(ctx context.Context, child client.Object) error {
	if err := r.client.Create(ctx, child, kube.FieldOwner); err != nil {
		return fmt.Errorf("create %s: %w", child.GetName(), err)
	}
	return nil
}

// delete removes a child; with a uid only the very one. That another has taken
// its place by now is a conflict, and the next pass sees it.
func (r *reconciler) delete(ctx context.Context, child client.Object, namespace, name string, uid types.UID) error {
	child.SetNamespace(namespace)
	child.SetName(name)
	var options []client.DeleteOption
	if uid != "" {
		options = append(options, client.Preconditions{UID: &uid})
	}
	if err := r.client.Delete(ctx, child, options...); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}
