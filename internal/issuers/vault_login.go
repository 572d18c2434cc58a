package issuers

import (
	"context"
	"errors"
	"fmt"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers/vault"
	"github.com/certwright/certwright/internal/issuers/vault/awsiam"
)

// vaultLogin makes a request to log in. What it needs from elsewhere, it gets
// anew each time, because it is short-lived.
type vaultLogin func(ctx context.Context) (vault.Login, error)

const (
	// defaultAppRoleMount is where Vault mounts the method AppRole by itself.
	defaultAppRoleMount = "approle"

	// serviceAccountTokenSeconds is the life of a token of a service account
	// (contract 2.7). It is used at once; the API server gives none for less.
	serviceAccountTokenSeconds = 600

	// stsAudience is for whom a token is that AWS exchanges, if the issuer does
	// not say.
	stsAudience = "sts.amazonaws.com"
)

// readAuth reads the one way to authenticate that an issuer has.
func (v *vaultIssuers) readAuth(ctx context.Context, issuer cmv1.GenericIssuer, r *secretValues, s *vaultSettings) (err error) {
	auth := issuer.GetSpec().Vault.Auth
	fixed := func(login vault.Login) vaultLogin {
		return func(context.Context) (vault.Login, error) { return login, nil }
	}
	switch {
	case auth.TokenSecretRef != nil:
		s.token, err = r.text(ctx, *auth.TokenSecretRef, cmv1.DefaultVaultTokenAuthSecretKey)
	case auth.AppRole != nil:
		var secretID string
		secretID, err = r.text(ctx, auth.AppRole.SecretRef, "")
		s.login = fixed(vault.AppRole(orDefault(auth.AppRole.Path, defaultAppRoleMount), strings.TrimSpace(auth.AppRole.RoleId), secretID))
	case auth.ClientCertificate != nil:
		s.login = fixed(vault.Certificate(orDefault(auth.ClientCertificate.Path, cmv1.DefaultVaultClientCertificateAuthMountPath), auth.ClientCertificate.Name))
		err = readAuthCertificate(ctx, auth.ClientCertificate.SecretName, r, s)
	case auth.Kubernetes != nil:
		s.login, err = v.readKubernetes(ctx, issuer, r, auth.Kubernetes)
	case auth.AWS != nil:
		s.login = func(ctx context.Context) (vault.Login, error) {
			return v.loginToAWS(ctx, issuer, r.namespace, auth.AWS)
		}
	}
	return err
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// readAuthCertificate has all connections show the certificate that logs in: a
// token may be good for its holder only.
func readAuthCertificate(ctx context.Context, secret string, r *secretValues, s *vaultSettings) (err error) {
	if secret == "" {
		if len(s.config.Certificate) == 0 {
			return &vaultSetupError{
				reason: cmv1.IssuerReasonVaultError, watched: true,
				text: "vault.auth.clientCertificate needs a certificate: set its secretName, or vault.clientCertSecretRef and vault.clientKeySecretRef",
			}
		}
		return nil
	}
	ref := cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: secret}}
	if s.config.Certificate, err = r.get(ctx, ref, tlsCert); err != nil {
		return err
	}
	s.config.Key, err = r.get(ctx, ref, tlsKey)
	return err
}

func (v *vaultIssuers) readKubernetes(ctx context.Context, issuer cmv1.GenericIssuer, r *secretValues, auth *cmv1.VaultKubernetesAuth) (vaultLogin, error) {
	mount := orDefault(auth.Path, cmv1.DefaultVaultKubernetesAuthMountPath)
	account := auth.ServiceAccountRef
	if (account != nil) == (auth.SecretRef.Name != "") {
		return nil, &vaultSetupError{reason: cmv1.IssuerReasonVaultError, text: "vault.auth.kubernetes must have exactly one of secretRef and serviceAccountRef", watched: true}
	}
	if account == nil {
		jwt, err := r.text(ctx, auth.SecretRef, cmv1.DefaultVaultTokenAuthSecretKey)
		if err != nil {
			return nil, err
		}
		return func(context.Context) (vault.Login, error) { return vault.Kubernetes(mount, auth.Role, jwt), nil }, nil
	}
	audiences := vaultAudiences(issuer)
	return func(ctx context.Context) (vault.Login, error) {
		jwt, err := v.serviceAccountToken(ctx, r.namespace, account.Name, audiences)
		return vault.Kubernetes(mount, auth.Role, jwt), err
	}, nil
}

