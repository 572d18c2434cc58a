package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

// outside is what can be seen from here of what a CA looks at.
type outside interface {
	// answer looks at an HTTP-01 challenge as the CA does.
	answer(ctx context.Context, target http01.Target) (lifecycle.SelfCheckVerdict, string)
	addresses(ctx context.Context, name string) ([]netip.Addr, error)
	// record looks for the value of a DNS-01 challenge at the authoritative servers.
	record(ctx context.Context, domain, value string) (dns01.Verdict, string)
	// alias is where the CNAME records at a name lead to.
	alias(ctx context.Context, name string) (string, error)
	// caa gives the CAA records that count for a domain, and where they stand
	// (RFC 8659, section 3).
	caa(ctx context.Context, domain string) (records []caaRecord, at string, err error)
	// identities are the names by which CAA records permit an ACME CA (RFC
	// 8555, section 9.7.6).
	identities(ctx context.Context, directory string) ([]string, error)
}

// caaRecord is one property of a CAA record set.
type caaRecord struct{ tag, value string }

// internet is outside, in earnest.
type internet struct {
	checker  *http01.Checker
	hosts    http01.Resolver
	resolver *dns01.Resolver
	servers  []string
}

func newOutside(nameservers []string) (outside, error) {
	hosts, err := http01.NewResolver(nameservers)
	if err != nil {
		return nil, err
	}
	checker, err := http01.NewChecker(http01.CheckerConfig{Nameservers: nameservers})
	if err != nil {
		return nil, err
	}
	i := &internet{checker: checker, hosts: hosts}
	i.resolver, err = dns01.New(dns01.Config{Nameservers: nameservers})
	if err != nil {
		return nil, err
	}
	if i.servers = nameservers; len(nameservers) == 0 {
		config, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			return nil, fmt.Errorf("find DNS servers: %w; name some by --nameserver", err)
		}
		i.servers = config.Servers
	}
	i.servers, err = dns01.ParseNameservers(i.servers)
	return i, err
}

func (i *internet) answer(ctx context.Context, target http01.Target) (lifecycle.SelfCheckVerdict, string) {
	return i.checker.Check(ctx, target)
}

func (i *internet) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	return i.hosts.LookupIP(ctx, name)
}

func (i *internet) record(ctx context.Context, domain, value string) (dns01.Verdict, string) {
	return i.resolver.Look(ctx, domain, value)
}

func (i *internet) alias(ctx context.Context, name string) (string, error) {
	return i.resolver.Follow(ctx, name)
}

// caa climbs from the domain to the root until there is a record.
func (i *internet) caa(ctx context.Context, domain string) ([]caaRecord, string, error) {
	for name := dns.Fqdn(strings.TrimPrefix(domain, "*.")); name != "."; {
		records, err := i.caaAt(ctx, name)
		if err != nil || len(records) > 0 {
			return records, strings.TrimSuffix(name, "."), err
		}
		_, above, _ := strings.Cut(name, ".")
		name = dns.Fqdn(above)
	}
	return nil, "", nil
}

func (i *internet) caaAt(ctx context.Context, name string) ([]caaRecord, error) {
	question := new(dns.Msg)
	question.SetQuestion(name, dns.TypeCAA)
	last := errors.New("there is no DNS server to ask")
	for _, server := range i.servers {
		if strings.HasPrefix(server, "https://") {
			last = errors.New("CAA records are not looked up over HTTPS")
			continue
		}
		answer, _, err := (&dns.Client{}).ExchangeContext(ctx, question, server)
		if err == nil && answer.Truncated {
			answer, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, question, server)
		}
		switch {
		case err != nil:
			last = errors.New(dns01.Cause(err))
			continue
		case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
			last = errors.New(dns.RcodeToString[answer.Rcode])
			continue
		}
		var records []caaRecord
		for _, r := range answer.Answer {
			if caa, ok := r.(*dns.CAA); ok {
				records = append(records, caaRecord{strings.ToLower(caa.Tag), caa.Value})
			}
		}
		return records, nil
	}
	return nil, fmt.Errorf("look up CAA records of %s: %w", name, last)
}

func (i *internet) identities(ctx context.Context, directory string) ([]string, error) {
	body, err := fetch(ctx, http.MethodGet, directory, "", nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Meta struct {
			Identities []string `json:"caaIdentities"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read directory of %s: %w", host(directory), err)
	}
	return answer.Meta.Identities, nil
}

// permits says whether CAA records let one of the CAs issue (RFC 8659, sections
// 4.2 and 4.3).
func permits(records []caaRecord, wildcard bool, identities []string) bool {
	property := "issue"
	for _, r := range records {
		if wildcard && r.tag == "issuewild" {
			property = "issuewild"
		}
	}
	said := false
	for _, r := range records {
		if r.tag != property {
			continue
		}
		said = true
		name, _, _ := strings.Cut(r.value, ";")
		for _, id := range identities {
			if strings.EqualFold(strings.TrimSpace(name), id) {
				return true
			}
		}
	}
	return !said
}
