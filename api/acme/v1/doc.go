// Package v1 holds the kinds of the API group acme.cert-manager.io: Order and
// Challenge, and the configuration of an ACME issuer that Issuer and
// ClusterIssuer embed under spec.acme.
//
// The wire form follows the wire contract, section 1 and appendix A, to the
// letter: field names, their order, and what is left out when empty. The names
// of Orders and Challenges are hashes of the JSON of their spec, so an order of
// fields is part of the contract. Rules that join several fields are CEL
// markers beside the fields; the package of cert-manager.io says more of them.
//
// +kubebuilder:object:generate=true
// +groupName=acme.cert-manager.io
package v1
