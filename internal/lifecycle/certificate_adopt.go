package lifecycle

import "github.com/certwright/certwright/internal/pki"

// adopt takes the revision from the requests when the status has lost it, as
// after a restore: else numbering would begin anew, and the request that tells
// what the certificate was issued for would count for nothing.
func (c *certificateLadder) adopt() bool {
	current := c.seen.Current
	if c.Status.Revision != nil || current == nil {
		return false
	}
	revision, numbered := Revision(current.Object)
	if !numbered || c.seen.Secret == nil || current.CSR == nil || !pki.SameKey(current.CSR.PublicKey, c.seen.Secret.PublicKey) {
		c.seen.Current = nil // of another life
		return false
	}
	c.Status.Revision = &revision
	return true
}
