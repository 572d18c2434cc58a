// Package lifecycle decides. For each kind of object that takes part in issuing
// a certificate there is one function that looks at everything known about an
// object and says what to do next:
//
//	NextCertificate   Certificate          certificate.go, policy.go
//	NextRequest       CertificateRequest   request.go
//	NextOrder         Order                order.go
//	NextChallenge     Challenge            challenge.go
//	NextIssuer        Issuer, ClusterIssuer   issuer.go
//	NextRevocation    Revocation           revocation.go
//	NextReissue       Reissue              reissue.go
//
// and one that gives turns to many Certificates: NextRotation, rotation.go.
//
// They are pure: no I/O, no clock but the one passed in, no chance. The same
// input gives the same decision, so the controllers, the command line's
// explanations, the simulator and the tests all speak of the same thing. What
// is random (keys, signatures) is made by who carries the decision out.
//
// # States of a Certificate
//
//	               spec can not be a certificate: InvalidSpec, until an edit
//	               Secret belongs to another:     SecretConflict, until it is freed;
//	                                              its owner is told, and goes on
//
//	         nothing wrong, not due
//	          +----------------+
//	          v                |
//	      +-------+    wrong or due     +---------------------------------------+
//	----> | watch | ------------------> | issue           (Issuing=True)        |
//	      +-------+                     |                                       |
//	        ^   ^                       |  no key         -> CreateNextKey      |
//	        |   |                       |  key unfit      -> DeleteNextKey      |
//	        |   |                       |  no request     -> CreateRequest      |
//	        |   |                       |  request unfit  -> DeleteRequest      |
//	        |   |                       |  pending        -> wait for it        |
//	        |   |                       |  issued         -> StoreCertificate   |
//	        |   |                       +---------------------------------------+
//	        |   |                          |                       |
//	        |   |      stored in Secret    |                       | refused
//	        |   +--- DeleteNextKey; revision+1; Ready=True         |
//	        |                                                      |
//	        +----- Issuing=False; attempts+1; wait 1 h .. 32 h <---+
//	               (or for an edit)
//
// What is "wrong" are the reasons of policy.go in their order, "due" is what
// renewal.go plans. What is wrong again right after it was mended waits for five
// minutes (certificate_spacing.go): nothing that destroys a Secret, no spec and
// no issuer turns into a stream of certificates.
//
// A certificate whose key others know, or that its CA has revoked, is wrong
// before everything else (certificate_compromised.go, certificate_revoked.go). So is
// one that somebody wants replaced (certificate_replacement.go). Such issuances keep
// their reason in the condition Issuing when they fail, and never the key.
//
// Every arrow is one write to a child or one to the status. The process may die
// after any of them: the next pass finds the child by its deterministic name and
// goes on.
//
// # When the CA of an issuer changes
//
// A certificate belongs to the CA of its issuer if it verifies under that: the
// same key and the same subject. So a CA that was renewed with both is the same
// CA. Nothing is issued then, but the chain in tls.crt and the ca.crt of each
// Secret are replaced by the present ones, or clients that trust ca.crt would
// be left with a root that expires. Any other change makes a former CA of the
// one before: its certificates are marked SignedByFormerCA, stay Ready, and are
// issued anew in turns if the issuer says so. rotation.go draws it.
//
// The states of the other kinds are drawn at the top of their files.
package lifecycle
