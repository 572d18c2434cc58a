// Package vault speaks the HTTP API of a Vault server, as far as an issuer of
// certificates needs it: logging in, keeping a token alive, signing and revoking
// by the PKI secrets engine, and asking whether the server is up. It knows
// nothing of Kubernetes.
//
//	client.go   one request, and how the server is reached and trusted
//	errors.go   what went wrong, in words that stay the same
//	login.go    the auth methods AppRole, Kubernetes, TLS certificates and AWS
//	token.go    how long a token lives, and its renewal
//	pki.go      sign and revoke
//	health.go   whether the server can be used
//
// The API is that of HashiCorp Vault 1.x and of OpenBao, as documented under
// /v1. The official client module is not used: these eight endpoints are a few
// hundred lines, and its dependencies are not needed for them.
package vault
