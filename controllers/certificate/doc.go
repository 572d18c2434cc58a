// Package certificate reconciles Certificates: it gathers what one decision of
// lifecycle.NextCertificate needs, and carries the decision out.
package certificate
