package cainjection

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// observe reads the CA of a source. A problem says what the source lacks.
func (r *reconciler) observe(ctx context.Context, from source) (ca []byte, name, problem string, err error) {
	switch from.origin {
	case fromCertificate:
		return r.ofCertificate(ctx, from.key)
	case fromSecret:
		return r.ofSecret(ctx, from.key)
	default:
		ca, err = r.ofAPIServer()
		return ca, "the CA in the operator's kubeconfig", "", err
	}
}

func (r *reconciler) ofCertificate(ctx context.Context, key types.NamespacedName) (ca []byte, name, problem string, err error) {
	crt := &cmv1.Certificate{}
	err = r.client.Get(ctx, key, crt, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return nil, "", fmt.Sprintf("%s names Certificate %s, which does not exist: create it, or correct the name", cmv1.WantInjectAnnotation, key), nil
	}
	if err != nil {
		return nil, "", "", fmt.Errorf("get certificate %s: %w", key, err)
	}
	secret, err := r.secrets.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: crt.Spec.SecretName})
	if apierrors.IsNotFound(err) {
		return nil, "", fmt.Sprintf("Certificate %s has no Secret yet: look at its condition Ready", key), nil
	}
	if err != nil {
		return nil, "", "", err
	}
	name = fmt.Sprintf("ca.crt in Secret %s/%s of Certificate %s", secret.Namespace, secret.Name, key.Name)
	if owner := secret.Annotations[cmv1.CertificateNameKey]; owner != key.Name {
		return nil, name, fmt.Sprintf("Secret %s/%s has %s: %q, so it is not that of Certificate %s: give the Certificate another secretName",
			secret.Namespace, secret.Name, cmv1.CertificateNameKey, owner, key.Name), nil
	}
	if len(secret.Data[cmmeta.TLSCAKey]) == 0 {
		return nil, name, fmt.Sprintf("there is no %s: the issuer does not tell its CA, as ACME CAs do not; put the CA into a Secret, and name that with %s",
			name, cmv1.WantInjectFromSecretAnnotation), nil
	}
	return secret.Data[cmmeta.TLSCAKey], name, "", nil
}

func (r *reconciler) ofSecret(ctx context.Context, key types.NamespacedName) (ca []byte, name, problem string, err error) {
	secret, err := r.secrets.Get(ctx, key)
	if apierrors.IsNotFound(err) {
		return nil, "", fmt.Sprintf("%s names Secret %s, which does not exist: create it, or correct the name", cmv1.WantInjectFromSecretAnnotation, key), nil
	}
	if err != nil {
		return nil, "", "", err
	}
	name = "ca.crt in Secret " + key.String()
	switch {
	case !mayInject(secret):
		return nil, name, fmt.Sprintf(`Secret %s must have the annotation %s: "true", by which its owner allows it`, key, cmv1.AllowsInjectionFromSecretAnnotation), nil
	case len(secret.Data[cmmeta.TLSCAKey]) == 0:
		return nil, name, fmt.Sprintf("Secret %s must have the CA under the key %s", key, cmmeta.TLSCAKey), nil
	}
	return secret.Data[cmmeta.TLSCAKey], name, "", nil
}

func mayInject(secret *corev1.Secret) bool {
	return secret.Annotations[cmv1.AllowsInjectionFromSecretAnnotation] == "true"
}

// ofAPIServer is the CA by which the operator knows the API server. Its file is
// read each time, as the cluster replaces it there.
func (r *reconciler) ofAPIServer() ([]byte, error) {
	if r.apiServer.CAFile == "" {
		return r.apiServer.CAData, nil
	}
	ca, err := os.ReadFile(r.apiServer.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read CA of the API server: %w", err)
	}
	return ca, nil
}

// read reads a target from the API server.
func (r *reconciler) read(ctx context.Context, name string) (*target, error) {
	answer := r.rest.Get().AbsPath(r.kind.path(name)...).SetHeader("Accept", "application/json").Do(ctx)
	if err := answer.Error(); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, err
		}
		return nil, fmt.Errorf("read %s %s: %w", r.kind.Kind, name, err)
	}
	raw, err := answer.Raw()
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", r.kind.Kind, name, err)
	}
	live := &target{}
	if err := json.Unmarshal(raw, live); err != nil {
		return nil, fmt.Errorf("decode %s %s: %w", r.kind.Kind, name, err)
	}
	return live, nil
}
