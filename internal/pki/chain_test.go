package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// subjects names certificates, so that a chain is easy to compare. Leaves have no subject.
func subjects(certs []*x509.Certificate) []string {
	var out []string
	for _, cert := range certs {
		out = append(out, cert.Subject.CommonName+strings.Join(cert.DNSNames, ","))
	}
	return out
}

func TestOpenSSLAndWeReadOneAnothersChains(t *testing.T) {
	t.Parallel()
	root := newCA(t, "root")
	between := root.ca(t, "between")
	certs := []*x509.Certificate{between.leaf(t, "a.example").cert, between.cert, root.cert}
	encoded := EncodeCertificates(certs...)
	// A bundle with the remarks that openssl writes around each certificate.
	remarked := run(t, "openssl", encoded, "crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin")
	remarked = run(t, "openssl", remarked, "pkcs7", "-print_certs")
	for name, input := range map[string][]byte{"ours": encoded, "openssl's": remarked} {
		for _, decode := range []func([]byte) ([]*x509.Certificate, error){DecodeCertificates, DecodeBundle} {
			got, err := decode(input)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !slices.EqualFunc(got, certs, (*x509.Certificate).Equal) {
				t.Errorf("%s: got %v", name, subjects(got))
			}
		}
	}
	if EncodeCertificates() != nil {
		t.Error("no certificate is not nothing")
	}
}

func TestDecodeCertificatesRefuses(t *testing.T) {
	t.Parallel()
	root := newCA(t, "root")
	one := EncodeCertificates(root.cert)
	key, err := EncodeKey(root.key, PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 900)
	for i := range names {
		names[i] = strings.Repeat("x", 40) + ".example"
	}
	huge := EncodeCertificates(root.issue(t, Request{DNSNames: slices.Clip(names[:500])}, Profile{}).cert)
	tooHuge := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: make([]byte, 27_400)})
	second := bytes.Clone(one)
	second[60] = '!'
	for name, test := range map[string]struct {
		input []byte
		want  string
	}{
		"nothing":                      {nil, "no PEM block found"},
		"too large":                    {append(bytes.Clone(one), make([]byte, MaxChainSize)...), "larger than the limit of 95000"},
		"one too large":                {tooHuge, "certificate of 36536 bytes is larger than the limit of 36500"},
		"a key behind the certificate": {append(bytes.Clone(one), key...), "not a certificate"},
		"the last one cut off":         {append(bytes.Clone(one), one[:200]...), "1 of 2 PEM blocks are broken or cut off"},
		"one broken in the middle":     {slices.Concat(one, second, one), "1 of 3 PEM blocks are broken or cut off"},
		"garbage":                      {pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: []byte("x")}), "decode certificates: x509"},
	} {
		_, err := DecodeCertificates(test.input)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "decode certificates: ") {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if _, err := DecodeCertificates(huge); err != nil {
		t.Errorf("a certificate of 500 names: %v", err)
	}
	if _, err := DecodeBundle(append(bytes.Clone(one), make([]byte, MaxChainSize)...)); err != nil {
		t.Errorf("a bundle may be larger than a chain: %v", err)
	}
	_, err = DecodeBundle(append(bytes.Clone(one), make([]byte, MaxBundleSize)...))
	wantError(t, err, "larger than the limit of 330000")
}

