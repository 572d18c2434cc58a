package pki

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// A revocation list does not say when the certificates on it expire, but who
// keeps the list must know that to take entries off. The times are kept beside
// the list, four bytes for each entry, in the order of the list:
//
//	32 bytes  SHA-256 of the list that they belong to
//	 4 bytes  for each entry: minutes since 1970, rounded up; 0 if not known
//
// An extension of our own within the entries would cost every relying party
// five times as much. If the times are lost, entries stay that could go, and
// nothing else happens.

// expirySize is the size of one time.
const expirySize = 4

// Expiries are the times at which the certificates on the list expire, for
// DecodeRevocationList.
func (l *RevocationList) Expiries() []byte {
	digest := sha256.Sum256(l.Raw)
	out := make([]byte, 0, len(digest)+expirySize*len(l.Revoked))
	out = append(out, digest[:]...)
	for i := range l.Revoked {
		out = binary.BigEndian.AppendUint32(out, minutes(l.Revoked[i].NotAfter))
	}
	return out
}

func (l *RevocationList) setExpiries(expiries []byte) {
	digest := sha256.Sum256(l.Raw)
	times, found := bytes.CutPrefix(expiries, digest[:])
	if !found || len(times) != expirySize*len(l.Revoked) {
		return
	}
	for i := range l.Revoked {
		if m := binary.BigEndian.Uint32(times[expirySize*i:]); m != 0 {
			l.Revoked[i].NotAfter = time.Unix(int64(m)*60, 0).UTC()
		}
	}
}

// minutes rounds up. Four bytes are enough for the last time that a
// certificate can have, the end of the year 9999.
func minutes(t time.Time) uint32 {
	if t.IsZero() || t.Unix() < 0 {
		return 0
	}
	return uint32(min((t.Unix()+59)/60, 1<<32-1)) //nolint:gosec // just bounded
}
