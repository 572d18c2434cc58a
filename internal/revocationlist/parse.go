package revocationlist

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxSerial is how many bytes a serial number has at most (RFC 5280, section
// 4.1.2.2).
const maxSerial = 20

// entry is one line of a list. There may be very many.
type entry struct {
	serial [maxSerial]byte // with zeros in front
	at     uint32          // Unix time: RFC 5280 has revocations after 2106 as little as we do
	reason uint8
}

// list is what is kept of one.
type list struct {
	thisUpdate, nextUpdate time.Time
	entries                []entry // by serial number
}

// Extensions that change what a list means (RFC 5280, section 5.2).
var (
	oidDeltaIndicator    = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidAuthorityKey      = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidNumber            = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidReason            = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidCertificateIssuer = asn1.ObjectIdentifier{2, 5, 29, 29}
)

// readList reads a list in DER that must be signed by the issuer. It reads the
// entries itself: as x509 makes them, each takes a kilobyte, so that a large
// list would take more memory than all the rest of the operator.
func readList(der []byte, issuer *x509.Certificate) (*list, error) {
	tbs, entries, head, err := split(der)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseRevocationList(head)
	if err != nil {
		return nil, errNoList
	}
	if !bytes.Equal(parsed.RawIssuer, issuer.RawSubject) {
		return nil, errors.New("the list is of another CA")
	}
	if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return nil, errors.New("the CA's certificate does not allow it to sign revocation lists")
	}
	if err := issuer.CheckSignature(parsed.SignatureAlgorithm, tbs, parsed.Signature); err != nil {
		return nil, errors.New("the list is not signed by the CA")
	}
	if err := checkScope(parsed); err != nil {
		return nil, err
	}
	l := &list{thisUpdate: parsed.ThisUpdate, nextUpdate: parsed.NextUpdate, entries: make([]entry, 0, len(entries)/leastEntry)}
	for !entries.Empty() {
		e, ok, err := readEntry(&entries)
		if err != nil {
			return nil, err
		}
		if ok {
			l.entries = append(l.entries, e)
		}
	}
	l.entries = slices.Clip(l.entries)
	slices.SortFunc(l.entries, func(a, b entry) int { return bytes.Compare(a.serial[:], b.serial[:]) })
	return l, nil
}

var errNoList = errors.New("what is there is no revocation list in DER") // and nothing of what it is

// leastEntry is how many bytes an entry of a usual list has at least.
const leastEntry = 32

// split takes the entries out of a list (RFC 5280, section 5.1). tbs is what is
// signed, head the list without its entries.
func split(der []byte) (tbs []byte, entries cryptobyte.String, head []byte, err error) {
	input := cryptobyte.String(der)
	var outer, signed, inner, part cryptobyte.String
	if !input.ReadASN1(&outer, cryptobyteasn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Element(&signed, cryptobyteasn1.SEQUENCE) {
		return nil, nil, nil, errNoList
	}
	tbs = signed
	if !signed.ReadASN1(&inner, cryptobyteasn1.SEQUENCE) {
		return nil, nil, nil, errNoList
	}
	var kept []byte
	times := 0
	for !inner.Empty() {
		var tag cryptobyteasn1.Tag
		if !inner.ReadAnyASN1Element(&part, &tag) {
			return nil, nil, nil, errNoList
		}
		if tag == cryptobyteasn1.UTCTime || tag == cryptobyteasn1.GeneralizedTime {
			times++
		}
		if tag == cryptobyteasn1.SEQUENCE && times > 0 && entries == nil {
			if !part.ReadASN1(&entries, cryptobyteasn1.SEQUENCE) {
				return nil, nil, nil, errNoList
			}
			continue
		}
		kept = append(kept, part...)
	}
	var b cryptobyte.Builder
	b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cryptobyteasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(kept) })
		b.AddBytes(outer)
	})
	if head, err = b.Bytes(); err != nil {
		return nil, nil, nil, errNoList
	}
	return tbs, entries, head, nil
}

