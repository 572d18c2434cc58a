package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Tags of the choices of GeneralName (RFC 5280 section 4.2.1.6).
const (
	tagOtherName = 0
	tagEmail     = 1
	tagDNS       = 2
	tagURI       = 6
	tagIP        = 7
)

// OtherName is a subject alternative name of a kind that has no field of its own, such as the user
// principal name of Active Directory (1.3.6.1.4.1.311.20.2.3). Its value is a UTF8String.
type OtherName struct {
	OID       string // dotted decimal
	UTF8Value string
}

// otherNameDER is what stands behind the tag of an otherName.
type otherNameDER struct {
	ID asn1.ObjectIdentifier
	// Value is [0] EXPLICIT: an element of its own around the value.
	Value asn1.RawValue
}

func (r *Request) hasAltNames() bool {
	return len(r.DNSNames)+len(r.EmailAddresses)+len(r.IPAddresses)+len(r.URIs)+len(r.OtherNames) > 0
}

// altNameExtension holds all subject alternative names of the request.
func (r *Request) altNameExtension(critical bool) (pkix.Extension, error) {
	var names []asn1.RawValue
	add := func(tag int, value []byte) {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value})
	}
	addString := func(kind string, tag int, value string) error {
		if value == "" {
			return fmt.Errorf("%s is empty", kind)
		}
		if !isASCII(value) {
			return fmt.Errorf("%s %q has characters outside ASCII", kind, value)
		}
		add(tag, []byte(value))
		return nil
	}
	for _, name := range r.DNSNames {
		if err := addString("DNS name", tagDNS, name); err != nil {
			return pkix.Extension{}, err
		}
	}
	for _, email := range r.EmailAddresses {
		if err := addString("email address", tagEmail, email); err != nil {
			return pkix.Extension{}, err
		}
	}
	for _, ip := range r.IPAddresses {
		raw := shortIP(ip)
		if raw == nil {
			return pkix.Extension{}, errors.New("IP address is neither IPv4 nor IPv6")
		}
		add(tagIP, raw)
	}
	for _, uri := range r.URIs {
		if err := addString("URI", tagURI, uri.String()); err != nil {
			return pkix.Extension{}, err
		}
	}
	for _, other := range r.OtherNames {
		raw, err := other.encode()
		if err != nil {
			return pkix.Extension{}, err
		}
		names = append(names, raw)
	}
	value, err := asn1.Marshal(names)
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode subject alternative names: %w", err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Critical: critical, Value: value}, nil
}

func (o OtherName) encode() (asn1.RawValue, error) {
	id, err := parseOID(o.OID)
	if err != nil {
		return asn1.RawValue{}, err
	}
	if o.UTF8Value == "" || !utf8.ValidString(o.UTF8Value) {
		return asn1.RawValue{}, fmt.Errorf("other name %s has no valid UTF-8 value", o.OID)
	}
	value, err := asn1.MarshalWithParams(o.UTF8Value, "utf8")
	if err != nil {
		return asn1.RawValue{}, fmt.Errorf("encode other name %s: %w", o.OID, err)
	}
	wrapped := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: value}
	der, err := asn1.MarshalWithParams(otherNameDER{ID: id, Value: wrapped}, "tag:0")
	if err != nil {
		return asn1.RawValue{}, fmt.Errorf("encode other name %s: %w", o.OID, err)
	}
	return asn1.RawValue{FullBytes: der}, nil
}

// parseOtherNames finds the names of kind otherName in a subject alternative name extension. A value that
// is not a UTF8String gets an empty UTF8Value, which no specification can ask for.
func parseOtherNames(der []byte) ([]OtherName, error) {
	var names []asn1.RawValue
	if err := unmarshal(der, &names); err != nil {
		return nil, fmt.Errorf("parse subject alternative names: %w", err)
	}
	var others []OtherName
	for _, name := range names {
		if name.Class != asn1.ClassContextSpecific || name.Tag != tagOtherName {
			continue
		}
		var other otherNameDER
		rest, err := asn1.UnmarshalWithParams(name.FullBytes, &other, "tag:0")
		if err != nil || len(rest) > 0 {
			return nil, errors.New("parse subject alternative names: malformed other name")
		}
		parsed := OtherName{OID: other.ID.String()}
		var value asn1.RawValue
		if err := unmarshal(other.Value.Bytes, &value); err != nil {
			return nil, errors.New("parse subject alternative names: malformed other name")
		}
		if value.Class == asn1.ClassUniversal && value.Tag == asn1.TagUTF8String {
			parsed.UTF8Value = string(value.Bytes)
		}
		others = append(others, parsed)
	}
	return others, nil
}

// shortIP is the address in 4 bytes if that can be, as RFC 5280 wants it, else in 16; nil if it is none.
func shortIP(ip net.IP) net.IP {
	if v4 := ip.To4(); v4 != nil {
		return v4
	}
	return ip.To16()
}

// parseOID reads a dotted-decimal object identifier.
func parseOID(s string) (asn1.ObjectIdentifier, error) {
	parts := strings.Split(s, ".")
	oid := make(asn1.ObjectIdentifier, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || (len(part) > 1 && part[0] == '0') {
			return nil, fmt.Errorf("object identifier %q is malformed", s)
		}
		oid[i] = int(n)
	}
	if len(oid) < 2 || oid[0] > 2 || (oid[0] < 2 && oid[1] > 39) {
		return nil, fmt.Errorf("object identifier %q is malformed", s)
	}
	return oid, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