func TestBuildBundleFromAnyOrder(t *testing.T) {
	t.Parallel()
	root := newCA(t, "root")
	upper := root.ca(t, "upper")
	lower := upper.ca(t, "lower")
	leaf := lower.leaf(t, "leaf")
	// A CA that changed its key: both certificates have one name, the new is signed by the old.
	renewed := root.ca(t, "root")
	for _, test := range []struct {
		name  string
		certs []*x509.Certificate
		chain []string
		ca    *x509.Certificate
	}{
		{"with root", []*x509.Certificate{leaf.cert, lower.cert, upper.cert, root.cert}, []string{"leaf", "lower", "upper"}, root.cert},
		{"without root", []*x509.Certificate{leaf.cert, lower.cert, upper.cert}, []string{"leaf", "lower", "upper"}, upper.cert},
		{"each twice", []*x509.Certificate{leaf.cert, leaf.cert, lower.cert, lower.cert}, []string{"leaf", "lower"}, lower.cert},
		{"a lone leaf", []*x509.Certificate{leaf.cert}, []string{"leaf"}, leaf.cert},
		{"a lone root", []*x509.Certificate{root.cert}, []string{"root"}, root.cert},
		{"CAs only", []*x509.Certificate{upper.cert, root.cert}, []string{"upper"}, root.cert},
		{"two CAs of one name", []*x509.Certificate{renewed.leaf(t, "leaf").cert, renewed.cert, root.cert}, []string{"leaf", "root"}, root.cert},
	} {
		for turn := range 2 * len(test.certs) {
			// Every rotation, forwards and then backwards.
			if turn == len(test.certs) {
				slices.Reverse(test.certs)
			}
			test.certs = append(test.certs[1:], test.certs[0])
			bundle, err := BuildBundle(test.certs)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if diff := cmp.Diff(test.chain, subjects(bundle.Chain)); diff != "" {
				t.Errorf("%s: %s", test.name, diff)
			}
			if !bundle.CA.Equal(test.ca) {
				t.Errorf("%s: CA is %s", test.name, subjects([]*x509.Certificate{bundle.CA}))
			}
		}
	}
}

func TestBuildBundleRefusesWhatIsNotOneChain(t *testing.T) {
	t.Parallel()
	root, other := newCA(t, "root"), newCA(t, "other")
	namesake := newCA(t, "root")
	between := root.ca(t, "between")
	leaf, sister := between.leaf(t, "leaf"), between.leaf(t, "sister")
	for name, certs := range map[string][]*x509.Certificate{
		"a link is missing":             {leaf.cert, root.cert},
		"a stranger":                    {leaf.cert, between.cert, other.cert},
		"two leaves":                    {leaf.cert, sister.cert, between.cert},
		"two leaves alone":              {leaf.cert, sister.cert},
		"the issuer's name, not itself": {root.leaf(t, "leaf").cert, namesake.cert},
	} {
		_, err := BuildBundle(certs)
		if err == nil || !strings.Contains(err.Error(), "do not form one chain") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := BuildBundle(nil)
	wantError(t, err, "build chain: no certificate")
	_, err = BuildBundle(make([]*x509.Certificate, MaxBundleCertificates+1))
	wantError(t, err, "build chain: 1001 certificates are more than 1000")
}

// Old private roots are signed with SHA-1, which Go no longer verifies.
func TestARootSignedWithSHA1IsStillARoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run(t, "openssl", nil, "req", "-x509", "-sha1", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-keyout", dir+"/key.pem", "-out", dir+"/cert.pem")
	read := func(name string) []byte {
		data, err := os.ReadFile(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	key, err := DecodeKey(read("/key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	certs, err := DecodeCertificates(read("/cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	root := authority{certs[0], key}
	bundle, err := BuildBundle([]*x509.Certificate{root.leaf(t, "leaf").cert, root.cert})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"leaf"}, subjects(bundle.Chain)); diff != "" || !bundle.CA.Equal(root.cert) {
		t.Error("the root is not left out of the chain ", diff)
	}
}

func TestBuildBundleBoundsItsWorkOnNamesakes(t *testing.T) {
	t.Parallel()
	root := newCA(t, "root")
	certs := make([]*x509.Certificate, 60)
	for i := range certs {
		certs[i] = root.ca(t, "root").cert // each issued by the root, and named like it
	}
	_, err := BuildBundle(certs)
	wantError(t, err, "build chain: too many certificates of the same name")
}

func FuzzDecodeCertificates(f *testing.F) {
	root := newCA(f, "root")
	encoded := EncodeCertificates(root.leaf(f, "a.example").cert, root.cert)
	f.Add(encoded)
	f.Add(encoded[:len(encoded)-9])
	f.Fuzz(func(t *testing.T, input []byte) {
		certs, err := DecodeCertificates(input)
		if err != nil {
			return
		}
		again, err := DecodeCertificates(EncodeCertificates(certs...))
		if err != nil || !slices.EqualFunc(certs, again, (*x509.Certificate).Equal) {
			t.Fatalf("certificates that were written read differently: %v", err)
		}
		for _, cert := range certs {
			SecretAnnotations(cert)
			IsTemporary(cert)
		}
		if bundle, err := BuildBundle(certs); err == nil && len(bundle.Chain) == 0 {
			t.Fatal("a chain of nothing")
		}
	})
}
