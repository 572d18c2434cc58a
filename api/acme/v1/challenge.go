package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// ChallengeKind is the kind of a Challenge.
const ChallengeKind = "Challenge"

// Challenge is the proof of one name of an Order, with the solver that was
// chosen for it. It is made from an Order and is not meant for users.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={cert-manager,cert-manager-acme}
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="State",type="string",JSONPath=".status.state"
// +kubebuilder:printcolumn:name="Domain",type="string",JSONPath=".spec.dnsName"
// +kubebuilder:printcolumn:name="Reason",type="string",priority=1,JSONPath=".status.reason"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type Challenge struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec ChallengeSpec `json:"spec"`
	// +optional
	Status ChallengeStatus `json:"status"`
}

// ChallengeList is a list of Challenges.
//
// +kubebuilder:object:root=true
type ChallengeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Challenge `json:"items"`
}

// ChallengeSpec says what to prove, and how.
//
// +kubebuilder:validation:XValidation:rule=`[self.?wildcard.orValue(false)] == [oldSelf.?wildcard.orValue(false)]`,message=`wildcard cannot be changed: create another Challenge instead`,fieldPath=`.wildcard`
// +kubebuilder:validation:XValidation:rule=`[self.issuerRef.name, self.issuerRef.?kind.orValue(""), self.issuerRef.?group.orValue("")] == [oldSelf.issuerRef.name, oldSelf.issuerRef.?kind.orValue(""), oldSelf.issuerRef.?group.orValue("")]`,message=`issuerRef cannot be changed: create another Challenge instead`,fieldPath=`.issuerRef`
type ChallengeSpec struct {
	// URL of the challenge at the CA.
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`url cannot be changed: create another Challenge instead`
	URL string `json:"url"`

	// URL of the authorization that the challenge belongs to.
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`authorizationURL cannot be changed: create another Challenge instead`
	AuthorizationURL string `json:"authorizationURL"`

	// The name to prove, without a leading "*.". It may be an IP address.
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`dnsName cannot be changed: create another Challenge instead`
	DNSName string `json:"dnsName"`

	// Whether the order asked for "*." and dnsName.
	// +optional
	Wildcard bool `json:"wildcard"`

	// Type of the challenge.
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`type cannot be changed: create another Challenge instead`
	Type ACMEChallengeType `json:"type"`

	// Token of the challenge.
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`token cannot be changed: create another Challenge instead`
	Token string `json:"token"`

	// What to present. HTTP-01: the key authorization (RFC 8555, section 8.1).
	// DNS-01: its SHA-256 digest in base64url, which is the value of the TXT
	// record (section 8.4).
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`key cannot be changed: create another Challenge instead`
	Key string `json:"key"`

	// The solver that was chosen, overrides applied.
	// +kubebuilder:validation:XValidation:rule=`[self.?selector] == [oldSelf.?selector] && [self.?http01] == [oldSelf.?http01] && [self.?dns01] == [oldSelf.?dns01] && has(self.waitInsteadOfSelfCheck) == has(oldSelf.waitInsteadOfSelfCheck) && (!has(self.waitInsteadOfSelfCheck) || self.waitInsteadOfSelfCheck == oldSelf.waitInsteadOfSelfCheck || duration(self.waitInsteadOfSelfCheck) == duration(oldSelf.waitInsteadOfSelfCheck))`,message=`solver cannot be changed: create another Challenge instead`
	Solver ACMEChallengeSolver `json:"solver"`

	// The issuer whose ACME account the challenge is accepted with.
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`
}

// ACMEChallengeType is a type of challenge that can be solved.
// +kubebuilder:validation:Enum=HTTP-01;DNS-01
type ACMEChallengeType string

const (
	// ACMEChallengeTypeHTTP01 is HTTP-01: RFC 8555, section 8.3.
	ACMEChallengeTypeHTTP01 ACMEChallengeType = "HTTP-01"
	// ACMEChallengeTypeDNS01 is DNS-01: RFC 8555, section 8.4.
	ACMEChallengeTypeDNS01 ACMEChallengeType = "DNS-01"
)

// ChallengeStatus is how far the proof has come.
type ChallengeStatus struct {
	// Whether the challenge has been scheduled. Nothing is done before.
	// +optional
	Processing bool `json:"processing"`

	// Whether the solver has put the key in place. It says nothing about
	// whether the key can be seen from outside yet.
	// +optional
	Presented bool `json:"presented"`

	// When the solver put the key in place.
	// +optional
	PresentedAt *metav1.Time `json:"presentedAt,omitempty"`

	// Why the challenge is in this state, for people to read.
	// +optional
	Reason string `json:"reason,omitempty"`

	// State of the challenge.
	// +optional
	State State `json:"state,omitempty"`
}
