package rfc2136_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/dns01/rfc2136"
	"github.com/certwright/certwright/test/dns01/bind"
)

var secret = base64.StdEncoding.EncodeToString([]byte("a secret that servers and their clients share, long enough for all"))

// keys has one of each algorithm, by its name in the API.
func keys() map[string]bind.Key {
	all := map[string]bind.Key{}
	for _, algorithm := range []string{"MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"} {
		lower := strings.ToLower(algorithm)
		all["HMAC"+algorithm] = bind.Key{Name: lower + ".keys.example.", Algorithm: "hmac-" + lower, Secret: secret}
	}
	return all
}

// startBIND holds example.com, which every key may change, open.example, which
// everybody may, and closed.example.
func startBIND(t *testing.T) *bind.Server {
	t.Helper()
	var all []bind.Key
	for _, key := range keys() {
		all = append(all, key)
	}
	return bind.Start(t, bind.Options{Keys: all, Zones: []bind.Zone{
		{Name: "example.com.", Updaters: all, Records: []string{`kept.example.com. TXT "kept"`}},
		{Name: "open.example.", Open: true},
		{Name: "closed.example."},
	}})
}

func provider(t *testing.T, config rfc2136.Config) *rfc2136.Provider {
	t.Helper()
	if config.Clock == nil {
		config.Clock = time.Now
	}
	p, err := rfc2136.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestValuesComeAndGoOneByOneWithEveryAlgorithmAndTransport(t *testing.T) {
	t.Parallel()
	server := startBIND(t)
	for algorithm, key := range keys() {
		for _, tcp := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TCP %t", algorithm, tcp), func(t *testing.T) {
				t.Parallel()
				p := provider(t, rfc2136.Config{
					Nameserver: server.Address, KeyName: key.Name, KeyAlgorithm: algorithm, KeySecret: key.Secret + "\n", TCP: tcp,
				})
				name := fmt.Sprintf("_acme-challenge.%s-%t.example.com.", strings.ToLower(algorithm), tcp)
				record := func(value string) dns01.Record {
					return dns01.Record{FQDN: name, Zone: "example.com.", Value: value}
				}
				for _, step := range []struct {
					do    func() error
					want  []string
					title string
				}{
					{func() error { return p.RemoveTXT(t.Context(), record("apex")) }, nil, "remove what is not there"},
					{func() error { return p.EnsureTXT(t.Context(), record("apex")) }, []string{"apex"}, "add"},
					{func() error { return p.EnsureTXT(t.Context(), record("apex")) }, []string{"apex"}, "add again"},
					{func() error { return p.EnsureTXT(t.Context(), record("wildcard")) }, []string{"apex", "wildcard"}, "add another"},
					{func() error { return p.RemoveTXT(t.Context(), record("apex")) }, []string{"wildcard"}, "remove one"},
					{func() error { return p.RemoveTXT(t.Context(), record("wildcard")) }, nil, "remove the last"},
				} {
					if err := step.do(); err != nil {
						t.Fatalf("%s: %v", step.title, err)
					}
					got := server.TXT(name)
					slices.Sort(got)
					if diff := cmp.Diff(step.want, got); diff != "" {
						t.Fatalf("%s (-want +got):\n%s", step.title, diff)
					}
				}
			})
		}
	}
}

