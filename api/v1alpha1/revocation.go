package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// RevocationKind is the kind of a Revocation.
const RevocationKind = "Revocation"

// Revocation asks the CA to revoke one certificate, once. It stays afterwards
// as the record of what was done, until it is pruned by age.
//
// Who may create one may revoke any certificate of the namespace: the
// permission is separate from that to edit Certificates.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=revoke,categories={certwright}
// +kubebuilder:printcolumn:name="Revoked",type="string",JSONPath=`.status.conditions[?(@.type=="Revoked")].status`
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=".spec.reason"
// +kubebuilder:printcolumn:name="Certificate",type="string",JSONPath=".status.certificateName"
// +kubebuilder:printcolumn:name="Serial",type="string",priority=1,JSONPath=".status.serialNumber"
// +kubebuilder:printcolumn:name="Status",type="string",priority=1,JSONPath=`.status.conditions[?(@.type=="Revoked")].message`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type Revocation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a Revocation cannot be changed: create another one instead"
	Spec RevocationSpec `json:"spec"`
	// +optional
	Status RevocationStatus `json:"status"`
}

// RevocationList is a list of Revocations.
//
// +kubebuilder:object:root=true
type RevocationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Revocation `json:"items"`
}

// RevocationSpec says which certificate is to be revoked, why and how.
//
// +kubebuilder:validation:XValidation:rule="!has(self.reissue) || self.reissue != 'First' || has(self.target.certificateName) || has(self.target.secretName)",message="reissue First needs a target with certificateName or secretName: nothing else can be issued anew",fieldPath=".reissue"
// +kubebuilder:validation:XValidation:rule="!has(self.hold) || (duration(self.hold) >= duration('0s') && duration(self.hold) <= duration('168h'))",message="hold must be between 0s and 168h",fieldPath=".hold"
type RevocationSpec struct {
	// The certificate.
	Target RevocationTarget `json:"target"`

	// Why, in the words of RFC 5280, section 5.3.1. CAs accept only some: Let's
	// Encrypt takes unspecified, keyCompromise, superseded and
	// cessationOfOperation.
	// +optional
	// +kubebuilder:default=unspecified
	Reason RevocationReason `json:"reason,omitempty"`

	// First: the certificate is issued anew, with another key, and stored;
	// after the hold the old one is revoked. No: it is revoked at once, and
	// nothing is issued because of that. Without it: First for keyCompromise and
	// superseded if the target is a Certificate or its Secret, No otherwise.
	// +optional
	Reissue ReissuePolicy `json:"reissue,omitempty"`

	// How long, once the new certificate is stored, the old one is left valid,
	// so that workloads load the new one. Without it 5m. With reissue No it is
	// how long after the creation of the Revocation, and without it not at all.
	// +optional
	Hold *metav1.Duration `json:"hold,omitempty"`

	// What the request to an ACME CA is signed with. Auto: the account's key,
	// and the certificate's own where the CA does not take the account's and
	// the key is still there.
	// +optional
	// +kubebuilder:default=Auto
	Authorization RevocationAuthorization `json:"authorization,omitempty"`
}

// RevocationTarget names a certificate in one of four ways.
//
// +kubebuilder:validation:XValidation:rule="[has(self.certificateName), has(self.secretName), has(self.certificateRequestName), has(self.pem)].filter(x, x).size() == 1",message="name the target by exactly one of certificateName, secretName, certificateRequestName and pem"
// +kubebuilder:validation:XValidation:rule="has(self.pem) == has(self.issuerRef)",message="pem needs issuerRef, and nothing else takes it",fieldPath=".issuerRef"
type RevocationTarget struct {
	// A Certificate of this namespace: the certificate that is in its Secret
	// when the Revocation is first seen.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CertificateName string `json:"certificateName,omitempty"`

	// A Secret of this namespace with a certificate in tls.crt.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// A CertificateRequest of this namespace that was issued.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	CertificateRequestName string `json:"certificateRequestName,omitempty"`

	// The certificate itself, for one whose Secret is gone; further
	// certificates of the chain may follow.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	PEM string `json:"pem,omitempty"`

	// Who issued pem.
	// +optional
	IssuerRef *cmmeta.IssuerReference `json:"issuerRef,omitempty"`
}

// RevocationReason is a reason of RFC 5280, section 5.3.1.
//
// +kubebuilder:validation:Enum=unspecified;keyCompromise;cACompromise;affiliationChanged;superseded;cessationOfOperation;privilegeWithdrawn
type RevocationReason string

// The reasons.
const (
	Unspecified          RevocationReason = "unspecified"
	KeyCompromise        RevocationReason = "keyCompromise"
	CACompromise         RevocationReason = "cACompromise"
	AffiliationChanged   RevocationReason = "affiliationChanged"
	Superseded           RevocationReason = "superseded"
	CessationOfOperation RevocationReason = "cessationOfOperation"
	PrivilegeWithdrawn   RevocationReason = "privilegeWithdrawn"
)

