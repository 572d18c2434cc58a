// Package request serves CertificateRequests: it approves those that the
// operator may approve, and has them signed by their issuers. What to do next
// is decided by lifecycle.NextRequest; how a kind of issuer signs is in package
// issuers.
//
// A request of an issuer that signs at once costs one write: its approval, its
// certificate and its conditions go together.
//
//	queue.go        issuers take turns, so that none holds up another
//	approval.go     for which issuers the operator may approve
//	sparing.go      events of hundreds of requests in a second are left out
//	csr*.go         CertificateSigningRequests of Kubernetes, read as
//	                CertificateRequests, by a controller of their own
package request
