package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// ReissueKind is the kind of a Reissue.
const ReissueKind = "Reissue"

// Reissue is a campaign: it issues the certificates that it selects anew, with
// other keys, at a pace, and revokes the old ones if asked to.
//
// It selects Certificates of its own namespace. In the cluster resource
// namespace it may select those of other namespaces too.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={certwright}
// +kubebuilder:printcolumn:name="Phase",type="string",JSONPath=".status.phase"
// +kubebuilder:printcolumn:name="Selected",type="integer",JSONPath=".status.selected"
// +kubebuilder:printcolumn:name="Done",type="integer",JSONPath=".status.done"
// +kubebuilder:printcolumn:name="In flight",type="integer",JSONPath=".status.inFlight"
// +kubebuilder:printcolumn:name="Failed",type="integer",JSONPath=".status.failed"
// +kubebuilder:printcolumn:name="Estimated end",type="date",priority=1,JSONPath=".status.estimatedCompletion"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type Reissue struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec ReissueSpec `json:"spec"`
	// +optional
	Status ReissueStatus `json:"status"`
}

// ReissueList is a list of Reissues.
//
// +kubebuilder:object:root=true
type ReissueList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Reissue `json:"items"`
}

// ReissueSpec says what to issue anew, and how fast. What is selected cannot be
// changed once it is said; the pace, the pause and the dry run can.
//
// +kubebuilder:validation:XValidation:rule="self.selector == oldSelf.selector",message="selector cannot be changed: create another Reissue instead",fieldPath=".selector"
// +kubebuilder:validation:XValidation:rule="has(self.revoke) == has(oldSelf.revoke) && (!has(self.revoke) || self.revoke == oldSelf.revoke)",message="revoke cannot be changed: create another Reissue instead",fieldPath=".revoke"
// +kubebuilder:validation:XValidation:rule="!has(self.dryRun) || !self.dryRun || (has(oldSelf.dryRun) && oldSelf.dryRun)",message="a Reissue that runs cannot become a dry run: pause it instead",fieldPath=".dryRun"
type ReissueSpec struct {
	// Which Certificates: those that fulfil everything that is said.
	Selector ReissueSelector `json:"selector"`

	// How many are begun in an hour at most. Without it only maxInFlight and
	// the limits of the CA set the pace.
	// +optional
	// +kubebuilder:validation:Minimum=1
	PerHour *int32 `json:"perHour,omitempty"`

	// How many are under way at the same time at most: asked for and not yet
	// stored. Those whose old certificate is left valid for a while count no more.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=500
	MaxInFlight int32 `json:"maxInFlight,omitempty"`

	// Begin no further ones. Those under way are finished.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// Only say what would be done: how many, which, and how long it takes.
	// +optional
	DryRun bool `json:"dryRun,omitempty"`

	// Revoke what was replaced. Who asks for it needs the permission to create
	// Revocations in the namespaces.
	// +optional
	Revoke *ReissueRevoke `json:"revoke,omitempty"`
}

// ReissueSelector selects Certificates. At least one thing must be said: an
// empty selector for everything is written as labels: {}.
//
// +kubebuilder:validation:XValidation:rule="has(self.labels) || has(self.issuerRef) || has(self.issuedBefore) || has(self.publicKeyHash) || has(self.signatureAlgorithm)",message="say at least one of labels, issuerRef, issuedBefore, publicKeyHash and signatureAlgorithm; labels: {} is everything"
type ReissueSelector struct {
	// Namespaces of the Certificates, "*" for all. Only in the cluster
	// resource namespace; without it the Reissue's own.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	Namespaces []string `json:"namespaces,omitempty"`

	// Labels of the Certificates.
	// +optional
	Labels *metav1.LabelSelector `json:"labels,omitempty"`

	// Their issuer.
	// +optional
	IssuerRef *cmmeta.IssuerReference `json:"issuerRef,omitempty"`

	// The certificate in the Secret was valid from before this time.
	// +optional
	IssuedBefore *metav1.Time `json:"issuedBefore,omitempty"`

	// SHA-256 of the public key (SubjectPublicKeyInfo) of the certificate in the
	// Secret, in hexadecimal.
	// +optional
	// +kubebuilder:validation:Pattern="^[0-9a-f]{64}$"
	PublicKeyHash string `json:"publicKeyHash,omitempty"`

	// Signature algorithm of the certificate in the Secret, as Go names it:
	// SHA256-RSA, ECDSA-SHA256, ...
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	SignatureAlgorithm string `json:"signatureAlgorithm,omitempty"`
}

// ReissueRevoke says how what was replaced is revoked.
type ReissueRevoke struct {
	// The reason of the Revocations.
	// +optional
	// +kubebuilder:default=superseded
	Reason RevocationReason `json:"reason,omitempty"`

	// How long after its replacement an old certificate is left valid.
	// Without it 5m.
	// +optional
	Hold *metav1.Duration `json:"hold,omitempty"`
}

// ReissuePhase is how far a campaign is.
type ReissuePhase string