// Code is the number of a reason (RFC 5280, section 5.3.1); ok is false for
// what is none.
func (r RevocationReason) Code() (code int, ok bool) {
	switch r {
	case "", Unspecified:
		return 0, true
	case KeyCompromise:
		return 1, true
	case CACompromise:
		return 2, true
	case AffiliationChanged:
		return 3, true
	case Superseded:
		return 4, true
	case CessationOfOperation:
		return 5, true
	case PrivilegeWithdrawn:
		return 9, true
	}
	return 0, false
}

// ReasonOfCode is the reason with a number; ok is false for numbers that have
// no name here.
func ReasonOfCode(code int) (reason RevocationReason, ok bool) {
	for _, r := range []RevocationReason{Unspecified, KeyCompromise, CACompromise, AffiliationChanged, Superseded, CessationOfOperation, PrivilegeWithdrawn} {
		if c, _ := r.Code(); c == code {
			return r, true
		}
	}
	return "", false
}

// ReissuePolicy is what is issued because of a revocation.
//
// +kubebuilder:validation:Enum=First;No
type ReissuePolicy string

// The policies.
const (
	ReissueFirst ReissuePolicy = "First"
	ReissueNo    ReissuePolicy = "No"
)

// RevocationAuthorization is what a request to revoke is signed with (RFC
// 8555, section 7.6).
//
// +kubebuilder:validation:Enum=Auto;AccountKey;CertificateKey
type RevocationAuthorization string

// The ways.
const (
	AuthorizationAuto           RevocationAuthorization = "Auto"
	AuthorizationAccountKey     RevocationAuthorization = "AccountKey"
	AuthorizationCertificateKey RevocationAuthorization = "CertificateKey"
)

// RevocationStatus is how far a revocation is.
type RevocationStatus struct {
	// The certificate as it was found, which is what will be revoked,
	// whatever becomes of the target.
	// +optional
	CertificatePEM []byte `json:"certificatePEM,omitempty"`

	// Its serial number, in hexadecimal.
	// +optional
	SerialNumber string `json:"serialNumber,omitempty"`

	// SHA-256 of its DER form, in hexadecimal.
	// +optional
	Fingerprint string `json:"fingerprint,omitempty"`

	// SHA-256 of its public key (SubjectPublicKeyInfo), in hexadecimal.
	// +optional
	PublicKeyHash string `json:"publicKeyHash,omitempty"`

	// The Certificate that it was found through, if any.
	// +optional
	CertificateName string `json:"certificateName,omitempty"`

	// Who issued it.
	// +optional
	IssuerRef *cmmeta.IssuerReference `json:"issuerRef,omitempty"`

	// When the replacement was seen stored; the hold begins then.
	// +optional
	ReissuedAt *metav1.Time `json:"reissuedAt,omitempty"`

	// When the CA confirmed the revocation.
	// +optional
	RevokedAt *metav1.Time `json:"revokedAt,omitempty"`

	// What the CA answered when that says more than yes.
	// +optional
	Answer string `json:"answer,omitempty"`

	// What the request was signed with: AccountKey or CertificateKey; empty
	// for CAs that are not asked over ACME.
	// +optional
	SignedWith RevocationAuthorization `json:"signedWith,omitempty"`

	// How many attempts the CA has answered with an error.
	// +optional
	FailedAttempts int `json:"failedAttempts,omitempty"`

	// When the CA is asked again.
	// +optional
	NextAttempt *metav1.Time `json:"nextAttempt,omitempty"`

	// Found, Reissued, Revoked and Failed.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Conditions of a Revocation.
const (
	// RevocationFound: which certificate it is about is known, and in status.
	RevocationFound = "Found"
	// RevocationReissued: the replacement is stored.
	RevocationReissued = "Reissued"
	// RevocationRevoked: the CA has revoked the certificate. While it is
	// False the message says what is awaited.
	RevocationRevoked = "Revoked"
	// RevocationFailed: it is over without a revocation. The message says why
	// and what can be done; another Revocation may be created then.
	RevocationFailed = "Failed"
)

// Revocation conditions' reasons.
const (
	ReasonTargetFound        = "TargetFound"
	ReasonTargetNotFound     = "TargetNotFound"
	ReasonTargetInvalid      = "TargetInvalid"
	ReasonReissued           = "Reissued"
	ReasonReissuePending     = "ReissuePending"
	ReasonReissueNotAsked    = "ReissueNotAsked"
	ReasonHold               = "Hold"
	ReasonPending            = "Pending"
	ReasonRevoked            = "Revoked"
	ReasonAlreadyRevoked     = "AlreadyRevoked"
	ReasonExpired            = "Expired"
	ReasonRefused            = "Refused"
	ReasonReasonRefused      = "ReasonRefused"
	ReasonNotAuthorized      = "NotAuthorized"
	ReasonIssuerNotSupported = "IssuerNotSupported"
)
