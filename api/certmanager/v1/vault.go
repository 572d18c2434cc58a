package v1

import (
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// VaultIssuer signs by the PKI secrets engine of a Vault server.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.caBundleSecretRef) || !has(self.caBundle)`,message=`caBundle and caBundleSecretRef exclude each other: remove one`
// +kubebuilder:validation:XValidation:rule=`has(self.clientCertSecretRef) == has(self.clientKeySecretRef)`,message=`clientCertSecretRef and clientKeySecretRef require each other: set both or none`
type VaultIssuer struct {
	// How the operator authenticates. Exactly one way is set.
	Auth VaultAuth `json:"auth"`

	// URL of the server, for example https://vault.example.com:8200.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`vault.server must not be empty`
	Server string `json:"server"`

	// Name that the server's certificate must have, if not the host of the URL.
	// +optional
	ServerName string `json:"serverName,omitempty"`

	// Path of the engine's sign endpoint, for example pki/sign/my-role.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`vault.path must not be empty`
	// +kubebuilder:validation:XValidation:rule=`!self.matches('(^|/)[.][.](/|$)')`,message=`vault.path must not have a segment '..'`
	Path string `json:"path"`

	// Vault namespace, an Enterprise feature.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// PEM-encoded certificates with which the server is verified, instead of
	// the system's. Excludes caBundleSecretRef.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// The same, in a Secret. Its key defaults to ca.crt. Excludes caBundle.
	// +optional
	CABundleSecretRef *cmmeta.SecretKeySelector `json:"caBundleSecretRef,omitempty"`

	// Certificate that the operator shows to the server. Its key defaults to
	// tls.crt. Required with clientKeySecretRef.
	// +optional
	ClientCertSecretRef *cmmeta.SecretKeySelector `json:"clientCertSecretRef,omitempty"`

	// Private key of that certificate. Its key defaults to tls.key. Required
	// with clientCertSecretRef.
	// +optional
	ClientKeySecretRef *cmmeta.SecretKeySelector `json:"clientKeySecretRef,omitempty"`
}

// VaultAuth is how the operator authenticates to Vault.
//
// +kubebuilder:validation:XValidation:rule=`has(self.tokenSecretRef) || has(self.appRole) || has(self.clientCertificate) || has(self.kubernetes) || has(self.aws)`,message=`set one of tokenSecretRef, appRole, clientCertificate, kubernetes and aws`
type VaultAuth struct {
	// With a token. Its key defaults to token.
	// +optional
	TokenSecretRef *cmmeta.SecretKeySelector `json:"tokenSecretRef,omitempty"`

	// With the AppRole method.
	// +optional
	AppRole *VaultAppRole `json:"appRole,omitempty"`

	// With the TLS certificates method.
	// +optional
	ClientCertificate *VaultClientCertificateAuth `json:"clientCertificate,omitempty"`

	// With the Kubernetes method.
	// +optional
	Kubernetes *VaultKubernetesAuth `json:"kubernetes,omitempty"`

	// With the AWS method.
	// +optional
	AWS *VaultAWSAuth `json:"aws,omitempty"`
}

// VaultAppRole is Vault's AppRole auth method.
type VaultAppRole struct {
	// Where the method is mounted, for example approle.
	// +kubebuilder:validation:XValidation:rule=`!self.matches('(^|/)[.][.](/|$)')`,message=`appRole.path must not have a segment '..'`
	Path string `json:"path"`

	// Role ID.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`appRole.roleId must not be empty`
	RoleId string `json:"roleId"` //nolint:revive // the name that users of the API know

	// Secret ID.
	// +kubebuilder:validation:XValidation:rule=`self.name != ""`,message=`appRole.secretRef.name must not be empty`
	SecretRef cmmeta.SecretKeySelector `json:"secretRef"`
}

// VaultClientCertificateAuth is Vault's TLS certificates auth method.
type VaultClientCertificateAuth struct {
	// Where the method is mounted. Empty means /v1/auth/cert.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!self.matches('(^|/)[.][.](/|$)')`,message=`mountPath must not have a segment '..'`
	Path string `json:"mountPath,omitempty"`

	// Name of the Secret with tls.crt and tls.key. Empty means the certificate
	// with which the operator connects.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// Name of the certificate role. Empty tries all.
	// +optional
	Name string `json:"name,omitempty"`
}

// VaultKubernetesAuth is Vault's Kubernetes auth method. Exactly one of
// secretRef and serviceAccountRef is set.
//
// +kubebuilder:validation:XValidation:rule=`has(self.serviceAccountRef) != (self.?secretRef.?name.orValue("") != "")`,message=`set exactly one of secretRef and serviceAccountRef`
// +kubebuilder:validation:XValidation:rule=`self.role != ""`,message=`kubernetes.role must not be empty`
type VaultKubernetesAuth struct {
	// Where the method is mounted. Empty means /v1/auth/kubernetes.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!self.matches('(^|/)[.][.](/|$)')`,message=`mountPath must not have a segment '..'`
	Path string `json:"mountPath,omitempty"`

	// A token of a service account. Its key defaults to token.
	// +optional
	SecretRef cmmeta.SecretKeySelector `json:"secretRef,omitempty"`

	// The service account for which tokens are requested.
	// +optional
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`

	// Vault role.
	Role string `json:"role"`
}

// ServiceAccountRef names a service account for which tokens are requested.
//
// +kubebuilder:validation:XValidation:rule=`self.name != ""`,message=`serviceAccountRef.name must not be empty`
type ServiceAccountRef struct {
	// Name of the service account.
	Name string `json:"name"`

	// Audiences of the tokens, besides those that say which issuer it is.
	// +optional
	// +listType=atomic
	TokenAudiences []string `json:"audiences,omitempty"`
}

// VaultAWSAuth is Vault's AWS auth method, of type IAM.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.serviceAccountRef) || self.?iamRoleArn.orValue("") != ""`,message=`iamRoleArn is required with serviceAccountRef`
type VaultAWSAuth struct {
	// Where the method is mounted. Empty means /v1/auth/aws.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`!self.matches('(^|/)[.][.](/|$)')`,message=`mountPath must not have a segment '..'`
	MountPath string `json:"mountPath,omitempty"`

	// Vault role.
	// +kubebuilder:validation:MinLength=1
	Role string `json:"role"`

	// AWS region.
	// +optional
	Region string `json:"region,omitempty"`

	// The service account whose token is shown to AWS. Requires iamRoleArn.
	// Without it, the operator's own credentials are used.
	// +optional
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`

	// ARN of the AWS role to assume with that token.
	// +optional
	IAMRoleARN string `json:"iamRoleArn,omitempty"`

	// Value of the header X-Vault-AWS-IAM-Server-ID, if the server wants one.
	// +optional
	VaultHeaderValue string `json:"vaultHeaderValue,omitempty"`
}
