package v1

import (
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// VenafiIssuer signs by a Venafi server. Exactly one of tpp, cloud and ngts is
// set.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.tpp) ? 1 : 0) + (has(self.cloud) ? 1 : 0) + (has(self.ngts) ? 1 : 0) == 1`,message=`set exactly one of tpp, cloud and ngts`
type VenafiIssuer struct {
	// The zone (policy folder, or application and template) to request in.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`venafi.zone must not be empty`
	Zone string `json:"zone"`

	// A Trust Protection Platform server.
	// +optional
	TPP *VenafiTPP `json:"tpp,omitempty"`

	// The cloud service.
	// +optional
	Cloud *VenafiCloud `json:"cloud,omitempty"`

	// The next-generation service, with OAuth.
	// +optional
	NGTS *VenafiNGTS `json:"ngts,omitempty"`
}

// VenafiTPP is a Trust Protection Platform server.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.caBundleSecretRef) || !has(self.caBundle)`,message=`caBundle and caBundleSecretRef exclude each other: remove one`
type VenafiTPP struct {
	// URL of the API, for example https://tpp.example.com/vedsdk.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`tpp.url must not be empty`
	URL string `json:"url"`

	// Secret with access-token, or with username and password.
	CredentialsRef cmmeta.LocalObjectReference `json:"credentialsRef"`

	// PEM-encoded certificates with which the server is verified, instead of
	// the system's. Excludes caBundleSecretRef.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// The same, in a Secret. Its key defaults to ca.crt. Excludes caBundle.
	// +optional
	CABundleSecretRef *cmmeta.SecretKeySelector `json:"caBundleSecretRef,omitempty"`
}

// VenafiCloud is the cloud service.
type VenafiCloud struct {
	// URL of the API, if not that of the public service.
	// +optional
	URL string `json:"url,omitempty"`

	// API key. The key of the Secret defaults to api-key.
	APITokenSecretRef cmmeta.SecretKeySelector `json:"apiTokenSecretRef"`
}

// VenafiNGTS is the next-generation service.
type VenafiNGTS struct {
	// URL of the API, if not that of the public service.
	// +optional
	URL string `json:"url,omitempty"`

	// URL of the OAuth token endpoint, if not that of the public service.
	// +optional
	TokenEndpoint string `json:"tokenEndpoint,omitempty"`

	// ID of the tenant service group.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`ngts.tsgID must not be empty`
	TSGID string `json:"tsgID"`

	// Secret with the OAuth client's credentials.
	// +kubebuilder:validation:XValidation:rule=`self.name != ""`,message=`ngts.credentialsRef.name must not be empty`
	CredentialsRef cmmeta.LocalObjectReference `json:"credentialsRef"`
}