// The phases.
const (
	// ReissuePlanned: a dry run, whose result is in the status.
	ReissuePlanned ReissuePhase = "Planned"
	// ReissueRunning: certificates are issued anew.
	ReissueRunning ReissuePhase = "Running"
	// ReissuePaused: no further ones are begun, because spec.paused says so.
	ReissuePaused ReissuePhase = "Paused"
	// ReissueStopped: no further ones are begun, because something is wrong that
	// the condition Ready tells.
	ReissueStopped ReissuePhase = "Stopped"
	// ReissueDone: all that were selected are dealt with.
	ReissueDone ReissuePhase = "Done"
)

// ReissueStatus is how far a campaign is.
type ReissueStatus struct {
	// +optional
	Phase ReissuePhase `json:"phase,omitempty"`

	// When it began, which is also what separates old certificates from new.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`

	// When the last one was dealt with.
	// +optional
	CompletedAt *metav1.Time `json:"completedAt,omitempty"`

	// How long it takes at the pace of the spec and within the limits of the CA
	// that are known, from its beginning. How fast the CA is is not known.
	// +optional
	EstimatedDuration *metav1.Duration `json:"estimatedDuration,omitempty"`

	// When it will be done, as far as pace and limits tell, while it runs.
	// +optional
	EstimatedCompletion *metav1.Time `json:"estimatedCompletion,omitempty"`

	// How many Certificates belong to it: those that were begun, and those that
	// are still to come. A Certificate that is deleted, or is issued with another
	// key before its turn comes, belongs to it no more.
	// +optional
	Selected int32 `json:"selected"`
	// How many have another certificate.
	// +optional
	Done int32 `json:"done"`
	// How many are under way.
	// +optional
	InFlight int32 `json:"inFlight"`
	// How many have failed, or can not be begun.
	// +optional
	Failed int32 `json:"failed"`
	// How many are still to come.
	// +optional
	Remaining int32 `json:"remaining"`
	// How many old certificates have been revoked.
	// +optional
	Revoked int32 `json:"revoked"`

	// Counts how often the campaign has begun: once, and once more each time
	// that it goes on after TooManyFailures. Those that have failed before are
	// then begun again.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// The first of those that have failed, are under way or come next, in that
	// order, at most 50.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Certificates []ReissueCertificate `json:"certificates,omitempty"`

	// Ready is False with a reason when the campaign can not go on, or has ended
	// with failures.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ReissueCertificate is one of the Certificates of a campaign.
type ReissueCertificate struct {
	// namespace/name.
	Name string `json:"name"`
	// InFlight, Failed or Next.
	State ReissueState `json:"state"`
	// What is wrong with it, if something is.
	// +optional
	Message string `json:"message,omitempty"`
}

// ReissueState is where a Certificate of a campaign stands.
//
// +kubebuilder:validation:Enum=InFlight;Failed;Next
type ReissueState string

// The states.
const (
	// ReissueInFlight: its certificate was asked for and is not stored yet.
	ReissueInFlight ReissueState = "InFlight"
	// ReissueFailed: it has failed since it was asked for, or can not be begun.
	ReissueFailed ReissueState = "Failed"
	// ReissueNext: its turn has not come.
	ReissueNext ReissueState = "Next"
)

// ReissueReady is the condition of a Reissue.
const ReissueReady = "Ready"

// Reasons of the condition Ready of a Reissue.
const (
	// ReissueReasonPlanned: a dry run; the result is in the status.
	ReissueReasonPlanned = "Planned"
	// ReissueReasonRunning: certificates are issued anew.
	ReissueReasonRunning = "Running"
	// ReissueReasonPaused: spec.paused is set.
	ReissueReasonPaused = "Paused"
	// ReissueReasonDone: all have been issued anew.
	ReissueReasonDone = "Done"
	// ReissueReasonSomeFailed: it has ended, and some have failed.
	ReissueReasonSomeFailed = "SomeFailed"
	// ReissueReasonTooManyFailures: so many have failed that no further ones are
	// begun before the spec is changed.
	ReissueReasonTooManyFailures = "TooManyFailures"
	// ReissueReasonNamespacesNotAllowed: only in the cluster resource namespace
	// may a campaign name namespaces.
	ReissueReasonNamespacesNotAllowed = "NamespacesNotAllowed"
	// ReissueReasonInvalidSelector: the selector says nothing that can be meant.
	ReissueReasonInvalidSelector = "InvalidSelector"
	// ReissueReasonWriteRefused: the API server, a quota or a policy does not
	// take what the campaign has to write.
	ReissueReasonWriteRefused = "WriteRefused"
)

// Labels and annotations of the Revocations that a Reissue creates.
const (
	// ReissueUIDLabel has the UID of the Reissue.
	ReissueUIDLabel = "certwright.dev/reissue-uid"
	// ReissueNameAnnotation has its namespace/name.
	ReissueNameAnnotation = "certwright.dev/reissue"
	// ReissueAttemptAnnotation has the attempt of the campaign.
	ReissueAttemptAnnotation = "certwright.dev/reissue-attempt"
)
