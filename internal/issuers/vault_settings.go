package issuers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers/vault"
)

// vaultSetupError is what a person has to mend before Vault can be asked at all.
type vaultSetupError struct {
	reason string // of an event of a request
	text   string
	// watched: mending it is noticed, because it is in the issuer or in a Secret
	// of it.
	watched bool
}

// Error says what to mend.
func (t *vaultSetupError) Error() string { return t.text }

// vaultSettings are what an issuer says about Vault, with its Secrets read.
type vaultSettings struct {
	version string // of all of it
	config  vault.Config
	// token is the one that a person has made; empty if login gets one.
	token string
	login vaultLogin
}

// settings reads an issuer and its Secrets. The error is a *vaultSetupError, or of
// the API server.
func (v *vaultIssuers) settings(ctx context.Context, issuer cmv1.GenericIssuer) (*vaultSettings, error) {
	spec := issuer.GetSpec().Vault
	if err := checkVault(spec); err != nil {
		return nil, &vaultSetupError{reason: cmv1.IssuerReasonVaultError, text: err.Error(), watched: true}
	}
	r := &secretValues{secrets: v.secrets, namespace: secretNamespace(issuer, v.namespace), hash: sha256.New()}
	r.note([]byte(issuer.GetUID()))
	r.note(fmt.Append(nil, issuer.GetGeneration()))
	s := &vaultSettings{config: vault.Config{
		Server: spec.Server, ServerName: spec.ServerName, Namespace: spec.Namespace, Roots: spec.CABundle, UserAgent: v.userAgent,
	}}
	var err error
	if ref := spec.CABundleSecretRef; ref != nil {
		if s.config.Roots, err = r.get(ctx, *ref, caCert); err != nil {
			return nil, err
		}
	}
	if spec.ClientCertSecretRef != nil {
		if s.config.Certificate, err = r.get(ctx, *spec.ClientCertSecretRef, tlsCert); err != nil {
			return nil, err
		}
		if s.config.Key, err = r.get(ctx, *spec.ClientKeySecretRef, tlsKey); err != nil {
			return nil, err
		}
	}
	if err := v.readAuth(ctx, issuer, r, s); err != nil {
		return nil, err
	}
	s.version = hex.EncodeToString(r.hash.Sum(nil))
	return s, nil
}

// checkVault says what is wrong with a spec, which may be older than the rules
// of the CRD that say the same.
func checkVault(spec *cmv1.VaultIssuer) error {
	auth := spec.Auth
	ways := 0
	for _, set := range []bool{auth.TokenSecretRef != nil, auth.AppRole != nil, auth.ClientCertificate != nil, auth.Kubernetes != nil, auth.AWS != nil} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		return fmt.Errorf("vault.auth must have exactly one of tokenSecretRef, appRole, clientCertificate, kubernetes and aws, and has %d", ways)
	}
	if spec.CABundleSecretRef != nil && len(spec.CABundle) > 0 {
		return errors.New("vault.caBundle and vault.caBundleSecretRef exclude each other")
	}
	if (spec.ClientCertSecretRef == nil) != (spec.ClientKeySecretRef == nil) {
		return errors.New("vault.clientCertSecretRef and vault.clientKeySecretRef require each other")
	}
	type namedPath struct{ name, path string }
	paths := []namedPath{{"path", spec.Path}}
	switch {
	case auth.AppRole != nil && auth.AppRole.Path != "":
		paths = append(paths, namedPath{"auth.appRole.path", auth.AppRole.Path})
	case auth.ClientCertificate != nil && auth.ClientCertificate.Path != "":
		paths = append(paths, namedPath{"auth.clientCertificate.mountPath", auth.ClientCertificate.Path})
	case auth.Kubernetes != nil && auth.Kubernetes.Path != "":
		paths = append(paths, namedPath{"auth.kubernetes.mountPath", auth.Kubernetes.Path})
	case auth.AWS != nil && auth.AWS.MountPath != "":
		paths = append(paths, namedPath{"auth.aws.mountPath", auth.AWS.MountPath})
	}
	for _, p := range paths {
		if err := vault.CheckPath(p.path); err != nil {
			return fmt.Errorf("vault.%s can not be used: %w", p.name, err)
		}
	}
	return nil
}

// secretValues reads values of Secrets, and makes a hash of them all.
type secretValues struct {
	secrets   SecretReader
	namespace string
	hash      hash.Hash
}

// note makes a value part of the hash.
func (r *secretValues) note(value []byte) {
	_, _ = fmt.Fprintf(r.hash, "%d:%s", len(value), value) // never errs
}

// get reads a value. The error is a *vaultSetupError, or of the API server.
func (r *secretValues) get(ctx context.Context, ref cmmeta.SecretKeySelector, defaultKey string) ([]byte, error) {
	place := types.NamespacedName{Namespace: r.namespace, Name: ref.Name}
	key := ref.Key
	if key == "" {
		key = defaultKey
	}
	secret, err := r.secrets.Get(ctx, place)
	if apierrors.IsNotFound(err) {
		return nil, &vaultSetupError{reason: cmv1.CertificateRequestEventSecretMissing, text: missingSecret(place), watched: true}
	}
	if err != nil {
		return nil, &apiError{err}
	}
	if key == "" {
		return nil, &vaultSetupError{reason: cmv1.CertificateRequestEventSecretInvalidData, text: fmt.Sprintf("the reference to Secret %q must name a key of it", ref.Name), watched: true}
	}
	value := secret.Data[key]
	if len(bytes.TrimSpace(value)) == 0 {
		return nil, &vaultSetupError{reason: cmv1.CertificateRequestEventSecretInvalidData, text: unusableSecret(place, fmt.Errorf("%s is missing or empty", key)), watched: true}
	}
	r.note(value)
	return value, nil
}

// text reads a value that is one word. A line break at its end is what editors
// leave.
func (r *secretValues) text(ctx context.Context, ref cmmeta.SecretKeySelector, defaultKey string) (string, error) {
	value, err := r.get(ctx, ref, defaultKey)
	return strings.TrimSpace(string(value)), err
}
