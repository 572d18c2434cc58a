package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/bits"
)

// Object identifiers of the extensions that requests and certificates carry (RFC 5280 section 4.2.1).
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
)

var errTrailing = errors.New("trailing bytes")

// findExtension returns nil when there is none of that kind.
func findExtension(extensions []pkix.Extension, id asn1.ObjectIdentifier) *pkix.Extension {
	for i := range extensions {
		if extensions[i].Id.Equal(id) {
			return &extensions[i]
		}
	}
	return nil
}

// unmarshal reads all of der into v.
func unmarshal(der []byte, v any) error {
	rest, err := asn1.Unmarshal(der, v)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errTrailing
	}
	return nil
}

// keyUsageExtension is critical, as RFC 5280 section 4.2.1.3 asks.
func keyUsageExtension(usage x509.KeyUsage) (pkix.Extension, error) {
	// Bit 0 of the ASN.1 bit string is the first bit sent, and the lowest of Go's number.
	raw := []byte{bits.Reverse8(byte(usage)), bits.Reverse8(byte(usage >> 8))} //nolint:gosec // the nine bits that there are
	length := bits.Len(uint(usage))
	value, err := asn1.Marshal(asn1.BitString{Bytes: raw[:(length+7)/8], BitLength: length})
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode key usage: %w", err)
	}
	return pkix.Extension{Id: oidKeyUsage, Critical: true, Value: value}, nil
}

func parseKeyUsage(der []byte) (x509.KeyUsage, error) {
	var s asn1.BitString
	if err := unmarshal(der, &s); err != nil {
		return 0, fmt.Errorf("parse key usage: %w", err)
	}
	var usage x509.KeyUsage
	for i := range 9 {
		usage |= x509.KeyUsage(s.At(i)) << i
	}
	return usage, nil
}

// extKeyUsageExtension keeps the order of the usages.
func extKeyUsageExtension(usages []x509.ExtKeyUsage) (pkix.Extension, error) {
	value, err := asn1.Marshal(usageOIDs(usages))
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode extended key usage: %w", err)
	}
	return pkix.Extension{Id: oidExtKeyUsage, Value: value}, nil
}

func usageOIDs(usages []x509.ExtKeyUsage) []asn1.ObjectIdentifier {
	oids := make([]asn1.ObjectIdentifier, len(usages))
	for i, usage := range usages {
		oids[i] = extKeyUsageOIDs[usage]
	}
	return oids
}

func parseExtKeyUsage(der []byte) ([]asn1.ObjectIdentifier, error) {
	var oids []asn1.ObjectIdentifier
	if err := unmarshal(der, &oids); err != nil {
		return nil, fmt.Errorf("parse extended key usage: %w", err)
	}
	return oids, nil
}

// basicConstraints is the structure of RFC 5280 section 4.2.1.9.
type basicConstraints struct {
	IsCA       bool `asn1:"optional"`
	MaxPathLen int  `asn1:"optional,default:-1"`
}

func basicConstraintsExtension(isCA bool) (pkix.Extension, error) {
	value, err := asn1.Marshal(basicConstraints{IsCA: isCA, MaxPathLen: -1})
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode basic constraints: %w", err)
	}
	return pkix.Extension{Id: oidBasicConstraints, Critical: true, Value: value}, nil
}

func parseBasicConstraints(der []byte) (isCA bool, err error) {
	c := basicConstraints{}
	if err := unmarshal(der, &c); err != nil {
		return false, fmt.Errorf("parse basic constraints: %w", err)
	}
	return c.IsCA, nil
}
