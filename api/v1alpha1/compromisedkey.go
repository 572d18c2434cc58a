package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CompromisedKeyKind is the kind of a CompromisedKey.
const CompromisedKeyKind = "CompromisedKey"

// CompromisedKey remembers that a key is known to others and that no
// certificate may have it again. Its name is the SHA-256 hash of the public key
// (SubjectPublicKeyInfo) in hexadecimal, so that it is found by a key, without
// a search. It holds for its namespace; in the cluster resource namespace it
// holds for all namespaces.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:scope=Namespaced,categories={certwright}
// +kubebuilder:printcolumn:name="Reason",type="string",JSONPath=".spec.message"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[0-9a-f]{64}$')",message="the name is the SHA-256 hash of the public key, 64 hexadecimal digits"
type CompromisedKey struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	// +optional
	Spec CompromisedKeySpec `json:"spec"`
}

// CompromisedKeyList is a list of CompromisedKeys.
//
// +kubebuilder:object:root=true
type CompromisedKeyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []CompromisedKey `json:"items"`
}

// CompromisedKeySpec says how it became known.
type CompromisedKeySpec struct {
	// How it became known, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// The Revocation (namespace/name) that it comes from, if one.
	// +optional
	Revocation string `json:"revocation,omitempty"`
}
