// Package issuer keeps Issuers and ClusterIssuers ready: one reconciler serves
// both kinds. What the state of an issuer is, is decided by
// lifecycle.NextIssuer; whether it can sign, its signer knows.
//
// An issuer is looked at again when it or one of its Secrets changes, and by
// itself only while a CA is in trouble or when a CA's certificate runs out.
package issuer