// readEntry reads the next entry. It says false for one of no certificate that
// could be asked about.
func readEntry(entries *cryptobyte.String) (e entry, ok bool, err error) {
	var item, serial, at, extensions cryptobyte.String
	var tag cryptobyteasn1.Tag
	if !entries.ReadASN1(&item, cryptobyteasn1.SEQUENCE) || !item.ReadASN1(&serial, cryptobyteasn1.INTEGER) || !item.ReadAnyASN1(&at, &tag) {
		return entry{}, false, errNoList
	}
	if !item.Empty() && !item.ReadASN1(&extensions, cryptobyteasn1.SEQUENCE) || !item.Empty() {
		return entry{}, false, errNoList
	}
	when, err := readTime(at, tag)
	if err != nil {
		return entry{}, false, err
	}
	e.at = unixTime(when)
	for !extensions.Empty() {
		if err := e.readExtension(&extensions); err != nil {
			return entry{}, false, err
		}
	}
	for len(serial) > 0 && serial[0] == 0 {
		serial = serial[1:]
	}
	if len(serial) == 0 || len(serial) > maxSerial {
		return entry{}, false, nil
	}
	copy(e.serial[maxSerial-len(serial):], serial)
	return e, true, nil
}

func readTime(text []byte, tag cryptobyteasn1.Tag) (time.Time, error) {
	layout := "060102150405Z"
	switch tag {
	case cryptobyteasn1.UTCTime:
	case cryptobyteasn1.GeneralizedTime:
		layout = "20060102150405Z"
	default:
		return time.Time{}, errNoList
	}
	t, err := time.Parse(layout, string(text))
	if err != nil {
		return time.Time{}, errNoList
	}
	if tag == cryptobyteasn1.UTCTime && t.Year() >= 2050 { // RFC 5280, section 4.1.2.5.1
		t = t.AddDate(-100, 0, 0)
	}
	return t, nil
}

// readExtension reads an extension of an entry (RFC 5280, section 5.3).
func (e *entry) readExtension(extensions *cryptobyte.String) error {
	var extension, value cryptobyte.String
	var oid asn1.ObjectIdentifier
	critical := false
	if !extensions.ReadASN1(&extension, cryptobyteasn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&oid) ||
		(extension.PeekASN1Tag(cryptobyteasn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical)) || !extension.ReadASN1(&value, cryptobyteasn1.OCTET_STRING) {
		return errNoList
	}
	switch {
	case oid.Equal(oidReason):
		var reason int
		if !value.ReadASN1Enum(&reason) || reason < 0 || reason > 255 {
			return errNoList
		}
		e.reason = uint8(reason)
	case critical || oid.Equal(oidCertificateIssuer):
		return errors.New("the list has entries that mean something else than usual")
	}
	return nil
}

// checkScope refuses lists that do not speak of the certificates of their CA,
// or not of all that they could.
func checkScope(parsed *x509.RevocationList) error {
	for _, e := range parsed.Extensions {
		switch {
		case e.Id.Equal(oidDeltaIndicator):
			return errors.New("the list has changes only")
		case e.Id.Equal(oidDistributionPoint):
			// One of several lists of a CA is what a certificate names.
			var point struct {
				Name            asn1.RawValue  `asn1:"optional,tag:0"`
				UserOnly        bool           `asn1:"optional,tag:1"`
				CAOnly          bool           `asn1:"optional,tag:2"`
				SomeReasons     asn1.BitString `asn1:"optional,tag:3"`
				Indirect        bool           `asn1:"optional,tag:4"`
				AttributionOnly bool           `asn1:"optional,tag:5"`
			}
			if rest, err := asn1.Unmarshal(e.Value, &point); err != nil || len(rest) > 0 {
				return errors.New("the list has a scope that can not be read")
			}
			if point.Indirect || point.AttributionOnly {
				return errors.New("the list is about other certificates")
			}
		case e.Critical && !e.Id.Equal(oidAuthorityKey) && !e.Id.Equal(oidNumber):
			return fmt.Errorf("the list has an extension %s that is not understood", e.Id)
		}
	}
	return nil
}

// find looks a serial number up.
func (l *list) find(serial [maxSerial]byte) (entry, bool) {
	at, found := slices.BinarySearchFunc(l.entries, serial, func(e entry, serial [maxSerial]byte) int { return bytes.Compare(e.serial[:], serial[:]) })
	if !found {
		return entry{}, false
	}
	return l.entries[at], true
}

func serialOf(n *big.Int) (serial [maxSerial]byte, ok bool) {
	if n == nil || n.Sign() <= 0 || n.BitLen() > 8*maxSerial {
		return serial, false
	}
	n.FillBytes(serial[:])
	return serial, true
}

func unixTime(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), 1<<32-1))
}
