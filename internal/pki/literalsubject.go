package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

var oidDomainComponent = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}

// subjectKeys are the attribute names of RFC 4514 section 3, and the serial number. Any other attribute
// can be given by its object identifier.
var subjectKeys = map[string]asn1.ObjectIdentifier{
	"C":            {2, 5, 4, 6},
	"CN":           oidCommonName,
	"DC":           oidDomainComponent,
	"L":            {2, 5, 4, 7},
	"O":            {2, 5, 4, 10},
	"OU":           {2, 5, 4, 11},
	"SERIALNUMBER": {2, 5, 4, 5},
	"ST":           {2, 5, 4, 8},
	"STREET":       {2, 5, 4, 9},
	"UID":          {0, 9, 2342, 19200300, 100, 1, 1},
}

// ParseLiteralSubject turns a distinguished name in the string form of RFC 4514 into DER. The string has the
// most specific name first, the DER has it last. "+" joins attributes into one multi-valued relative name.
// Attribute names are the ten of [subjectKeys], in either case, or dotted object identifiers; other names
// are errors. The empty string is the empty name.
//
// It takes some strings that the RFC does not, because installations exist that use them: unescaped spaces
// around names and values are ignored, a semicolon separates like a comma (RFC 2253 section 4), unescaped
// quotes and angle brackets stand for themselves, and an octet string in hexadecimal is the text it holds.
//
// It is at most [MaxCertificateSize] bytes long, as no certificate could hold a longer one.
func ParseLiteralSubject(s string) (rawRDNSequence []byte, err error) {
	if len(s) > MaxCertificateSize {
		return nil, fmt.Errorf("parse literal subject: %d bytes are more than the limit of %d", len(s), MaxCertificateSize)
	}
	rdns := pkix.RDNSequence{}
	p := literalParser{rest: s}
	if strings.Trim(s, " ") != "" {
		if rdns, err = p.name(); err != nil {
			return nil, fmt.Errorf("parse literal subject: %w", err)
		}
	}
	slices.Reverse(rdns)
	der, err := asn1.Marshal(rdns)
	if err != nil {
		return nil, fmt.Errorf("encode literal subject: %w", err)
	}
	return der, nil
}

type literalParser struct{ rest string }

func (p *literalParser) name() (pkix.RDNSequence, error) {
	var rdns pkix.RDNSequence
	var rdn pkix.RelativeDistinguishedNameSET
	for {
		attribute, err := p.attribute()
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, attribute)
		if p.rest != "" && p.rest[0] == '+' {
			p.rest = p.rest[1:]
			continue
		}
		rdns, rdn = append(rdns, rdn), nil
		if p.rest == "" {
			return rdns, nil
		}
		p.rest = p.rest[1:] // a comma or semicolon, else the value would not have ended
	}
}

// attribute reads "key=value" up to the separator behind it, or the end.
func (p *literalParser) attribute() (pkix.AttributeTypeAndValue, error) {
	key, rest, found := strings.Cut(p.rest, "=")
	key = strings.Trim(key, " ")
	if !found || strings.ContainsAny(key, `,;+`) {
		return pkix.AttributeTypeAndValue{}, errors.New("a part has no equals sign")
	}
	oid, ok := subjectKeys[strings.ToUpper(key)]
	if !ok {
		var err error
		if oid, err = parseOID(key); err != nil {
			return pkix.AttributeTypeAndValue{}, fmt.Errorf("attribute name %q is not known", key)
		}
	}
	p.rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(p.rest, "#") {
		value, err := p.hexValue()
		if err != nil {
			return pkix.AttributeTypeAndValue{}, fmt.Errorf("value of %s: %w", key, err)
		}
		return pkix.AttributeTypeAndValue{Type: oid, Value: value}, nil
	}
	value, err := p.stringValue()
	if err != nil {
		return pkix.AttributeTypeAndValue{}, fmt.Errorf("value of %s: %w", key, err)
	}
	if oid.Equal(oidDomainComponent) {
		// RFC 4519 section 2.4: a domain component is an IA5String.
		if !isASCII(value) {
			return pkix.AttributeTypeAndValue{}, errors.New("value of DC: characters outside ASCII")
		}
		ia5 := asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagIA5String, Bytes: []byte(value)}
		return pkix.AttributeTypeAndValue{Type: oid, Value: ia5}, nil
	}
	return pkix.AttributeTypeAndValue{Type: oid, Value: value}, nil
}

// stringValue reads the string form of a value (RFC 4514 section 2.4) and undoes its escapes.
func (p *literalParser) stringValue() (string, error) {
	var out []byte
	keep := 0 // length up to which trailing spaces belong to the value
	i := 0
loop:
	for i < len(p.rest) {
		switch c := p.rest[i]; c {
		case ',', ';', '+':
			break loop
		case 0:
			return "", errors.New("a zero byte must be escaped")
		case '\\':
			decoded, length, err := unescape(p.rest[i+1:])
			if err != nil {
				return "", err
			}
			out = append(out, decoded)
			i += 1 + length
			keep = len(out)
		default:
			out = append(out, c)
			i++
			if c != ' ' {
				keep = len(out)
			}
		}
	}
	p.rest = p.rest[i:]
	out = out[:keep]
	if !utf8.Valid(out) {
		return "", errors.New("not valid UTF-8")
	}
	return string(out), nil
}

// unescape decodes what follows a backslash: one special character, or a byte as two hexadecimal digits.
func unescape(s string) (decoded byte, length int, err error) {
	if s != "" && strings.IndexByte(` #=+,;<>"\`, s[0]) >= 0 {
		return s[0], 1, nil
	}
	if len(s) >= 2 {
		if raw, err := hex.DecodeString(s[:2]); err == nil {
			return raw[0], 2, nil
		}
	}
	return 0, 0, errors.New("a backslash escapes neither a special character nor two hexadecimal digits")
}

// hexValue reads "#" and the DER of a value in hexadecimal, which must be one of the types of string.
func (p *literalParser) hexValue() (any, error) {
	text := p.rest[1:]
	if end := strings.IndexAny(text, ",;+"); end >= 0 {
		text = text[:end]
	}
	p.rest = p.rest[1+len(text):]
	der, err := hex.DecodeString(strings.TrimRight(text, " "))
	if err != nil {
		return nil, errors.New("not hexadecimal")
	}
	var value any
	if err := unmarshal(der, &value); err != nil {
		return nil, errors.New("not DER")
	}
	switch value := value.(type) {
	case string:
		return asn1.RawValue{FullBytes: der}, nil
	case []byte:
		if utf8.Valid(value) {
			return string(value), nil
		}
	}
	// With anything else in it many programs cannot read the certificate at all.
	return nil, errors.New("not a character string")
}
