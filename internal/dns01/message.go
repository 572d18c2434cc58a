package dns01

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Kind is a type of resource records that is asked for.
type Kind uint16

// The kinds that are needed here (RFC 1035, section 3.2.2; RFC 3596).
const (
	KindTXT   = Kind(dns.TypeTXT)
	KindCNAME = Kind(dns.TypeCNAME)
	KindSOA   = Kind(dns.TypeSOA)
	KindNS    = Kind(dns.TypeNS)
	KindA     = Kind(dns.TypeA)
	KindAAAA  = Kind(dns.TypeAAAA)
)

// Question is one question to one server.
type Question struct {
	Name string // canonical: lower case, with the final dot
	Kind Kind
	// Recursive asks the server to find out what it does not know itself.
	Recursive bool
}

// Answer is what is of interest in an answer. All names are canonical. A name
// that does not exist has an answer without records.
type Answer struct {
	// Authoritative tells that the server answers for the zone itself.
	Authoritative bool
	Texts         map[string][]string // TXT records by owner, the strings of each joined
	Aliases       map[string]string   // CNAME records by owner
	NameServers   []string            // NS records of the name asked for
	Addresses     []netip.Addr
	// Zone is the owner of the SOA record, in whichever section it stands:
	// with an answer that there is nothing, it stands apart (RFC 2308,
	// section 2).
	Zone string
	// TTL is the least of all records, in any section.
	TTL time.Duration
}

// maxRecords bounds what is looked at of one answer. No honest one comes near.
const maxRecords = 512

// readAnswer takes what is of interest from a message.
func readAnswer(m *dns.Msg) Answer {
	a := Answer{Authoritative: m.Authoritative, Texts: map[string][]string{}, Aliases: map[string]string{}}
	records := append(m.Answer[:len(m.Answer):len(m.Answer)], m.Ns...)
	for i, record := range records[:min(len(records), maxRecords)] {
		header := record.Header()
		owner := canonical(header.Name)
		if ttl := time.Duration(header.Ttl) * time.Second; i == 0 || ttl < a.TTL {
			a.TTL = ttl
		}
		switch r := record.(type) {
		case *dns.SOA:
			if a.Zone == "" {
				a.Zone = owner
			}
		case *dns.TXT:
			a.Texts[owner] = append(a.Texts[owner], strings.Join(r.Txt, ""))
		case *dns.CNAME:
			a.Aliases[owner] = canonical(r.Target)
		case *dns.NS:
			if i < len(m.Answer) {
				a.NameServers = append(a.NameServers, canonical(r.Ns))
			}
		case *dns.A:
			a.addAddress(netip.AddrFromSlice(r.A.To4()))
		case *dns.AAAA:
			a.addAddress(netip.AddrFromSlice(r.AAAA))
		}
	}
	return a
}

func (a *Answer) addAddress(address netip.Addr, ok bool) {
	if ok {
		a.Addresses = append(a.Addresses, address.Unmap())
	}
}

// canonical is a name in the one form in which it is compared.
func canonical(name string) string { return dns.CanonicalName(name) }

// isWithin reports whether a name is a zone's apex, or below it.
func isWithin(name, zone string) bool { return dns.IsSubDomain(zone, name) }

// parent is the name without its first label.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}
