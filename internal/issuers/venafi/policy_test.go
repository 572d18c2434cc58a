package venafi_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/issuers/venafi"
	"github.com/certwright/certwright/test/cyberark"
)

type policyRow struct {
	sentence string
	change   func(*cyberark.Server)
	csr      x509.CertificateRequest
	key      any
	refused  string // what of it; empty: it is allowed
}

func set(s *cyberark.Server, values ...any) {
	for i := 0; i < len(values); i += 2 {
		s.Policy[values[i].(string)], s.Rules[values[i].(string)] = values[i+1], values[i+1]
	}
}

func TestWhatAZoneDoesNotAllowIsNotAskedFor(t *testing.T) {
	t.Parallel()
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	uri := &url.URL{Scheme: "spiffe", Host: "example.com"}
	named := func(name string) x509.CertificateRequest {
		return x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}
	}
	locked := func(value any) map[string]any { return map[string]any{"Locked": true, "Value": value} }
	domains := func(wildcards bool, names ...string) func(*cyberark.Server) {
		return func(s *cyberark.Server) { set(s, "WhitelistedDomains", names, "WildcardsAllowed", wildcards) }
	}
	subject := func(name string, value any) func(*cyberark.Server) {
		return func(s *cyberark.Server) { set(s, "Subject", map[string]any{name: value}) }
	}
	pair := func(values map[string]any) func(*cyberark.Server) {
		return func(s *cyberark.Server) { set(s, "KeyPair", values) }
	}
	web := named("www.example.com")
	selfHosted := []policyRow{
		{"a name in a domain", domains(false, "example.com"), web, nil, ""},
		{"a domain itself", domains(false, "example.com"), named("example.com"), nil, ""},
		{"a domain itself where only names below it are allowed", domains(false, ".example.com"), named("example.com"), nil, `the common name "example.com"`},
		{"a name below a domain", domains(false, ".example.com"), named("A.Example.Com"), nil, ""},
		{"a name that only ends like a domain", domains(false, "example.com"), named("badexample.com"), nil, `the common name "badexample.com"`},
		{"a wildcard", domains(true, "example.com"), named("*.example.com"), nil, ""},
		{"a wildcard where there are none", domains(false, "example.com"), named("*.example.com"), nil, `the common name "*.example.com"`},
		{"a wildcard where there are none, in any domain", domains(false), named("*.example.com"), nil, `the common name "*.example.com"`},
		{"another alternative name", domains(true, "example.com"), x509.CertificateRequest{Subject: pkix.Name{CommonName: "example.com"}, DNSNames: []string{"example.com", "example.org"}}, nil, `the DNS name "example.org"`},
		{"no DNS names", func(s *cyberark.Server) { set(s, "SubjAltNameDnsAllowed", false) }, web, nil, `the DNS name "www.example.com"`},
		{"no IP addresses", func(s *cyberark.Server) { set(s, "SubjAltNameIpAllowed", false) }, x509.CertificateRequest{IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}}, nil, `the IP address "192.0.2.1"`},
		{"no URIs", func(s *cyberark.Server) { set(s, "SubjAltNameUriAllowed", false) }, x509.CertificateRequest{URIs: []*url.URL{uri}}, nil, `the URI "spiffe://example.com"`},
		{"no email addresses", func(s *cyberark.Server) { set(s, "SubjAltNameEmailAllowed", false) }, x509.CertificateRequest{EmailAddresses: []string{"a@example.com"}}, nil, `the email address "a@example.com"`},
		{"another organization", subject("Organization", locked("Example")), x509.CertificateRequest{Subject: pkix.Name{CommonName: "a", Organization: []string{"Other"}}}, nil, `the organization "Other"`},
		{"no organization, which the server fills in", subject("Organization", locked("Example")), named("a.example.com"), nil, ""},
		{"another unit", subject("OrganizationalUnit", map[string]any{"Locked": true, "Values": []string{"A", "B"}}), x509.CertificateRequest{Subject: pkix.Name{CommonName: "a", OrganizationalUnit: []string{"B", "C"}}}, nil, `the organizational unit "C"`},
		{"another country", subject("Country", locked("DE")), x509.CertificateRequest{Subject: pkix.Name{CommonName: "a", Country: []string{"FR"}}}, nil, `the country "FR"`},
		{"a country that is only the default", subject("Country", map[string]any{"Value": "DE"}), x509.CertificateRequest{Subject: pkix.Name{CommonName: "a", Country: []string{"FR"}}}, nil, ""},
		{"an RSA key that is large enough", pair(map[string]any{"KeyAlgorithm": locked("RSA"), "KeySize": locked(2048)}), web, rsa2048, ""},
		{"an RSA key that is too small", pair(map[string]any{"KeySize": locked(4096)}), web, rsa2048, "a key of the kind RSA with 2048 bits"},
		{"an elliptic curve where there is RSA", pair(map[string]any{"KeyAlgorithm": locked("RSA")}), web, nil, "a key of the kind EC P256"},
		{"RSA where there are elliptic curves", pair(map[string]any{"KeyAlgorithm": locked("ECC")}), web, rsa2048, "a key of the kind RSA with 2048 bits"},
		{"another curve", pair(map[string]any{"KeyAlgorithm": locked("ECC"), "EllipticCurve": locked("P256")}), web, p521, "a key of the kind EC P521"},
		{"Ed25519, which there is not", nil, web, ed, "a key of the kind EC ED25519"},
	}
	service := []policyRow{
		{"what matches", func(s *cyberark.Server) {
			set(s, "subjectCNRegexes", []string{`.*\.example\.com`}, "sanRegexes", []string{`.*\.example\.com`})
		}, web, nil, ""},
		{"a common name that does not match", func(s *cyberark.Server) { set(s, "subjectCNRegexes", []string{`.*\.example\.org`, `example`}) }, web, nil, `the common name "www.example.com"`},
		{"a DNS name that does not match", func(s *cyberark.Server) { set(s, "sanRegexes", []string{`www|com`}) }, web, nil, `the DNS name "www.example.com"`},
		{"an expression of another engine, which the server reads", func(s *cyberark.Server) { set(s, "sanRegexes", []string{`(?!a)b`}) }, web, nil, ""},
		{"another organization", func(s *cyberark.Server) { set(s, "subjectORegexes", []string{"Example"}) }, x509.CertificateRequest{Subject: pkix.Name{CommonName: "a", Organization: []string{"Other"}}}, nil, `the organization "Other"`},
		{"another country", func(s *cyberark.Server) { set(s, "subjectCValues", []string{"DE", "AT"}) }, x509.CertificateRequest{Subject: pkix.Name{CommonName: "a", Country: []string{"FR"}}}, nil, `the country "FR"`},
		{"an RSA key of a size that there is", nil, web, rsa2048, ""},
		{"another curve", nil, web, p521, "a key of the kind EC P521"},
		{"Ed25519, which is said to be a curve", func(s *cyberark.Server) {
			set(s, "keyTypes", []any{map[string]any{"keyType": "EC", "keyCurves": []string{"ED25519"}}})
		}, web, ed, ""},
		{"RSA where there is none", func(s *cyberark.Server) {
			set(s, "keyTypes", []any{map[string]any{"keyType": "EC", "keyCurves": []string{"P256"}}})
		}, web, rsa2048, "a key of the kind RSA with 2048 bits"},
	}
	run := func(zone string, rows []policyRow, server func(*world, *testing.T) venafi.Server) {
		for _, row := range rows {
			w := newWorld(t)
			if row.change != nil {
				row.change(w.Server)
			}
			_, err := server(w, t).Submit(t.Context(), request(t, &row.csr, row.key))
			if row.refused == "" {
				if err != nil {
					t.Errorf("%s: %v", row.sentence, err)
				}
				continue
			}
			want := "the policy of " + zone + " does not allow " + row.refused
			if _, ok := errors.AsType[*venafi.PolicyError](err); !ok || err.Error() != want || len(w.Received) != 0 {
				t.Errorf("%s: got %v", row.sentence, err)
			}
		}
	}
	run(`the policy folder \VED\Policy\Shops\Web`, selfHosted, func(w *world, t *testing.T) venafi.Server { return w.tpp(t, nil) })
	run(`the issuing template "Default"`, service, (*world).cloud)
}

func TestCustomFieldsAreReadAndMerged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":1}`:         `it is not a JSON list such as [{"name": "Cost center", "value": "1234"}]`,
		`[{"value":"a"}]`: "field 1 has no name",
		`[{"name":"a"},{"name":"b","type":"Secret"}]`: `field "b" has the type "Secret"; the only one that there is, is Plain`,
		`[{"name":"a","value":1}]`:                    `it is not a JSON list such as [{"name": "Cost center", "value": "1234"}]`,
	} {
		if _, err := venafi.ParseFields(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", text, err)
		}
	}
	base, err := venafi.ParseFields(`[{"name":"Team","value":"base"},{"name":"Cost center","value":"1"},{"name":"Team","value":"base 2"}]`)
	if err != nil {
		t.Fatal(err)
	}
	over, err := venafi.ParseFields(`[{"type":"Plain","name":"Team","value":"over"}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := []venafi.Field{{Name: "Cost center", Value: "1"}, {Type: "Plain", Name: "Team", Value: "over"}}
	if diff := cmp.Diff(want, venafi.MergeFields(base, over)); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
}
