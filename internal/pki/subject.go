package pki

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
)

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// isEmptySubject tells whether a DER subject has no attribute: an empty SEQUENCE.
func isEmptySubject(der []byte) bool { return bytes.Equal(der, []byte{0x30, 0x00}) }

func parseSubject(der []byte) (pkix.RDNSequence, error) {
	var rdns pkix.RDNSequence
	if err := unmarshal(der, &rdns); err != nil {
		return nil, fmt.Errorf("parse subject: %w", err)
	}
	return rdns, nil
}

// CommonName finds the common name in the DER of a subject; empty if it has none. Of several it is the
// last, as in [pkix.Name].
func CommonName(rawRDNSequence []byte) (string, error) {
	rdns, err := parseSubject(rawRDNSequence)
	if err != nil {
		return "", err
	}
	var name string
	for _, rdn := range rdns {
		for _, attribute := range rdn {
			if value, ok := attribute.Value.(string); ok && attribute.Type.Equal(oidCommonName) {
				name = value
			}
		}
	}
	return name, nil
}

// sameSubject compares two DER subjects: the same attributes in the same order. The type of string a value
// is written in makes no difference, because programs choose it differently for one text.
func sameSubject(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	left, err := parseSubject(a)
	if err != nil {
		return false
	}
	right, err := parseSubject(b)
	if err != nil {
		return false
	}
	return slices.EqualFunc(left, right, sameRDN)
}

// sameRDN ignores the order, since a relative distinguished name is a set, and DER sorts it by the bytes
// that may differ.
func sameRDN(a, b pkix.RelativeDistinguishedNameSET) bool {
	return slices.Equal(sortedSet(attributeTexts(a)), sortedSet(attributeTexts(b)))
}

// sameAttributes compares two DER subjects by what they say, whatever the order and grouping.
func sameAttributes(a, b []byte) bool {
	left, err := parseSubject(a)
	if err != nil {
		return false
	}
	right, err := parseSubject(b)
	if err != nil {
		return false
	}
	return sameSet(attributeTexts(slices.Concat(left...)), attributeTexts(slices.Concat(right...)))
}

func attributeTexts(rdn pkix.RelativeDistinguishedNameSET) []string {
	return stringsOf(rdn, func(attribute pkix.AttributeTypeAndValue) string {
		return fmt.Sprintf("%s=%v", attribute.Type, attribute.Value)
	})
}
