// Package vaultserver stands in for a Vault server in tests: the endpoints of
// the HTTP API that an issuer needs, as they are documented, and nothing else.
// It signs for real with a CA of its own, and is stricter than Vault where Vault
// is lenient: a wrong method, a body of another type, a field that an endpoint
// does not have, or the header of another namespace is refused.
//
//	server.go  how it is reached; health
//	tokens.go  tokens and their life
//	login.go   the auth methods
//	aws.go     who has signed a request to AWS
//	pki.go     sign and revoke
//
// Vault itself is not used: its server does not build from Go modules.
package vaultserver
