// Package v1 holds the small types that both API groups share: references to
// issuers, Secrets and Secret keys, and the status of a condition. It has no
// kind of its own and therefore nothing to register in a scheme.
//
// Wire contract, section 1.1.
//
// +kubebuilder:object:generate=true
package v1
