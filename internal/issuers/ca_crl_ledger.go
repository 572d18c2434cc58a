package issuers

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

const (
	// maxListBytes is how much data a Secret with lists may hold. The API
	// server takes 1,048,576 bytes; the rest is for what else people put there.
	maxListBytes = 1_000_000
	// nearlyFullBytes is when people are told to do something about it.
	nearlyFullBytes = maxListBytes / 10 * 8
	// maxEntryBytes is more than one more entry costs: a serial number of 20
	// bytes, a time, a reason, and the time of expiry beside the list.
	maxEntryBytes = 64

	// defaultListValidity is that of a list whose issuer does not say another.
	defaultListValidity = 7 * 24 * time.Hour
)

// ledger is a Secret with revocation lists, parsed once for each version.
type ledger struct {
	secret *corev1.Secret // nil if it does not exist
	lists  map[string]*pki.RevocationList
}

// readLedger reads the lists in a Secret, nil if there is none. What can not be
// read is as if it were not there: nothing else than the operator writes lists,
// and one that is damaged has to be replaced.
func readLedger(secret *corev1.Secret) *ledger {
	l := &ledger{secret: secret, lists: map[string]*pki.RevocationList{}}
	if secret == nil {
		return l
	}
	for name, der := range secret.Data {
		id, ok := strings.CutSuffix(name, ListSuffix)
		if !ok {
			continue
		}
		list, err := pki.DecodeRevocationList(der, secret.Data[id+expiriesSuffix])
		if err == nil && listKey(list.AuthorityKeyID) == name {
			l.lists[name] = list
		}
	}
	return l
}

func (l *ledger) is(secret *corev1.Secret) bool {
	return l != nil && l.secret != nil && l.secret.UID == secret.UID && l.secret.ResourceVersion == secret.ResourceVersion
}

func (l *ledger) size() int {
	if l.secret == nil {
		return 0
	}
	return sizeOf(l.secret.Data)
}

func sizeOf(data map[string][]byte) int {
	n := 0
	for _, value := range data {
		n += len(value)
	}
	return n
}

// room is how many more entries a number of bytes leaves room for.
func room(size int) int { return max(0, maxListBytes-size) / maxEntryBytes }

// listPass signs what has to be signed of the lists of one CA.
type listPass struct {
	issuer cmv1.GenericIssuer
	pair   *keyPair
	by     pki.ListSigner
	random io.Reader
	now    time.Time
}

// current is the name of the list of the key that signs certificates.
func (p *listPass) current() string { return listKey(p.by.KeyID) }

// usable is a list if the CA's key has signed it, so that it can sign the next
// one. That is the case for a list of another key identifier too, if the
// certificate of the CA was renewed with the same key and another identifier.
func (p *listPass) usable(l *ledger, name string) *pki.RevocationList {
	if list := l.lists[name]; list != nil && list.SignedBy(p.pair.cert) {
		return list
	}
	return nil
}

func (p *listPass) validity() time.Duration {
	if v := p.issuer.GetSpec().CA.CRL.Validity; v != nil {
		return max(v.Truncate(time.Second), time.Second)
	}
	return defaultListValidity
}

// refreshAt is when a list is signed anew: when half of its life is over, or up
// to a twentieth of it sooner, so that the lists of many issuers do not stay
// together.
func (p *listPass) refreshAt(list *pki.RevocationList) time.Time {
	life := list.NextUpdate.Sub(list.ThisUpdate)
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%s/%s", p.issuer.GetUID(), list.Number) // a hash takes everything
	early := time.Duration(h.Sum32()%1000) * (life / 20) / 1000
	return list.ThisUpdate.Add(life/2 - early)
}

func (p *listPass) isDue(list *pki.RevocationList) bool {
	return list.NextUpdate.Sub(list.ThisUpdate) != p.validity() || !p.now.Before(p.refreshAt(list))
}

// wake is when the first list is due.
func (p *listPass) wake(l *ledger) time.Time {
	var first time.Time
	for name := range l.lists {
		if list := p.usable(l, name); list != nil {
			if at := p.refreshAt(list); first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first
}

// next is the data of the Secret with all lists that are due or get more
// entries signed anew; nil if there is nothing to do. A list of a key that the
// CA does not have any more stays until it has run out: nobody can sign
// another one.
func (p *listPass) next(l *ledger, add map[string][]pki.RevokedCertificate) (map[string][]byte, error) {
	data := map[string][]byte{}
	if l.secret != nil {
		for name, value := range l.secret.Data {
			data[name] = value
		}
	}
	names := map[string]bool{p.current(): true}
	for name := range l.lists {
		names[name] = true
	}
	for name := range add {
		names[name] = true
	}
	changed := false
	for name := range names {
		previous := p.usable(l, name)
		foreign := previous == nil && name != p.current() && add[name] == nil
		switch {
		case foreign && p.now.After(l.lists[name].NextUpdate):
			delete(data, name)
			delete(data, strings.TrimSuffix(name, ListSuffix)+expiriesSuffix)
			continue // alone it is not worth a write
		case foreign, previous != nil && !p.isDue(previous) && !anyNew(previous, add[name]):
			continue
		}
		by, err := p.signerOf(name, previous)
		if err != nil {
			return nil, err
		}
		list, err := pki.SignRevocationList(p.random, by, previous, add[name], p.validity(), p.now)
		if err != nil {
			return nil, err
		}
		data[name], data[strings.TrimSuffix(name, ListSuffix)+expiriesSuffix] = list.Raw, list.Expiries()
		changed = true
	}
	if !changed {
		return nil, nil
	}
	return data, nil
}

func anyNew(list *pki.RevocationList, add []pki.RevokedCertificate) bool {
	for _, e := range add {
		if _, there := list.Find(e.Serial); !there {
			return true
		}
	}
	return false
}

// signerOf is the signer of the list with a name.
func (p *listPass) signerOf(name string, previous *pki.RevocationList) (pki.ListSigner, error) {
	if name == p.current() {
		return p.by, nil
	}
	by := p.by
	if previous != nil {
		by.KeyID, by.RawSubject = previous.AuthorityKeyID, previous.RawIssuer
		return by, nil
	}
	id, err := keyIDOf(name)
	if err != nil {
		return pki.ListSigner{}, err
	}
	by.KeyID = id
	return by, nil
}
