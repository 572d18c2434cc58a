package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// IssuerKind is the kind of an Issuer.
const IssuerKind = "Issuer"

// Issuer signs certificates for the Certificates of its namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=iss,categories=cert-manager
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`
// +kubebuilder:printcolumn:name="Status",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].message`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
type Issuer struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec IssuerSpec `json:"spec"`
	// +optional
	Status IssuerStatus `json:"status"`
}

// IssuerList is a list of Issuers.
//
// +kubebuilder:object:root=true
type IssuerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Issuer `json:"items"`
}

// IssuerSpec says how certificates are signed.
//
// +kubebuilder:validation:XValidation:rule=`(has(self.acme) ? 1 : 0) + (has(self.ca) ? 1 : 0) + (has(self.vault) ? 1 : 0) + (has(self.selfSigned) ? 1 : 0) + (has(self.venafi) ? 1 : 0) == 1`,message=`set exactly one of acme, ca, vault, selfSigned and venafi`
type IssuerSpec struct {
	IssuerConfig `json:",inline"`
}

// IssuerConfig is the configuration of an issuer. Exactly one field is set.
type IssuerConfig struct {
	// By a CA that speaks ACME (RFC 8555), for example Let's Encrypt.
	// +optional
	ACME *acmev1.ACMEIssuer `json:"acme,omitempty"`

	// With a CA's key and certificate in a Secret.
	// +optional
	CA *CAIssuer `json:"ca,omitempty"`

	// By the PKI of a Vault server.
	// +optional
	Vault *VaultIssuer `json:"vault,omitempty"`

	// With the private key of the certificate itself.
	// +optional
	SelfSigned *SelfSignedIssuer `json:"selfSigned,omitempty"`

	// By a Venafi server.
	// +optional
	Venafi *VenafiIssuer `json:"venafi,omitempty"`
}

// SelfSignedIssuer signs every certificate with its own key.
type SelfSignedIssuer struct {
	// URLs of the revocation list, to put into certificates (RFC 5280, section
	// 4.2.1.13).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:XValidation:rule=`self.all(u, u != "")`,message=`crlDistributionPoints must not hold an empty string`
	CRLDistributionPoints []string `json:"crlDistributionPoints,omitempty"`
}

// CAIssuer signs with a CA's key.
type CAIssuer struct {
	// Name of the Secret with the CA's tls.key and tls.crt. A root may be in
	// ca.crt besides.
	// +kubebuilder:validation:XValidation:rule=`self != ""`,message=`ca.secretName must not be empty`
	SecretName string `json:"secretName"`

	// URLs of the revocation list, to put into certificates (RFC 5280, section
	// 4.2.1.13).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:XValidation:rule=`self.all(u, u != "")`,message=`crlDistributionPoints must not hold an empty string`
	CRLDistributionPoints []string `json:"crlDistributionPoints,omitempty"`

	// URLs of OCSP responders, to put into certificates (RFC 5280, section
	// 4.2.2.1).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:XValidation:rule=`self.all(u, u != "")`,message=`ocspServers must not hold an empty string`
	OCSPServers []string `json:"ocspServers,omitempty"`

	// URLs of the CA's certificate, to put into certificates (RFC 5280, section
	// 4.2.2.1).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:XValidation:rule=`self.all(u, u != "")`,message=`issuingCertificateURLs must not hold an empty string`
	IssuingCertificateURLs []string `json:"issuingCertificateURLs,omitempty"`

	// Whether certificates that were signed with an earlier certificate of the
	// CA are issued anew when the CA's Secret changes, a few at a time and
	// those that expire first before the others. An extension of Certwright.
	// +optional
	ReissueOnRotation bool `json:"reissueOnRotation,omitempty"`

	// Whether certificates end with the CA's own at the latest, however long
	// they are asked for. Without it they last as long as they are asked for,
	// and an event warns of those that outlive the CA. An extension of
	// Certwright.
	// +optional
	NeverOutliveCA bool `json:"neverOutliveCA,omitempty"`

	// Whether the CA keeps certificate revocation lists, and how. Without it
	// certificates of this CA can not be revoked. An extension of Certwright.
	// +optional
	CRL *CAIssuerCRL `json:"crl,omitempty"`
}

// CAIssuerCRL is how a CA keeps its certificate revocation lists (RFC 5280,
// section 5).
//
// +kubebuilder:validation:XValidation:rule="!has(self.validity) || (duration(self.validity) >= duration('1h') && duration(self.validity) <= duration('8784h'))",message="validity must be between 1h and 8784h",fieldPath=".validity"
type CAIssuerCRL struct {
	// The Secret in which the lists are stored, next to the CA's own. Without
	// it the issuer's name and "-crl".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// How long a list is valid; it is signed anew when half of that is over,
	// and upon each revocation. Without it 168h.
	// +optional
	Validity *metav1.Duration `json:"validity,omitempty"`

	// Where relying parties fetch the list from: it is put into certificates
	// as their CRL distribution point. Without it the URL at which the
	// installation says that it serves lists; if it serves none, certificates
	// have no distribution point but those of crlDistributionPoints.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern="^http://"
	URL string `json:"url,omitempty"`
}

// IssuerStatus is whether the issuer can issue.
type IssuerStatus struct {
	// Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []IssuerCondition `json:"conditions,omitempty"`

	// What is known of the ACME account.
	// +optional
	ACME *acmev1.ACMEIssuerStatus `json:"acme,omitempty"`
}

// ACMEStatus returns what is known of the ACME account, to be changed in
// place. It is never nil.
func (s *IssuerStatus) ACMEStatus() *acmev1.ACMEIssuerStatus {
	if s.ACME == nil {
		s.ACME = &acmev1.ACMEIssuerStatus{}
	}
	return s.ACME
}

// IssuerCondition is a condition of an Issuer or ClusterIssuer.
type IssuerCondition struct {
	// Ready.
	Type IssuerConditionType `json:"type"`

	// True, False or Unknown.
	Status cmmeta.ConditionStatus `json:"status"`

	// When the status last changed.
	// +optional
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`

	// Why, in one word, for programs.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Why, for people.
	// +optional
	Message string `json:"message,omitempty"`

	// The metadata.generation that the condition speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}
