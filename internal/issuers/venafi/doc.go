// Package venafi speaks with CyberArk Certificate Manager, which was Venafi: the
// self-hosted one (Trust Protection Platform, its Web SDK), the one that is a
// service (api.venafi.cloud), and Next-Generation Trust Security, which is the
// service's API behind an OAuth client and without applications.
//
//	server.go       what an issuer asks of any of the three
//	tpp.go          the self-hosted one; tpp_policy.go reads its policy
//	saas.go         the service, and Next-Generation Trust Security; saas_policy.go
//	token.go        tokens, which are asked for once in their life
//	exchange.go     one request and its answer
//	errors.go       what went wrong, classed by what can be done about it
//	zone.go         what is known of a zone, and for how long
//	policy.go       what a zone allows, so that a refusal says which value and why
//	fields.go       custom fields in an annotation
//
// It knows nothing of Kubernetes and has no dependency besides the standard
// library. Nothing here waits for a certificate: Submit gives an id, and
// Retrieve answers with the certificate or that there is none yet.
package venafi
