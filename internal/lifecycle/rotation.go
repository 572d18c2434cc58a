package lifecycle

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// The CA behind a CA issuer is a Secret, and one day there is another CA in
// it. What then becomes of the certificates that the former one signed:
//
//	CA Secret changes
//	   |  issuer controller: condition SigningCA names the new CA, event CARotated
//	   v
//	every Certificate of the issuer is looked at once
//	   |
//	   +-- its leaf verifies under the new CA (same key, same subject):
//	   |     nothing is issued; chain and ca.crt of its Secret are replaced
//	   |     by the new ones
//	   |
//	   +-- it does not: condition SignedByFormerCA
//	         |  spec.ca.reissueOnRotation, and its turn has come
//	         v
//	       issued anew (reason CARotated); the condition goes
//
// A CA that was renewed with its key and its name is the same CA: whoever
// trusts the old certificate trusts what the new one signs, and the other way
// round. So nothing is issued, but clients that take their trust from ca.crt
// must not be left with a certificate that expires: it is brought up to date,
// whether reissueOnRotation is set or not.
//
// Turns: when all Certificates of the issuer have been looked at since the CA
// changed, those that expire first go first, and at most MaxReissues are under
// way. One that has failed, or can not be issued, does not hold up the others;
// it comes back when its own wait is over.
//
// In a chain of CAs the wave travels down by itself: an intermediate that is
// issued anew changes the Secret of the issuer below, whose Certificates are
// then looked at. It ends where a Certificate is no CA, or where an
// intermediate keeps its key (rotationPolicy Never). The certificate of a CA
// is never said to be signed by a former one by its own issuer, and no
// Certificate is issued anew within minSpacing of the last time, so that
// issuers that sign each other in a circle do not spin.
//
// Nothing of it is remembered that can not be had again: the condition of the
// issuer, the leaf and the condition Issuing tell after a restart who is
// under way and who is left.

// MaxReissues is how many certificates of one issuer are issued anew at the
// same time because of its CA. Enough to get through 10,000 within minutes,
// few enough that other certificates of the issuer are not kept waiting.
const MaxReissues = 10

// RotatingState is where a certificate of a former CA stands.
type RotatingState int

const (
	// RotatingWaiting: its turn has not come.
	RotatingWaiting RotatingState = iota
	// RotatingGranted: its turn has come; it is about to begin.
	RotatingGranted
	// RotatingIssuing: it is being issued, for whatever reason.
	RotatingIssuing
	// RotatingResting: its turn has come and it could not begin. It is asked
	// again when something has changed.
	RotatingResting
)

// RotatingCertificate is a certificate that a former CA of its issuer signed.
type RotatingCertificate struct {
	types.NamespacedName

	NotAfter time.Time
	State    RotatingState
}

// RotationSeen is everything that one decision about the turns of an issuer
// needs.
type RotationSeen struct {
	// Reissue is the issuer's spec.ca.reissueOnRotation.
	Reissue bool
	// Unlooked is how many of the issuer's Certificates have not been looked
	// at since its CA changed: each may be the one that expires first.
	Unlooked int
	// Former are the certificates of former CAs, in any order.
	Former []RotatingCertificate
}

// NextRotation decides whose turn it is: those that expire first, the first in
// front, as many as there is room for.
func NextRotation(seen RotationSeen) []types.NamespacedName {
	if !seen.Reissue || seen.Unlooked > 0 {
		return nil
	}
	room := MaxReissues
	for i := range seen.Former {
		if s := seen.Former[i].State; s == RotatingGranted || s == RotatingIssuing {
			room--
		}
	}
	if room <= 0 {
		return nil
	}
	// Of many only the first few are wanted, each time that one is done.
	first := make([]*RotatingCertificate, 0, room+1)
	for i := range seen.Former {
		c := &seen.Former[i]
		if c.State != RotatingWaiting {
			continue
		}
		if len(first) == room && compareRotating(c, first[room-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(first, c, compareRotating)
		first = slices.Insert(first, at, c)
		first = first[:min(len(first), room)]
	}
	turns := make([]types.NamespacedName, len(first))
	for i, c := range first {
		turns[i] = c.NamespacedName
	}
	return turns
}

func compareRotating(a, b *RotatingCertificate) int {
	return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
