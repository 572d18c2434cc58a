package pki

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"
)

// ListSigner signs revocation lists of one key of a CA.
type ListSigner struct {
	// KeyID is what lists and certificates name the key by.
	KeyID []byte
	// RawSubject is the name of the CA in DER.
	RawSubject []byte
	Key        crypto.Signer
}

// NewListSigner is the signer of a CA's lists. It fails if relying parties
// would not take lists that are signed with the key of this certificate (RFC
// 5280, section 4.2.1.3).
func NewListSigner(ca *x509.Certificate, key crypto.Signer) (ListSigner, error) {
	if findExtension(ca.Extensions, oidKeyUsage) != nil && ca.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return ListSigner{}, errors.New(`the CA's certificate has a key usage that lacks "crl sign", so that nobody would accept a list`)
	}
	if len(ca.RawSubject) == 0 || isEmptySubject(ca.RawSubject) {
		return ListSigner{}, errors.New("the CA's certificate has no subject, which a list must name")
	}
	id := KeyID(ca)
	if len(id) > maxKeyIDSize {
		return ListSigner{}, fmt.Errorf("the key identifier of the CA's certificate is longer than %d bytes", maxKeyIDSize)
	}
	return ListSigner{KeyID: id, RawSubject: ca.RawSubject, Key: key}, nil
}

// KeyID is what lists name the key of a CA by: its subject key identifier. A
// CA whose certificate has none gets one made of its public key (RFC 7093,
// section 2, method 1); certificates of such a CA name no key.
func KeyID(ca *x509.Certificate) []byte {
	if len(ca.SubjectKeyId) > 0 {
		return ca.SubjectKeyId
	}
	digest := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	return digest[:20]
}

// SignRevocationList makes the list that follows the previous one, nil if there
// is none, with more entries. What is on the list already stays as it is. An
// entry goes when its certificate has expired, and has been on a list that was
// signed after that, and a whole validity ago (RFC 5280, section 3.3).
//
// Numbers are milliseconds since 1970, or one more than the previous number
// where that is greater: so they grow even if all earlier lists are lost.
func SignRevocationList(random io.Reader, by ListSigner, previous *RevocationList, add []RevokedCertificate, validity time.Duration, now time.Time) (*RevocationList, error) {
	number := big.NewInt(now.UnixMilli())
	now = now.UTC().Truncate(time.Second)
	var entries []RevokedCertificate
	if previous != nil {
		if next := new(big.Int).Add(previous.Number, big.NewInt(1)); next.Cmp(number) > 0 {
			number = next
		}
		if now.Before(previous.ThisUpdate) { // a clock was set back
			now = previous.ThisUpdate
		}
		entries = slices.DeleteFunc(slices.Clone(previous.Revoked), func(e RevokedCertificate) bool {
			return !e.NotAfter.IsZero() && previous.ThisUpdate.After(e.NotAfter) && now.After(e.NotAfter.Add(validity))
		})
	}
	added := map[string]bool{}
	for _, e := range add {
		serial := string(e.Serial.Bytes())
		if _, there := previous.Find(e.Serial); there || added[serial] {
			continue
		}
		added[serial] = true
		entries = append(entries, e)
	}
	template := &x509.RevocationList{
		Number: number, ThisUpdate: now, NextUpdate: now.Add(validity),
		RevokedCertificateEntries: make([]x509.RevocationListEntry, len(entries)),
	}
	for i, e := range entries {
		template.RevokedCertificateEntries[i] = x509.RevocationListEntry{SerialNumber: e.Serial, RevocationTime: e.At.UTC().Truncate(time.Second), ReasonCode: e.Reason}
	}
	// The library wants a certificate, and one that has everything that is
	// merely usual.
	issuer := &x509.Certificate{RawSubject: by.RawSubject, SubjectKeyId: by.KeyID, KeyUsage: x509.KeyUsageCRLSign}
	der, err := x509.CreateRevocationList(random, template, issuer, by.Key)
	if err != nil {
		return nil, fmt.Errorf("sign revocation list: %w", err)
	}
	list, err := DecodeRevocationList(der, nil)
	if err != nil {
		return nil, fmt.Errorf("sign revocation list: read it back: %w", err)
	}
	for i := range list.Revoked {
		list.Revoked[i].NotAfter = entries[i].NotAfter
	}
	return list, nil
}
