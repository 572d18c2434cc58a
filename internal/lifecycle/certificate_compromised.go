package lifecycle

import (
	"crypto"
	"fmt"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// A key that is known to others must not be in any certificate again: a
// CompromisedKey says so (api/v1alpha1). A certificate that has one is issued
// anew with another key, whatever rotationPolicy says and whoever put the key
// into the Secret; until then the Certificate is Revoked=True.

// CompromisedKeys are keys that no certificate may have.
type CompromisedKeys []CompromisedKeySeen

// CompromisedKeySeen is one of them.
type CompromisedKeySeen struct {
	Key crypto.PublicKey
	By  string // the CompromisedKey, as namespace/name
}

// of returns what says that a key is known to others; empty if nothing does.
func (k CompromisedKeys) of(key crypto.PublicKey) string {
	for i := range k {
		if pki.SameKey(k[i].Key, key) {
			return k[i].By
		}
	}
	return ""
}

// Keys are those that a decision has to know of whether others know them.
func (seen *CertificateSeen) Keys() []crypto.PublicKey {
	var keys []crypto.PublicKey
	add := func(key crypto.PublicKey) {
		for _, known := range keys {
			if key == nil || pki.SameKey(known, key) {
				return
			}
		}
		if key != nil {
			keys = append(keys, key)
		}
	}
	if seen.Secret != nil {
		add(seen.Secret.PublicKey)
	}
	if seen.NextKey != nil {
		add(seen.NextKey.PublicKey)
	}
	if seen.Next != nil && seen.Next.CSR != nil {
		add(seen.Next.CSR.PublicKey)
	}
	return keys
}

// keyCompromised is why a certificate is issued anew whose key others know.
func keyCompromised(seen *CertificateSeen, _ time.Time) *violation {
	if seen.Secret == nil || seen.Secret.PublicKey == nil || seen.Revoked.Ended != nil {
		return nil
	}
	by := seen.Compromised.of(seen.Secret.PublicKey)
	if by == "" {
		return nil
	}
	return &violation{cmv1.CertificateReasonCompromisedKey, fmt.Sprintf("the key in Secret %q must not be used any more, says CompromisedKey %q", seen.Certificate.Spec.SecretName, by)}
}

// otherKey says whether the issuance under way must end with another key than
// the one in the Secret.
func (c *certificateLadder) otherKey() bool {
	if c.begunForOtherKey() || c.seen.revocation().compromise {
		return true
	}
	return c.seen.Secret != nil && c.seen.Compromised.of(c.seen.Secret.PublicKey) != ""
}

func (c *certificateLadder) begunForOtherKey() bool {
	why := pursued(&c.Status)
	return why != nil && (why.reason == cmv1.CertificateReasonReplacementRequested || why.reason == cmv1.CertificateReasonCompromisedKey)
}

// spent says whether a key must not be issued for: others know it, or it is
// the one that is to be replaced.
func (c *certificateLadder) spent(key crypto.PublicKey) bool {
	if c.seen.Compromised.of(key) != "" {
		return true
	}
	return c.seen.Secret != nil && c.seen.Secret.PublicKey != nil && pki.SameKey(key, c.seen.Secret.PublicKey) && c.otherKey()
}

// forSpentKey says whether a request is for a key that must not be issued for.
func (c *certificateLadder) forSpentKey(r *SeenRequest) bool {
	return r.CSR != nil && c.spent(r.CSR.PublicKey)
}

// keptKey says whether the certificate that is stored now has the key of the
// one before although it was to be replaced: that was asked for when its
// issuance was over but for saying so.
func (c *certificateLadder) keptKey() bool {
	current, next := c.seen.Current, c.seen.Next
	return c.begunForOtherKey() && current != nil && current.CSR != nil && next.CSR != nil && pki.SameKey(current.CSR.PublicKey, next.CSR.PublicKey)
}
