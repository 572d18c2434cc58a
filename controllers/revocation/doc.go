// Package revocation carries out Revocations: it finds the certificate, has it
// issued anew first where that is wanted, and asks its CA to revoke it.
//
// Who may create a Revocation may end any certificate of its namespace, and no
// other: of what a Secret holds, the private key beside it or a
// CertificateRequest of the namespace has to vouch for it, because who can
// write Secrets could put anybody's certificate there. Who names a certificate
// by PEM that a ClusterIssuer has issued needs a permission of its own, which an
// admission policy asks for (charts/certwright/templates/policy-revocation.yaml).
package revocation
