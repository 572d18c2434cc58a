// Package issuers has the signers: how each kind of issuer makes a certificate
// out of a CertificateRequest, and how it is known that it can.
//
//	selfsigned.go   with the key of the certificate itself
//	ca.go           with the key of a CA in a Secret; keypair.go reads it
//	ca_crl*.go      the revocation lists of such a CA: who signs and stores them,
//	                and how certificates get on them
//	acme.go         by an Order, which the order controller brings to an end
//	vault*.go       by the PKI secrets engine of a Vault server: what the issuer
//	                says, how it logs in, what its requests share
//	venafi.go       by a CyberArk Certificate Manager; venafi_servers.go keeps the
//	                clients, and the folder venafi speaks with the servers
//	accounts.go     the ACME account of an issuer: its key and its client;
//	                registration.go makes the CA know it, rollover.go gives it
//	                another key, deactivation.go ends it
//
// A signer answers with a lifecycle.Outcome. What it returns as an error is of
// the API server or the machine, and is tried again; whatever a person can read
// and mend is an Outcome.
package issuers
