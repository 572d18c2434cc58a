// Package pki makes and reads the cryptographic objects of the operator: private keys, certificate
// requests, certificates, chains, names and keystores.
//
// It knows nothing of Kubernetes. Callers translate the fields of a resource into [Request], [KeySpec]
// and [Profile], and get bytes or plain Go values back. Everything is a function of its arguments:
// the clock and the source of randomness are handed in.
//
// Whatever comes from outside (Secrets, requests of other people, answers of a CA) is read by the
// Decode functions, which bound the size of their input before they look at it. No error of this
// package holds key material: errors about private keys are fixed texts.
//
// # Randomness
//
// The functions that need randomness take an io.Reader, in production crypto/rand.Reader. Since Go 1.26
// the standard library uses the operating system's source for RSA and ECDSA keys and ECDSA signatures
// whatever reader it is given, so a test that needs equal keys must use testing/cryptotest.
package pki
