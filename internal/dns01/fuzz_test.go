package dns01

import (
	"testing"

	"github.com/miekg/dns"
)

// Whatever comes from a server, reading it neither fails nor yields more than
// was looked at, or names in another form than they are compared in.
func FuzzReadAnswer(f *testing.F) {
	m := new(dns.Msg)
	m.SetQuestion("_acme-challenge.example.com.", dns.TypeTXT)
	for _, line := range []string{
		`_acme-challenge.example.com. 60 IN TXT "a" "b"`, "A.example.com. 60 IN CNAME B.example.com.", "example.com. 60 IN NS ns1.example.com.",
		"ns1.example.com. 60 IN A 192.0.2.1", "ns1.example.com. 60 IN AAAA 2001:db8::1", "example.com. 300 IN SOA ns. admin. 1 1 1 1 60",
	} {
		record, err := dns.NewRR(line)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, record)
	}
	packed, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Fuzz(func(t *testing.T, message []byte) {
		m := new(dns.Msg)
		if m.Unpack(message) != nil {
			return
		}
		a := readAnswer(m)
		n := len(a.Aliases) + len(a.NameServers) + len(a.Addresses)
		for owner, values := range a.Texts {
			n += len(values)
			if owner != canonical(owner) {
				t.Errorf("owner %q", owner)
			}
		}
		if n > maxRecords {
			t.Errorf("%d records", n)
		}
		for from, to := range a.Aliases {
			if from != canonical(from) || to != canonical(to) {
				t.Errorf("alias %q to %q", from, to)
			}
		}
		if a.Zone != "" && a.Zone != canonical(a.Zone) {
			t.Errorf("zone %q", a.Zone)
		}
		// What names are taken apart by ends.
		for at, labels := a.Zone, 0; at != "." && at != ""; at = parent(at) {
			if labels++; labels > 128 {
				t.Fatalf("parents of %q do not end", a.Zone)
			}
		}
	})
}