func TestServerThatTrustsAddressesNeedsNoKey(t *testing.T) {
	t.Parallel()
	server := startBIND(t)
	p := provider(t, rfc2136.Config{Nameserver: server.Address})
	if err := p.EnsureTXT(t.Context(), dns01.Record{FQDN: "_acme-challenge.open.example.", Zone: "open.example.", Value: "v"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"v"}, server.TXT("_acme-challenge.open.example.")); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestRefusalsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := startBIND(t)
	good := keys()["HMACSHA256"]
	config := func(edit func(*rfc2136.Config)) rfc2136.Config {
		c := rfc2136.Config{Nameserver: server.Address, KeyName: good.Name, KeyAlgorithm: "hmacsha256", KeySecret: good.Secret}
		edit(&c)
		return c
	}
	tests := map[string]struct {
		config rfc2136.Config
		zone   string
		want   string
	}{
		"another secret": {
			config(func(c *rfc2136.Config) { c.KeySecret = base64.StdEncoding.EncodeToString([]byte("another")) }), "example.com.",
			`add TXT record "_acme-challenge.example.com.": SERVER does not accept the signature: the secret of the TSIG key "sha256.keys.example." is another one there`,
		},
		"a key that the server does not know": {
			config(func(c *rfc2136.Config) { c.KeyName = "other" }), "example.com.",
			`add TXT record "_acme-challenge.example.com.": SERVER does not know the TSIG key "other." with the algorithm hmac-sha256`,
		},
		"another algorithm than the server's": {
			config(func(c *rfc2136.Config) { c.KeyAlgorithm = "HMACSHA512" }), "example.com.",
			`add TXT record "_acme-challenge.example.com.": SERVER does not know the TSIG key "sha256.keys.example." with the algorithm hmac-sha512`,
		},
		"a clock that is wrong": {
			config(func(c *rfc2136.Config) { c.Clock = func() time.Time { return time.Now().Add(-time.Hour) } }), "example.com.",
			`add TXT record "_acme-challenge.example.com.": SERVER does not accept the time of the signature: its clock and that of the operator differ by more than 300 s`,
		},
		"a zone that the key may not change": {
			config(func(*rfc2136.Config) {}), "closed.example.",
			`add TXT record "_acme-challenge.closed.example.": SERVER answered REFUSED: it does not let the TSIG key "sha256.keys.example." change the zone "closed.example."`,
		},
		"a zone that needs a key": {
			rfc2136.Config{Nameserver: server.Address}, "example.com.",
			`add TXT record "_acme-challenge.example.com.": SERVER answered REFUSED: it does not let updates without a TSIG key change the zone "example.com."`,
		},
		"a zone of another server": {
			config(func(*rfc2136.Config) {}), "elsewhere.example.",
			`add TXT record "_acme-challenge.elsewhere.example.": SERVER answered NOTAUTH: it does not hold the zone "elsewhere.example.", or does not know the TSIG key "sha256.keys.example."`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := provider(t, test.config).EnsureTXT(t.Context(), dns01.Record{FQDN: "_acme-challenge." + test.zone, Zone: test.zone, Value: "v"})
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(test.want, strings.ReplaceAll(err.Error(), server.Address, "SERVER")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServerThatIsNotThereIsToldInStableWords(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.7:0") // others of this test listen at 127.0.0.1
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	p := provider(t, rfc2136.Config{Nameserver: address, TCP: true})
	err = p.RemoveTXT(t.Context(), dns01.Record{FQDN: "a.example.com.", Zone: "example.com.", Value: "v"})
	want := fmt.Sprintf(`remove TXT record "a.example.com.": %s (connection refused)`, address)
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestConfigurationsThatCanNotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]rfc2136.Config{
		`read nameserver "": neither host nor host:port, with an IPv6 address in brackets`:            {Nameserver: " "},
		`read nameserver "2001:db8::1": neither host nor host:port, with an IPv6 address in brackets`: {Nameserver: "2001:db8::1"},
		`read TSIG key: unknown algorithm "SHA3": use one of HMACMD5, HMACSHA1, HMACSHA224, HMACSHA256, HMACSHA384, HMACSHA512`: {
			Nameserver: "ns", KeyName: "k", KeyAlgorithm: "SHA3", KeySecret: secret,
		},
		`read TSIG key "k": the secret is not base64`: {Nameserver: "ns", KeyName: "k", KeySecret: "s3cr3t!"},
	} {
		_, err := rfc2136.New(config)
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	for _, good := range []string{"ns.example.com", "ns.example.com:", "ns.example.com:5353", "[2001:db8::1]", "[2001:db8::1]:53", " 192.0.2.1 "} {
		if _, err := rfc2136.New(rfc2136.Config{Nameserver: good}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}
