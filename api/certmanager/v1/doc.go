// Package v1 holds the kinds of the API group cert-manager.io: Certificate,
// CertificateRequest, Issuer and ClusterIssuer, with the constants that other
// programs see: condition types and reasons, labels, annotations, keys of
// Secrets, defaults and limits.
//
// The wire form follows the wire contract, section 1 and appendix A, to the
// letter: field names, their order, and what is left out when empty. Names of
// child objects are hashes of this JSON, so an order of fields is part of the
// contract. Rules that join several fields are CEL markers beside the fields;
// test/apirules has a test for each against a real API server. They sit on the
// narrowest node that has what they speak of, so that an object which was
// stored before a rule can still be labelled, given a status and deleted.
//
// Some lists and strings have an upper bound that the contract does not have:
// the API server refuses a rule whose cost it cannot estimate. Each bound is
// above what any CA or DNS accepts, or what fits into an object: see bounds in
// test/compat.
//
// Rules look into a field of bytes only where it holds bare PEM. The API server
// shows rules such a field decoded with the URL alphabet of base64 but stores
// it in the standard one, and a rule that meets '+' or '/' fails with an error
// that nothing forgives. The base64 of bare PEM has neither: they stand for six
// bits that only '>', '?', '~', DEL and bytes beyond ASCII bring about.
//
// Two rules of the contract cannot be said in CEL here and are for admission
// policies: the immutable annotations of a CertificateRequest, since rules do
// not see annotations, and who may approve one. What needs a parser (X.509,
// distinguished names, time zones) is for the controllers.
//
// +kubebuilder:object:generate=true
// +groupName=cert-manager.io
package v1
