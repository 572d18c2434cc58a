package acme

import (
	"net/netip"
)

// Types of identifiers.
const (
	IdentifierDNS = "dns" // RFC 8555 9.7.7; Value is a name in its ASCII form, in an order possibly with "*." in front
	IdentifierIP  = "ip"  // RFC 8738; Value is an address in its canonical text form
)

// Identifier is a subject that a certificate is to vouch for.
type Identifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// IdentifiersFor lists DNS names and IP addresses as identifiers, names first, in the order given.
func IdentifiersFor(names []string, addresses []netip.Addr) []Identifier {
	identifiers := make([]Identifier, 0, len(names)+len(addresses))
	for _, name := range names {
		identifiers = append(identifiers, Identifier{Type: IdentifierDNS, Value: name})
	}
	for _, address := range addresses {
		identifiers = append(identifiers, Identifier{Type: IdentifierIP, Value: address.Unmap().String()})
	}
	return identifiers
}
