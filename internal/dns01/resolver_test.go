package dns01

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// network is a DNS made of the records that each server answers with. A server
// without records does not answer.
type network struct {
	mu      sync.Mutex
	servers map[string][]string // zone file lines; "!" and a word for a refusal
	asked   []string
}

// Exchange implements Exchanger.
func (n *network) Exchange(_ context.Context, server string, q Question) (Answer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, fmt.Sprintf("%s %s %s", server, dns.TypeToString[uint16(q.Kind)], q.Name))
	lines, ok := n.servers[server]
	if !ok {
		return Answer{}, &ServerError{Server: server, Why: "no answer in time"}
	}
	m := new(dns.Msg)
	m.Authoritative = !q.Recursive
	soa := dns.RR(nil)
	for _, line := range lines {
		if why, refused := strings.CutPrefix(line, "!"); refused {
			return Answer{}, &ServerError{Server: server, Why: why}
		}
		if line == "not authoritative" {
			m.Authoritative = false
			continue
		}
		record, err := dns.NewRR(line)
		if err != nil {
			return Answer{}, err
		}
		h := record.Header()
		if h.Name == q.Name && (h.Rrtype == uint16(q.Kind) || h.Rrtype == dns.TypeCNAME) {
			m.Answer = append(m.Answer, record)
		}
		if h.Rrtype == dns.TypeSOA && dns.IsSubDomain(h.Name, q.Name) && (soa == nil || len(h.Name) > len(soa.Header().Name)) {
			soa = record
		}
	}
	if len(m.Answer) == 0 && soa != nil {
		m.Ns = []dns.RR{soa}
	}
	return readAnswer(m), nil
}

const (
	recursive = "192.0.2.53:53"
	soa       = " 300 IN SOA ns. admin. 1 1 1 1 60"
)

