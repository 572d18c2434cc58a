package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"slices"
)

// NameConstraints limit the names that certificates below a CA may carry (RFC 5280 section 4.2.1.10).
type NameConstraints struct {
	Critical  bool
	Permitted NameSubtrees
	Excluded  NameSubtrees
}

// NameSubtrees are name spaces, each a subtree of its kind of name.
type NameSubtrees struct {
	DNSDomains     []string
	IPRanges       []*net.IPNet
	EmailAddresses []string
	URIDomains     []string
}

type generalSubtree struct {
	Base asn1.RawValue
}

type nameConstraintsDER struct {
	Permitted []generalSubtree `asn1:"optional,omitempty,tag:0"`
	Excluded  []generalSubtree `asn1:"optional,omitempty,tag:1"`
}

func (s *NameSubtrees) encode() ([]generalSubtree, error) {
	var out []generalSubtree
	add := func(tag int, value []byte) {
		out = append(out, generalSubtree{asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: value}})
	}
	for _, group := range []struct {
		tag    int
		values []string
	}{{tagDNS, s.DNSDomains}, {tagEmail, s.EmailAddresses}, {tagURI, s.URIDomains}} {
		for _, value := range group.values {
			if !isASCII(value) {
				return nil, fmt.Errorf("name constraint %q has characters outside ASCII", value)
			}
			add(group.tag, []byte(value))
		}
	}
	for _, ipRange := range s.IPRanges {
		// An IPv4 network may come with its address in 16 bytes; the mask says what is meant.
		ip := ipRange.IP
		if len(ipRange.Mask) == net.IPv4len {
			ip = ip.To4()
		}
		if len(ip) != len(ipRange.Mask) || len(ip) == 0 {
			return nil, fmt.Errorf("name constraint %q is not an IP range", ipRange)
		}
		add(tagIP, slices.Concat(ip.Mask(ipRange.Mask), net.IP(ipRange.Mask)))
	}
	return out, nil
}

// extension returns false when there is nothing to constrain.
func (c *NameConstraints) extension() (pkix.Extension, bool, error) {
	if c == nil {
		return pkix.Extension{}, false, nil
	}
	permitted, err := c.Permitted.encode()
	if err != nil {
		return pkix.Extension{}, false, err
	}
	excluded, err := c.Excluded.encode()
	if err != nil {
		return pkix.Extension{}, false, err
	}
	if len(permitted)+len(excluded) == 0 {
		return pkix.Extension{}, false, nil
	}
	value, err := asn1.Marshal(nameConstraintsDER{permitted, excluded})
	if err != nil {
		return pkix.Extension{}, false, fmt.Errorf("encode name constraints: %w", err)
	}
	return pkix.Extension{Id: oidNameConstraints, Critical: c.Critical, Value: value}, true, nil
}

// constraintSet lists what a name constraints extension says, sorted and each once, so that two
// extensions can be compared whatever order they were written in.
func constraintSet(ext pkix.Extension) ([]string, error) {
	var c nameConstraintsDER
	if err := unmarshal(ext.Value, &c); err != nil {
		return nil, fmt.Errorf("parse name constraints: %w", err)
	}
	set := []string{fmt.Sprintf("critical %t", ext.Critical)}
	for _, subtree := range c.Permitted {
		set = append(set, fmt.Sprintf("permitted %d %x", subtree.Base.Tag, subtree.Base.Bytes))
	}
	for _, subtree := range c.Excluded {
		set = append(set, fmt.Sprintf("excluded %d %x", subtree.Base.Tag, subtree.Base.Bytes))
	}
	slices.Sort(set)
	return slices.Compact(set), nil
}
