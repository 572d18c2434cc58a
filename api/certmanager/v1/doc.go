// Package v1 holds the kinds of the API group cert-manager.io: Certificate,
// CertificateRequest, Issuer and ClusterIssuer, with the constants that other
// programs see: condition types and reasons, labels, annotations, keys of
// Secrets, defaults and limits.
//
// The wire form follows the wire contract, section 1 and appendix A, to the
// letter: field names, their order, and what is left out when empty. Names of
// child objects are hashes of this JSON, so an order of fields is part of the
// contract. Rules that join several fields are CEL markers beside the fields;
// test/apirules has a test for each against a real API server.
//
// +kubebuilder:object:generate=true
// +groupName=cert-manager.io
package v1
