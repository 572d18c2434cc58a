package dns01

import (
	"context"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// RecordName is the name of the TXT record that proves a domain (RFC 8555,
// section 8.4). That of a wildcard is that of the domain below it.
func RecordName(domain string) (string, error) {
	name := canonical("_acme-challenge." + strings.TrimPrefix(domain, "*."))
	if _, ok := dns.IsDomainName(name); !ok || strings.Contains(name, "..") {
		return "", fmt.Errorf("find the TXT record of %q: not a domain name", domain)
	}
	return name, nil
}

// maxAliases bounds a chain of CNAME records. Public recursive servers follow
// no more than about ten, so that a CA does not either.
const maxAliases = 10

// AliasError tells that the CNAME records at a name lead nowhere.
type AliasError struct{ Name, Why string }

func (e *AliasError) Error() string {
	return fmt.Sprintf("follow the CNAME of %q: %s", e.Name, e.Why)
}

// Follow returns the name that the CNAME records at a name lead to in the end:
// the name itself if there are none. The error is an *AliasError or a
// *NoAnswerError.
func (r *Resolver) Follow(ctx context.Context, name string) (string, error) {
	start := canonical(name)
	at, seen := start, map[string]bool{}
	for range maxAliases + 1 {
		if seen[at] {
			return "", &AliasError{Name: start, Why: fmt.Sprintf("it leads back to %q", at)}
		}
		seen[at] = true
		answer, err := r.ask(ctx, at, KindCNAME)
		if err != nil {
			return "", err
		}
		next, ok := answer.Aliases[at]
		if !ok {
			return at, nil
		}
		at = next
	}
	return "", &AliasError{Name: start, Why: fmt.Sprintf("more than %d one after the other", maxAliases)}
}

// NoZoneError tells that nobody answers for a name.
type NoZoneError struct{ Name string }

func (e *NoZoneError) Error() string {
	return fmt.Sprintf("find the zone of %q: no zone holds this name as far as the nameservers know", e.Name)
}

// Zone returns the zone that holds a name: the nearest name above it, or itself,
// with an SOA record. The error is a *NoZoneError or a *NoAnswerError.
//
// A server that says that there is no such record says where the zone begins,
// too (RFC 2308, section 2), so that one question is enough as a rule.
func (r *Resolver) Zone(ctx context.Context, name string) (string, error) {
	start := canonical(name)
	if zone := r.knownZone(start); zone != "" {
		return zone, nil
	}
	for at := start; at != "."; at = parent(at) {
		answer, err := r.ask(ctx, at, KindSOA)
		if err != nil {
			return "", err
		}
		if _, alias := answer.Aliases[at]; alias {
			continue // what else is told is about the target; an apex is no alias
		}
		if answer.Zone == "." {
			break // what the root answers for is not delegated
		}
		if answer.Zone != "" && isWithin(at, answer.Zone) {
			r.keepZone(start, answer.Zone, answer.TTL)
			return answer.Zone, nil
		}
	}
	return "", &NoZoneError{Name: start}
}