// vaultAudiences are for whom the tokens of a service account are (contract
// 2.7): a role in Vault that is bound to the first of ours takes them from this
// issuer only.
func vaultAudiences(issuer cmv1.GenericIssuer) []string {
	spec := issuer.GetSpec().Vault
	own := "vault://" + issuer.GetName()
	if namespace := issuer.GetNamespace(); namespace != "" {
		own = "vault://" + namespace + "/" + issuer.GetName()
	}
	return append(append([]string{}, spec.Auth.Kubernetes.ServiceAccountRef.TokenAudiences...), own, spec.Server)
}

// apiError is an error of the API server, for which the issuer is not to blame.
type apiError struct{ err error }

func (e *apiError) Error() string { return e.err.Error() }
func (e *apiError) Unwrap() error { return e.err }

// serviceAccountToken requests a token of a service account. The operator has no
// general right to do so: who makes the issuer grants it.
func (v *vaultIssuers) serviceAccountToken(ctx context.Context, namespace, name string, audiences []string) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences, ExpirationSeconds: ptr.To[int64](serviceAccountTokenSeconds)}}
	err := v.client.SubResource("token").Create(ctx, account, request)
	switch {
	case apierrors.IsNotFound(err):
		return "", &vaultSetupError{reason: cmv1.IssuerReasonVaultError, text: fmt.Sprintf("service account %q does not exist in namespace %q", name, namespace)}
	case apierrors.IsForbidden(err):
		return "", &vaultSetupError{
			reason: cmv1.IssuerReasonVaultError,
			text:   fmt.Sprintf("the operator may not request a token of service account %q: grant its own service account the verb create on serviceaccounts/token for that name in namespace %q", name, namespace),
		}
	case err != nil:
		return "", &apiError{fmt.Errorf("request token of service account: %w", err)}
	}
	return request.Status.Token, nil
}

var errNoAmbient = errors.New("vault.auth.aws has no serviceAccountRef, and the issuer may not use the operator's own AWS identity: " +
	"name a service account, or start the operator with --issuer-ambient-credentials or --cluster-issuer-ambient-credentials for this kind of issuer")

// loginToAWS signs a request to AWS: with the role that the service account of
// the issuer may assume, or as the operator itself.
func (v *vaultIssuers) loginToAWS(ctx context.Context, issuer cmv1.GenericIssuer, namespace string, auth *cmv1.VaultAWSAuth) (vault.Login, error) {
	region := orDefault(auth.Region, v.aws.Region())
	endpoint, err := awsiam.Endpoint(region)
	if err != nil {
		return vault.Login{}, &vaultSetupError{reason: cmv1.IssuerReasonVaultError, text: "vault.auth.aws.region: " + err.Error(), watched: true}
	}
	credentials, err := v.awsCredentials(ctx, issuer, namespace, auth, endpoint)
	if err != nil {
		return vault.Login{}, err
	}
	signed, err := awsiam.CallerIdentity(credentials, region, auth.VaultHeaderValue, v.clock())
	if err != nil {
		return vault.Login{}, err
	}
	return vault.AWS(orDefault(auth.MountPath, cmv1.DefaultVaultAWSAuthMountPath), auth.Role, signed)
}

func (v *vaultIssuers) awsCredentials(ctx context.Context, issuer cmv1.GenericIssuer, namespace string, auth *cmv1.VaultAWSAuth, endpoint string) (awsiam.Credentials, error) {
	if v.stsEndpoint != "" {
		endpoint = v.stsEndpoint
	}
	if account := auth.ServiceAccountRef; account != nil {
		audiences := account.TokenAudiences
		if len(audiences) == 0 {
			audiences = []string{stsAudience}
		}
		token, err := v.serviceAccountToken(ctx, namespace, account.Name, audiences)
		if err != nil {
			return awsiam.Credentials{}, err
		}
		return awsiam.AssumeRole(ctx, v.aws.Client, endpoint, auth.IAMRoleARN, token)
	}
	allowed := v.ambientIssuers
	if issuer.GetNamespace() == "" {
		allowed = v.ambientClusterIssuers
	}
	if !allowed {
		return awsiam.Credentials{}, &vaultSetupError{reason: cmv1.IssuerReasonVaultError, text: errNoAmbient.Error(), watched: true}
	}
	return v.aws.Credentials(ctx, endpoint)
}
