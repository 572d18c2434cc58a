package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// CertificateRequestKind is the kind of a CertificateRequest.
const CertificateRequestKind = "CertificateRequest"

// CertificateRequest asks an issuer to sign one certificate signing request.
// It is done once it is issued, failed or denied.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName={cr,crs},categories=cert-manager
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Approved",type="string",JSONPath=`.status.conditions[?(@.type == "Approved")].status`
// +kubebuilder:printcolumn:name="Denied",type="string",JSONPath=`.status.conditions[?(@.type == "Denied")].status`
// +kubebuilder:printcolumn:name="Ready",type="string",JSONPath=`.status.conditions[?(@.type == "Ready")].status`
// +kubebuilder:printcolumn:name="Issuer",type="string",JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Requester",type="string",JSONPath=`.spec.username`
// +kubebuilder:printcolumn:name="Status",type="string",priority=1,JSONPath=`.status.conditions[?(@.type == "Ready")].message`
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule=`has(self.spec) || (oldSelf.hasValue() && !has(oldSelf.value().spec))`,message=`spec is required: say at least issuerRef and request`,optionalOldSelf=true
// +kubebuilder:validation:XValidation:rule=`!has(oldSelf.spec) || has(self.spec)`,message=`spec cannot be removed: create another CertificateRequest instead`
// +kubebuilder:validation:XValidation:rule=`!has(oldSelf.status) || !has(oldSelf.status.conditions) || !oldSelf.status.conditions.exists(c, c.type == "Approved") || (has(self.status) && has(self.status.conditions) && self.status.conditions.exists(c, c.type == "Approved"))`,message=`the condition Approved cannot be taken back: create another CertificateRequest instead`
// +kubebuilder:validation:XValidation:rule=`!has(oldSelf.status) || !has(oldSelf.status.conditions) || !oldSelf.status.conditions.exists(c, c.type == "Denied") || (has(self.status) && has(self.status.conditions) && self.status.conditions.exists(c, c.type == "Denied"))`,message=`the condition Denied cannot be taken back: create another CertificateRequest instead`
type CertificateRequest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What to sign. The schema alone would let it be absent, a rule does not.
	// +optional
	Spec CertificateRequestSpec `json:"spec"`
	// +optional
	Status CertificateRequestStatus `json:"status"`
}

// CertificateRequestList is a list of CertificateRequests.
//
// +kubebuilder:object:root=true
type CertificateRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []CertificateRequest `json:"items"`
}

