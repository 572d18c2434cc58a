package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// MaxRevocationListSize bounds a revocation list that is read, in bytes. It is
// what a Secret can hold (1 MiB).
const MaxRevocationListSize = 1 << 20

// maxKeyIDSize bounds the key identifiers of lists, in bytes. Usual are 20.
const maxKeyIDSize = 64

// RevokedCertificate is one entry of a revocation list.
type RevokedCertificate struct {
	Serial *big.Int
	// At is when it was revoked, to the second.
	At time.Time
	// Reason is the number of RFC 5280, section 5.3.1; 0 is unspecified.
	Reason int
	// NotAfter is when the certificate expires, after which the entry can go;
	// zero if that is not known. A list does not say it, see
	// [RevocationList.Expiries].
	NotAfter time.Time
}

// RevocationList is a list of the certificates that a CA has revoked, of all
// that it signed with one key (RFC 5280, section 5). It must not be changed.
type RevocationList struct {
	Raw []byte // DER

	Number                 *big.Int
	ThisUpdate, NextUpdate time.Time
	// AuthorityKeyID names the key, RawIssuer the CA in DER.
	AuthorityKeyID, RawIssuer []byte
	Revoked                   []RevokedCertificate

	parsed *x509.RevocationList
	places map[string]int // of serial numbers in Revoked
}

// DecodeRevocationList reads a list in DER, and with it what Expiries made of
// it; expiries that are of another list, or none, leave all times unknown. It
// refuses lists that are not of the kind that SignRevocationList makes. The
// signature is not looked at, see SignedBy.
func DecodeRevocationList(der, expiries []byte) (*RevocationList, error) {
	if len(der) > MaxRevocationListSize {
		return nil, fmt.Errorf("decode revocation list: %d bytes are more than the limit of %d", len(der), MaxRevocationListSize)
	}
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("decode revocation list: %w", err)
	}
	switch {
	case len(parsed.Raw) != len(der):
		err = errors.New("something follows the list")
	case parsed.Number == nil || parsed.Number.Sign() <= 0:
		err = errors.New("it has no number")
	case parsed.NextUpdate.IsZero() || !parsed.NextUpdate.After(parsed.ThisUpdate):
		err = errors.New("it does not say how long it is valid")
	case len(parsed.AuthorityKeyId) == 0 || len(parsed.AuthorityKeyId) > maxKeyIDSize:
		err = errors.New("it does not say by which key it is signed")
	}
	if err != nil {
		return nil, fmt.Errorf("decode revocation list: %w", err)
	}
	l := &RevocationList{
		Raw: der, Number: parsed.Number, ThisUpdate: parsed.ThisUpdate, NextUpdate: parsed.NextUpdate,
		AuthorityKeyID: parsed.AuthorityKeyId, RawIssuer: parsed.RawIssuer,
		Revoked: make([]RevokedCertificate, len(parsed.RevokedCertificateEntries)),
		parsed:  parsed,
		places:  make(map[string]int, len(parsed.RevokedCertificateEntries)),
	}
	for i := range parsed.RevokedCertificateEntries {
		e := &parsed.RevokedCertificateEntries[i]
		serial := string(e.SerialNumber.Bytes())
		if _, twice := l.places[serial]; twice || e.SerialNumber.Sign() <= 0 {
			return nil, fmt.Errorf("decode revocation list: serial number %x is there twice, or no serial number", e.SerialNumber)
		}
		l.places[serial] = i
		l.Revoked[i] = RevokedCertificate{Serial: e.SerialNumber, At: e.RevocationTime, Reason: e.ReasonCode}
	}
	// Most of it, and not needed any more.
	parsed.RevokedCertificateEntries = nil
	parsed.RevokedCertificates = nil //nolint:staticcheck // deprecated, and filled all the same
	l.setExpiries(expiries)
	return l, nil
}

// Find returns the entry of a serial number; ok is false if there is none.
func (l *RevocationList) Find(serial *big.Int) (entry RevokedCertificate, ok bool) {
	if l == nil || serial.Sign() <= 0 {
		return RevokedCertificate{}, false
	}
	at, ok := l.places[string(serial.Bytes())]
	if !ok {
		return RevokedCertificate{}, false
	}
	return l.Revoked[at], true
}

// SignedBy says whether the list was signed with the key of a certificate of
// the CA.
func (l *RevocationList) SignedBy(ca *x509.Certificate) bool {
	return ca.CheckSignature(l.parsed.SignatureAlgorithm, l.parsed.RawTBSRevocationList, l.parsed.Signature) == nil
}
