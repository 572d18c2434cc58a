package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The tests of this package have what it writes read by programs that other people wrote. On a machine
// without them they are skipped, except where CI is set.
func reader(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is needed to check what this package writes: %v", name, err)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// openssl runs one sub-command with the input on stdin, and returns what it prints with all white space
// made one blank, since layout differs between versions.
func openssl(t *testing.T, input []byte, args ...string) string {
	t.Helper()
	return strings.Join(strings.Fields(string(run(t, "openssl", input, args...))), " ")
}

func run(t *testing.T, name string, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), reader(t, name), args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func wantParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("missing %q in:\n%s", part, text)
		}
	}
}

func wantNoParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("unwanted %q in:\n%s", part, text)
		}
	}
}

// wantError checks that an error is there, and says what it should.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one about %q", parts)
	}
	wantParts(t, err.Error(), parts...)
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB, s KeySpec) crypto.Signer {
	t.Helper()
	key, err := GenerateKey(rand.Reader, s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newECKey(t testing.TB) crypto.Signer { return newKey(t, KeySpec{Algorithm: ECDSA}) }

func newCSR(t testing.TB, r Request, key crypto.Signer) (*x509.CertificateRequest, []byte) {
	t.Helper()
	pemBytes, err := CreateRequest(rand.Reader, r, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := DecodeRequest(pemBytes)
	if err != nil {
		t.Fatal(err)
	}
	return csr, pemBytes
}

func newSerial(t testing.TB) *big.Int {
	t.Helper()
	serial, err := NewSerial(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return serial
}

// authority is a CA, or a leaf that signs nothing.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (a authority) issue(t testing.TB, r Request, p Profile) authority {
	t.Helper()
	key := newECKey(t)
	r.IsCA = p.IsCA
	csr, _ := newCSR(t, r, key)
	if p.Duration == 0 {
		p.Duration = 90 * 24 * time.Hour
	}
	template, err := Template(csr, p, newSerial(t), start)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	cert, err := Sign(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func newCA(t testing.TB, name string) authority {
	t.Helper()
	return authority{}.issue(t, Request{Subject: pkix.Name{CommonName: name}}, Profile{IsCA: true})
}

func (a authority) ca(t testing.TB, name string) authority {
	t.Helper()
	return a.issue(t, Request{Subject: pkix.Name{CommonName: name}}, Profile{IsCA: true})
}

func (a authority) leaf(t testing.TB, name string) authority {
	t.Helper()
	return a.issue(t, Request{DNSNames: []string{name}}, Profile{})
}

func parseURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func parseCIDR(t testing.TB, s string) *net.IPNet {
	t.Helper()
	_, ipRange, err := net.ParseCIDR(s)
	if err != nil {
		t.Fatal(err)
	}
	return ipRange
}

// fullRequest uses everything a leaf can ask for.
func fullRequest(t testing.TB) Request {
	return Request{
		Subject: pkix.Name{
			CommonName: "app.example.com", SerialNumber: "42",
			Organization: []string{"Example", "Another"}, OrganizationalUnit: []string{"Unit"},
			Country: []string{"NL"}, Locality: []string{"Delft"}, Province: []string{"Zuid-Holland"},
			StreetAddress: []string{"Street 1"}, PostalCode: []string{"2611"},
		},
		DNSNames:       []string{"app.example.com", "*.example.com"},
		IPAddresses:    []net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::7")},
		URIs:           []*url.URL{parseURL(t, "spiffe://example.com/app")},
		EmailAddresses: []string{"ops@example.com"},
		OtherNames:     []OtherName{{"1.3.6.1.4.1.311.20.2.3", "üser@example.com"}},
		Usages:         []string{"digital signature", "client auth", "server auth"},
		EncodeUsages:   true,
	}
}
