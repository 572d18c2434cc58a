package lifecycle

import (
	"crypto"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

// simKnown is what a world knows of keys that others know, and of what CAs
// have revoked.
type simKnown struct {
	compromised []crypto.PublicKey
	revoked     map[string]RevokedSeen // by certificate
	unread      bool                   // the CA's list has not been read
	ended       string                 // the Revocation without replacement of the certificate with that serial
	endedSerial int64
}

// simKnownMost leaves most of the pool's keys.
const simKnownMost = 6

func (k *simKnown) burn(key crypto.PublicKey) {
	if key == nil || k.burned(key) {
		return
	}
	k.compromised = append(k.compromised, key)
	if len(k.compromised) > simKnownMost {
		k.compromised = k.compromised[1:]
	}
}

func (k *simKnown) burned(key crypto.PublicKey) bool {
	for _, known := range k.compromised {
		if pki.SameKey(known, key) {
			return true
		}
	}
	return false
}

func (k *simKnown) see(seen *CertificateSeen) {
	for _, key := range seen.Keys() {
		if k.burned(key) {
			seen.Compromised = append(seen.Compromised, CompromisedKeySeen{key, "shop/0123"})
		}
	}
	leaf := seen.Secret.Leaf()
	if leaf == nil {
		return
	}
	if !k.unread {
		seen.Revoked = k.revoked[string(leaf.Raw)]
		seen.Revoked.Known = true
	}
	if k.ended != "" && k.endedSerial == leaf.SerialNumber.Int64() {
		seen.Revoked.Ended = &EndedSeen{Name: k.ended, At: simStart}
	}
}

// revoke has the CA revoke the certificate in the Secret.
func (w *certificateWorld) revoke(reason string) {
	if leaf := w.readSecret().Leaf(); leaf != nil {
		w.revoked[string(leaf.Raw)] = RevokedSeen{Revoked: true, At: w.now.Truncate(time.Second), Reason: reason, Compromise: reason == "keyCompromise"}
	}
}