// CertificateRequestSpec says what to sign, and who asks. It never changes.
//
// +kubebuilder:validation:XValidation:rule=`has(self.duration) == has(oldSelf.duration) && (!has(self.duration) || self.duration == oldSelf.duration || duration(self.duration) == duration(oldSelf.duration))`,message=`duration cannot be changed: create another CertificateRequest instead`,fieldPath=`.duration`
// +kubebuilder:validation:XValidation:rule=`[self.issuerRef.name, self.issuerRef.?kind.orValue(""), self.issuerRef.?group.orValue("")] == [oldSelf.issuerRef.name, oldSelf.issuerRef.?kind.orValue(""), oldSelf.issuerRef.?group.orValue("")]`,message=`issuerRef cannot be changed: create another CertificateRequest instead`,fieldPath=`.issuerRef`
// +kubebuilder:validation:XValidation:rule=`[self.?isCA.orValue(false)] == [oldSelf.?isCA.orValue(false)]`,message=`isCA cannot be changed: create another CertificateRequest instead`,fieldPath=`.isCA`
// +kubebuilder:validation:XValidation:rule=`[self.?usages.orValue([])] == [oldSelf.?usages.orValue([])]`,message=`usages cannot be changed: create another CertificateRequest instead`,fieldPath=`.usages`
// +kubebuilder:validation:XValidation:rule=`[self.?username.orValue("")] == [oldSelf.?username.orValue("")]`,message=`username cannot be changed: create another CertificateRequest instead`,fieldPath=`.username`
// +kubebuilder:validation:XValidation:rule=`[self.?uid.orValue("")] == [oldSelf.?uid.orValue("")]`,message=`uid cannot be changed: create another CertificateRequest instead`,fieldPath=`.uid`
// +kubebuilder:validation:XValidation:rule=`[self.?groups.orValue([])] == [oldSelf.?groups.orValue([])]`,message=`groups cannot be changed: create another CertificateRequest instead`,fieldPath=`.groups`
// +kubebuilder:validation:XValidation:rule=`[self.?extra.orValue({})] == [oldSelf.?extra.orValue({})]`,message=`extra cannot be changed: create another CertificateRequest instead`,fieldPath=`.extra`
type CertificateRequestSpec struct {
	// Wanted lifetime, for example 2160h. The issuer may give another.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[-+]?(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+$|^[-+]?0$') && duration(self) <= duration('2562047h')`,message=`must be a Go duration, for example 2160h or 1h30m`
	Duration *metav1.Duration `json:"duration,omitempty"`

	// Who is to sign. An Issuer is in the same namespace.
	// +kubebuilder:validation:XValidation:rule=`self.name != ""`,message=`issuerRef.name must not be empty`
	// +kubebuilder:validation:XValidation:rule=`!(self.?group.orValue("") in ["", 'cert-manager.io']) || self.?kind.orValue("") in ["", 'Issuer', 'ClusterIssuer']`,message=`issuerRef.kind must be Issuer or ClusterIssuer, or issuerRef.group must name the API group of the external issuer`
	IssuerRef cmmeta.IssuerReference `json:"issuerRef"`

	// PEM-encoded certificate signing request.
	// +kubebuilder:validation:XValidation:rule=`string(self).contains('-----BEGIN ')`,message=`request must be a PEM-encoded certificate signing request without text around it, encoded in base64 once`
	// +kubebuilder:validation:XValidation:rule=`self == oldSelf`,message=`request cannot be changed: create another CertificateRequest instead`
	Request []byte `json:"request"`

	// Ask for the certificate of a CA. If the signing request says the same or
	// the contrary itself, it must be the same.
	// +optional
	IsCA bool `json:"isCA,omitempty"`

	// Key usages and extended key usages. If the signing request names usages
	// itself, they must be the same. Empty means digital signature and key
	// encipherment.
	// +optional
	// +listType=atomic
	Usages []KeyUsage `json:"usages,omitempty"`

	// Name of the user who made this object, filled in by admission.
	// +optional
	Username string `json:"username,omitempty"`

	// UID of the user who made this object, filled in by admission.
	// +optional
	UID string `json:"uid,omitempty"`

	// Groups of the user who made this object, filled in by admission.
	// +optional
	// +listType=atomic
	Groups []string `json:"groups,omitempty"`

	// What else is known of the user who made this object, filled in by
	// admission.
	// +optional
	Extra map[string][]string `json:"extra,omitempty"`
}

// CertificateRequestStatus is what became of the request.
type CertificateRequestStatus struct {
	// Approved, Denied, InvalidRequest and Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:XValidation:rule=`!self.exists(c, c.type == "Approved") || !self.exists(c, c.type == "Denied")`,message=`the conditions Approved and Denied exclude each other`
	Conditions []CertificateRequestCondition `json:"conditions,omitempty"`

	// PEM-encoded chain, the leaf first.
	// +optional
	Certificate []byte `json:"certificate,omitempty"`

	// PEM-encoded certificate of the CA, as far as the issuer knows it.
	// +optional
	CA []byte `json:"ca,omitempty"`

	// When the request failed for good.
	// +optional
	FailureTime *metav1.Time `json:"failureTime,omitempty"`
}

// CertificateRequestCondition is a condition of a CertificateRequest.
//
// +kubebuilder:validation:XValidation:rule=`!(self.type in ["Approved", "Denied"]) || self.status == "True"`,message=`the conditions Approved and Denied can only be True`
// +kubebuilder:validation:XValidation:rule=`!(oldSelf.type in ["Approved", "Denied"]) || ([self.status, self.?reason.orValue(""), self.?message.orValue("")] == [oldSelf.status, oldSelf.?reason.orValue(""), oldSelf.?message.orValue("")] && [self.?lastTransitionTime] == [oldSelf.?lastTransitionTime])`,message=`the conditions Approved and Denied cannot be changed once they are set`
type CertificateRequestCondition struct {
	// Approved, Denied, InvalidRequest or Ready.
	Type CertificateRequestConditionType `json:"type"`

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
}