func resolver(t *testing.T, n *network, edit func(*Config)) *Resolver {
	t.Helper()
	c := Config{Nameservers: []string{recursive}, Exchanger: n, Clock: func() time.Time { return time.Unix(0, 0) }}
	if edit != nil {
		edit(&c)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestZoneIsFoundBySOA(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string][]string{recursive: {
		"." + soa, "example.com." + soa, "sub.example.com." + soa, "other.example." + soa,
		"_acme-challenge.alias.example.com. 60 IN CNAME x.other.example.",
		"_acme-challenge.delegated.example.com." + soa,
	}}}
	for name, want := range map[string]string{
		"_acme-challenge.example.com.":           "example.com.",
		"_acme-challenge.WWW.example.com":        "example.com.",
		"_acme-challenge.a.b.c.sub.example.com.": "sub.example.com.",
		"_acme-challenge.alias.example.com.":     "example.com.",
		"_acme-challenge.delegated.example.com.": "_acme-challenge.delegated.example.com.",
		"_acme-challenge.nowhere.":               "",
	} {
		zone, err := resolver(t, n, nil).Zone(t.Context(), name)
		if want == "" {
			if !errors.As(err, new(*NoZoneError)) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || zone != want {
			t.Errorf("%s is in %q (%v), want %q", name, zone, err, want)
		}
	}
}

func TestZoneIsNotGuessedWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string][]string{recursive: {"!SERVFAIL"}}}
	_, err := resolver(t, n, func(c *Config) { c.Nameservers = append(c.Nameservers, "192.0.2.54") }).Zone(t.Context(), "a.example.com.")
	want := `look up "a.example.com.": no nameserver answers: 192.0.2.53:53 (SERVFAIL), 192.0.2.54:53 (no answer in time)`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestZoneIsRememberedForItsTTL(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string][]string{recursive: {"example.com." + soa}}}
	now := time.Unix(0, 0)
	r := resolver(t, n, func(c *Config) { c.Clock = func() time.Time { return now } })
	var asked []int
	for _, after := range []time.Duration{0, 299 * time.Second, time.Second} {
		now = now.Add(after)
		if zone, err := r.Zone(t.Context(), "a.example.com."); err != nil || zone != "example.com." {
			t.Fatal(zone, err)
		}
		asked = append(asked, len(n.asked))
	}
	if diff := cmp.Diff([]int{1, 1, 2}, asked); diff != "" {
		t.Errorf("questions so far (-want +got):\n%s", diff)
	}
	other, err := r.With([]string{"192.0.2.99"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Zone(t.Context(), "a.example.com."); err == nil {
		t.Error("what one server said was taken for another's word")
	}
}

func TestZonesThatAreRememberedAreBounded(t *testing.T) {
	t.Parallel()
	n := &network{servers: map[string][]string{recursive: {"example.com." + soa}}}
	r := resolver(t, n, nil)
	for i := range maxZones + 10 {
		if _, err := r.Zone(t.Context(), fmt.Sprintf("n%d.example.com.", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.zones) > maxZones {
		t.Errorf("%d zones are remembered", len(r.zones))
	}
}

func TestAliasesAreFollowedToTheEnd(t *testing.T) {
	t.Parallel()
	lines := []string{
		"a.example. 60 IN CNAME B.example.", "b.example. 60 IN CNAME c.example.",
		"loop1.example. 60 IN CNAME loop2.example.", "loop2.example. 60 IN CNAME loop3.example.", "loop3.example. 60 IN CNAME loop2.example.",
		"self.example. 60 IN CNAME self.example.",
	}
	for i := range maxAliases + 1 {
		lines = append(lines, fmt.Sprintf("n%d.example. 60 IN CNAME n%d.example.", i, i+1))
	}
	r := resolver(t, &network{servers: map[string][]string{recursive: lines}}, nil)
	for from, want := range map[string]string{
		"a.example.":     "c.example.",
		"none.example.":  "none.example.",
		"n1.example.":    fmt.Sprintf("n%d.example.", maxAliases+1),
		"n0.example.":    `follow the CNAME of "n0.example.": more than 10 one after the other`,
		"loop1.example.": `follow the CNAME of "loop1.example.": it leads back to "loop2.example."`,
		"self.example.":  `follow the CNAME of "self.example.": it leads back to "self.example."`,
	} {
		got, err := r.Follow(t.Context(), from)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s leads to %q, want %q", from, got, want)
		}
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	const value = "abc"
	txt := func(name string, values ...string) []string {
		lines := []string{}
		for _, v := range values {
			lines = append(lines, name+" 60 IN TXT "+v)
		}
		return lines
	}
	known := []string{
		"example.com." + soa, "example.com. 60 IN NS ns2.example.com.", "example.com. 60 IN NS ns1.example.com.",
		"ns1.example.com. 60 IN A 192.0.2.1", "ns2.example.com. 60 IN A 192.0.2.2", "ns2.example.com. 60 IN AAAA 2001:db8::2",
	}
	const name = "_acme-challenge.example.com."
	ns1, ns2, ns2v6 := "192.0.2.1:53", "192.0.2.2:53", "[2001:db8::2]:53"
	there := txt(name, "other", value)
	tests := map[string]struct {
		servers map[string][]string
		config  func(*Config)
		verdict Verdict
		text    string
	}{
		"everywhere": {map[string][]string{recursive: known, ns1: there, ns2: there, ns2v6: there}, nil, Seen, ""},
		"everywhere that can be reached, and every server can": {
			map[string][]string{recursive: known, ns1: there, ns2: there}, nil, Seen, "",
		},
		"with the strings of a record joined": {
			map[string][]string{recursive: known, ns1: {name + ` 60 IN TXT "a" "bc"`}, ns2: there}, nil, Seen, "",
		},
		"at one, and nobody knows where the other is": {
			map[string][]string{recursive: known[:4], ns1: there}, nil, CannotTell,
			`it can not be told whether the TXT record "_acme-challenge.example.com" has the value at ns2.example.com (its address is not known)`,
		},
		"not at one": {
			map[string][]string{recursive: known, ns1: there, ns2: txt(name, "other"), ns2v6: there}, nil, NotYet,
			`the TXT record "_acme-challenge.example.com" does not have the value yet at ns2.example.com (other values)`,
		},
		"at neither, and one can not be asked": {
			map[string][]string{recursive: known, ns1: {"!REFUSED"}, ns2: {}, ns2v6: {}}, nil, NotYet,
			`the TXT record "_acme-challenge.example.com" does not have the value yet at ns2.example.com (no TXT record)`,
		},
		"at one, and the other refuses": {
			map[string][]string{recursive: known, ns1: there, ns2: {"!REFUSED"}, ns2v6: {"!REFUSED"}}, nil, CannotTell,
			`it can not be told whether the TXT record "_acme-challenge.example.com" has the value at ns2.example.com (REFUSED)`,
		},
		"something answers in the servers' stead": {
			map[string][]string{recursive: known, ns1: {"not authoritative"}, ns2: {"not authoritative"}, ns2v6: {"not authoritative"}}, nil, CannotTell,
			`it can not be told whether the TXT record "_acme-challenge.example.com" has the value at ns1.example.com (the answer is not authoritative), ns2.example.com (the answer is not authoritative)`,
		},
		"the recursive server is down": {
			map[string][]string{}, nil, CannotTell,
			`look up "_acme-challenge.example.com.": no nameserver answers: 192.0.2.53:53 (no answer in time)`,
		},
		"where the CNAME leads": {
			map[string][]string{
				recursive: append([]string{name + " 60 IN CNAME x.example.org.", "example.org." + soa, "example.org. 60 IN NS ns1.example.com."}, known...),
				ns1:       txt("x.example.org.", value),
			}, nil, Seen, "",
		},
		"a CNAME that leads back": {
			map[string][]string{recursive: append([]string{name + " 60 IN CNAME " + name}, known...)}, nil, NotYet,
			`follow the CNAME of "_acme-challenge.example.com.": it leads back to "_acme-challenge.example.com."`,
		},
		"at the recursive server, which is the only one asked": {
			map[string][]string{recursive: append([]string{name + " 60 IN TXT " + value}, known...)}, func(c *Config) { c.RecursiveOnly = true }, Seen, "",
		},
		"not at one of the recursive servers": {
			map[string][]string{recursive: there, "192.0.2.54:53": {}},
			func(c *Config) { c.RecursiveOnly = true; c.Nameservers = append(c.Nameservers, "192.0.2.54") }, NotYet,
			`the TXT record "_acme-challenge.example.com" does not have the value yet at 192.0.2.54:53 (no TXT record)`,
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			n := &network{servers: test.servers}
			r := resolver(t, n, test.config)
			verdict, text := r.Look(t.Context(), "*.example.com", value)
			if verdict != test.verdict || text != test.text {
				t.Errorf("%d, %q, want %d, %q", verdict, text, test.verdict, test.text)
			}
			again, same := r.Look(t.Context(), "*.example.com", value)
			if again != verdict || same != text {
				t.Errorf("the second look says %d, %q instead of %d, %q", again, same, verdict, text)
			}
			if r.recursiveOnly && slices.ContainsFunc(n.asked, func(a string) bool { return !strings.Contains(a, "TXT") }) {
				t.Errorf("asked more than needed: %q", n.asked)
			}
		})
	}
}

func TestNameserversAreHostsOrURLs(t *testing.T) {
	t.Parallel()
	got, err := ParseNameservers([]string{"192.0.2.1", "dns.example.com:5353", "2001:db8::1", "[2001:db8::1]:5353", "https://dns.example.com/dns-query"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"192.0.2.1:53", "dns.example.com:5353", "[2001:db8::1]:53", "[2001:db8::1]:5353", "https://dns.example.com/dns-query"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nameservers (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", ":53", "host:0", "host:99999", "host:port", "http://dns.example.com", "https://", "a:b:c"} {
		if _, err := ParseNameservers([]string{bad}); err == nil {
			t.Errorf("%q is taken for a nameserver", bad)
		}
	}
	if _, err := ParseNameservers(make([]string, maxNameservers+1)); err == nil {
		t.Error("there is no bound")
	}
}

func TestRecordNameOfWhatIsNoDomain(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a..b", strings.Repeat("a", 64) + ".example.com", strings.Repeat("a.", 130)} {
		if name, err := RecordName(bad); err == nil {
			t.Errorf("%q has the record %q", bad, name)
		}
	}
	if name, err := RecordName("*.Example.com"); err != nil || name != "_acme-challenge.example.com." {
		t.Errorf("%q, %v", name, err)
	}
}
