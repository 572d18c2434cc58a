package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// maxRivals is how many other Certificates are named in a message.
const maxRivals = 3

// ShareSecret says which of the Certificates that name one Secret has the
// right to it (contract 2.1): the one that the Secret was issued for, else the
// oldest, else the first by name. To that one it names the rivals in the order
// of their names, to the others the owner. Certificates that are being deleted
// give way.
func ShareSecret(self *cmv1.Certificate, sharing []*cmv1.Certificate, issuedFor string) (owner string, rivals []string) {
	first := self
	for _, other := range sharing {
		if other.Name == self.Name || !other.DeletionTimestamp.IsZero() {
			continue
		}
		rivals = append(rivals, other.Name)
		if compareClaims(other, first, issuedFor) < 0 {
			first = other
		}
	}
	if first.Name != self.Name {
		return first.Name, nil
	}
	slices.Sort(rivals)
	return "", rivals
}

func compareClaims(a, b *cmv1.Certificate, issuedFor string) int {
	switch issuedFor {
	case a.Name:
		return -1
	case b.Name:
		return 1
	}
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// yieldSecret leaves the Secret to another Certificate.
func (c *certificateLadder) yieldSecret() {
	message := fmt.Sprintf("Secret %q belongs to Certificate %q; give one of the two another secretName", c.seen.Certificate.Spec.SecretName, c.seen.SecretOwner)
	if c.unready(ReasonSecretConflict, message) {
		c.event(Warning, ReasonSecretConflict, message)
	}
	c.setValidity(true)
	c.clearIssuing()
	if !c.removeLeftKey() && c.seen.Next != nil && !RequestOver(c.seen.Next.Object) {
		c.Action = DeleteRequest{Name: c.seen.Next.Object.Name, UID: c.seen.Next.Object.UID} // nothing would become of it
	}
}

// rivalsText tells the owner of a Secret who else wants it.
func rivalsText(seen *CertificateSeen) string {
	n := len(seen.Rivals)
	if n == 0 {
		return ""
	}
	named := make([]string, 0, maxRivals)
	for _, name := range seen.Rivals[:min(n, maxRivals)] {
		named = append(named, fmt.Sprintf("%q", name))
	}
	text := "Certificate " + named[0]
	if n > 1 {
		text = "Certificates " + strings.Join(named, ", ")
	}
	if n > maxRivals {
		text += fmt.Sprintf(" and %d more", n-maxRivals)
	}
	if n == 1 {
		return fmt.Sprintf("%s names the same Secret %q and gets nothing; give it another secretName", text, seen.Certificate.Spec.SecretName)
	}
	return fmt.Sprintf("%s name the same Secret %q and get nothing; give them other secretNames", text, seen.Certificate.Spec.SecretName)
}
