package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// CertificateStatus is what the Secret holds, and how issuing goes.
type CertificateStatus struct {
	// Ready and Issuing.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []CertificateCondition `json:"conditions,omitempty"`

	// When issuing last failed. Empty after a success.
	// +optional
	LastFailureTime *metav1.Time `json:"lastFailureTime,omitempty"`

	// From when the certificate in the Secret is valid.
	// +optional
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// Until when the certificate in the Secret is valid.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`

	// When the certificate is renewed.
	// +optional
	RenewalTime *metav1.Time `json:"renewalTime,omitempty"`

	// How many certificates have been issued. That of the CertificateRequest
	// whose certificate is in the Secret.
	// +optional
	Revision *int `json:"revision,omitempty"`

	// Name of the Secret with the key of the certificate that is being issued.
	// +optional
	NextPrivateKeySecretName *string `json:"nextPrivateKeySecretName,omitempty"`

	// How often issuing has failed since it last succeeded. The wait until the
	// next try doubles each time, from 1h to 32h.
	// +optional
	FailedIssuanceAttempts *int `json:"failedIssuanceAttempts,omitempty"`

	// What is known from the ACME CA.
	// +optional
	ACME *CertificateACMEStatus `json:"acme,omitempty"`

	// When a campaign last asked for another certificate, and which. Written
	// together with the condition Issuing, and kept as the campaign's memory.
	// An extension of Certwright.
	// +optional
	Reissue *CertificateReissueStatus `json:"reissue,omitempty"`
}

// CertificateCondition is a condition of a Certificate.
type CertificateCondition struct {
	// Ready or Issuing.
	Type CertificateConditionType `json:"type"`

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

// CertificateReissueStatus says that a campaign (kind Reissue of certwright.dev)
// has asked for another certificate.
type CertificateReissueStatus struct {
	// Of the Reissue.
	UID string `json:"uid"`
	// Its namespace/name, for people.
	// +optional
	Name string `json:"name,omitempty"`
	// The campaign's attempt at the certificates that it has.
	Attempt int32 `json:"attempt"`
	// The revision that is to be replaced.
	Revision int `json:"revision"`
	// When it was asked for.
	Time metav1.Time `json:"time"`
}

// CertificateACMEStatus is what is known from the ACME CA.
type CertificateACMEStatus struct {
	// When the CA suggests to renew.
	// +optional
	ARI *CertificateACMEARIStatus `json:"ari,omitempty"`
}

// CertificateACMEARIStatus is ACME renewal information (RFC 9773).
type CertificateACMEARIStatus struct {
	// Within which time the CA suggests to renew.
	// +optional
	SuggestedWindow *ACMERenewalWindow `json:"suggestedWindow,omitempty"`

	// A page that says why the CA suggests this time.
	// +optional
	ExplanationURL string `json:"explanationURL,omitempty"`

	// When the CA was last asked.
	// +optional
	LastChecked *metav1.Time `json:"lastChecked,omitempty"`

	// When the CA is asked next.
	// +optional
	NextCheck *metav1.Time `json:"nextCheck,omitempty"`

	// Why the CA could not be asked. What was known before is kept.
	// +optional
	LastError string `json:"lastError,omitempty"`
}

// ACMERenewalWindow is a time from start to end.
type ACMERenewalWindow struct {
	// The beginning.
	Start *metav1.Time `json:"start"`

	// The end.
	End *metav1.Time `json:"end"`
}
