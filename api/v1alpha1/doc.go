// Package v1alpha1 holds the kinds that only Certwright has, in the API group
// certwright.dev: Revocation ends a certificate at its CA before its time,
// Reissue replaces many certificates at a pace, and CompromisedKey is the
// memory of keys that no certificate may have again.
//
// All three are extensions of the API that cert-manager.io speaks, see
// docs/extensions.md.
//
// +kubebuilder:object:generate=true
// +groupName=certwright.dev
package v1alpha1
