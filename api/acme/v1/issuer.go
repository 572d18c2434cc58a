package v1

import (
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// DefaultAccountPrivateKeySecretKey is the key of the account's Secret if
// privateKeySecretRef names none.
const DefaultAccountPrivateKeySecretKey = "tls.key"

// ACMEIssuer is the account at an ACME CA, and how to prove names to it.
//
// +kubebuilder:validation:XValidation:rule=`!self.?skipTLSVerify.orValue(false) || !has(self.caBundle)`,message=`caBundle and skipTLSVerify exclude each other: remove one`
type ACMEIssuer struct {
	// Contact address that the CA is told. A change of it updates the account.
	// +optional
	Email string `json:"email,omitempty"`

	// URL of the CA's directory (RFC 8555, section 7.1.1), for example
	// https://acme-v02.api.letsencrypt.org/directory.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`acme.server must not be empty`
	Server string `json:"server"`

	// Common name of the issuer of the top-most certificate of the chain to
	// prefer, if the CA offers several, or "smallest" for the one with the
	// fewest bytes, which is an extension of Certwright. If none fits, the
	// CA's default chain is taken.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PreferredChain string `json:"preferredChain,omitempty"`

	// PEM-encoded certificates with which the CA's HTTPS endpoint is verified,
	// instead of the system's. Excludes skipTLSVerify.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// Do not verify the CA's HTTPS endpoint. Anybody on the way can then issue
	// in the CA's name: for trials only. Excludes caBundle.
	// +optional
	SkipTLSVerify bool `json:"skipTLSVerify,omitempty"`

	// Binding of the account to one that the user has with the CA already
	// (RFC 8555, section 7.3.4).
	// +optional
	ExternalAccountBinding *ACMEExternalAccountBinding `json:"externalAccountBinding,omitempty"`

	// Where the account's private key is. It is made if it is absent, unless
	// disableAccountKeyGeneration is set. The key of the Secret defaults to
	// tls.key.
	// +kubebuilder:validation:XValidation:rule=`self.name != ""`,message=`privateKeySecretRef.name must not be empty`
	PrivateKey cmmeta.SecretKeySelector `json:"privateKeySecretRef"`

	// Ways to prove a name. Which one is used for a name depends on the
	// selectors; a solver without one fits every name, as the last choice.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5000
	Solvers []ACMEChallengeSolver `json:"solvers,omitempty"`

	// Do not make an account key; wait until somebody puts it into the Secret.
	// +optional
	DisableAccountKeyGeneration bool `json:"disableAccountKeyGeneration,omitempty"`

	// Ask the CA for the duration that a Certificate wants. Few CAs accept
	// this, and those that do not fail the order.
	// +optional
	EnableDurationFeature bool `json:"enableDurationFeature,omitempty"`

	// ACME profile to order, one of those that the CA's directory lists.
	// +optional
	Profile string `json:"profile,omitempty"`

	// Where the time of renewal comes from, besides the Certificate itself:
	// ARI asks the CA (RFC 9773), if it has renewal information; None does
	// not. Empty means ARI.
	// +optional
	RenewalInformationSource RenewalInformationSource `json:"renewalInformationSource,omitempty"`
}

// RenewalInformationSource says whether the CA is asked when to renew.
// +kubebuilder:validation:Enum=ARI;None
type RenewalInformationSource string

const (
	// RenewalInformationSourceARI asks the CA.
	RenewalInformationSourceARI RenewalInformationSource = "ARI"
	// RenewalInformationSourceNone does not.
	RenewalInformationSourceNone RenewalInformationSource = "None"
)

// ACMEExternalAccountBinding is the proof that the user has an account with
// the CA outside ACME.
type ACMEExternalAccountBinding struct {
	// Identifier of the key, as the CA gave it.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`externalAccountBinding.keyID must not be empty`
	KeyID string `json:"keyID"`

	// Where the MAC key is, in base64url without padding, as the CA gave it.
	// +kubebuilder:validation:XValidation:rule=`self.name != "" && has(self.key) && self.key != ""`,message=`externalAccountBinding.keySecretRef must say name and key of a Secret`
	Key cmmeta.SecretKeySelector `json:"keySecretRef"`

	// Without effect: HS256 is always used.
	// +optional
	KeyAlgorithm HMACKeyAlgorithm `json:"keyAlgorithm,omitempty"`
}

// HMACKeyAlgorithm is a MAC algorithm of RFC 7518, section 3.2.
// +kubebuilder:validation:Enum=HS256;HS384;HS512
type HMACKeyAlgorithm string

const (
	// HS256 is HMAC with SHA-256.
	HS256 HMACKeyAlgorithm = "HS256"
	// HS384 is HMAC with SHA-384.
	HS384 HMACKeyAlgorithm = "HS384"
	// HS512 is HMAC with SHA-512.
	HS512 HMACKeyAlgorithm = "HS512"
)

// ACMEIssuerStatus is what is known of the account.
type ACMEIssuerStatus struct {
	// URL of the account at the CA.
	// +optional
	URI string `json:"uri,omitempty"`

	// Contact address that the CA was last told.
	// +optional
	LastRegisteredEmail string `json:"lastRegisteredEmail,omitempty"`

	// Hash of the account key that was last registered.
	// +optional
	LastPrivateKeyHash string `json:"lastPrivateKeyHash,omitempty"`
}
