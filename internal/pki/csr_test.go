package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOpenSSLReadsEverythingTheRequestSays(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	_, encoded := newCSR(t, fullRequest(t), key)
	text := openssl(t, encoded, "req", "-noout", "-text", "-verify", "-nameopt", "RFC2253,utf8,-esc_msb")
	wantParts(t, text,
		"verify OK",
		"serialNumber=42", "CN=app.example.com", "postalCode=2611", "street=Street 1", "ST=Zuid-Holland", "L=Delft", "OU=Unit",
		"O=Example+O=Another", "C=NL",
		"X509v3 Subject Alternative Name: DNS:app.example.com, DNS:*.example.com, email:ops@example.com, "+
			"IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7, URI:spiffe://example.com/app, othername: UPN::üser@example.com",
		"X509v3 Key Usage: critical Digital Signature X509v3",
		"X509v3 Extended Key Usage: TLS Web Client Authentication, TLS Web Server Authentication",
		"Signature Algorithm: ecdsa-with-SHA256",
	)
	wantNoParts(t, text, "Basic Constraints", "Name Constraints", "Alternative Name: critical")
}

func TestAlternativeNamesAreCriticalExactlyWhenTheSubjectIsEmpty(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	tests := map[string]struct {
		request Request
		want    string
	}{
		"no subject":            {Request{DNSNames: []string{"a.example"}}, "Alternative Name: critical DNS:a.example"},
		"empty literal subject": {Request{RawSubject: []byte{0x30, 0}, DNSNames: []string{"a.example"}}, "Alternative Name: critical DNS:a.example"},
		"organization only": {Request{Subject: pkix.Name{Organization: []string{"O"}}, DNSNames: []string{"a.example"}},
			"Alternative Name: DNS:a.example"},
	}
	for name, test := range tests {
		_, encoded := newCSR(t, test.request, key)
		text := openssl(t, encoded, "req", "-noout", "-text")
		if !strings.Contains(text, test.want) {
			t.Errorf("%s: missing %q in:\n%s", name, test.want, text)
		}
		wantNoParts(t, text, "Key Usage")
	}
	_, encoded := newCSR(t, Request{Subject: pkix.Name{CommonName: "only"}}, key)
	wantNoParts(t, openssl(t, encoded, "req", "-noout", "-text"), "Alternative Name")
}

func TestRequestOfACA(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	request := Request{
		Subject:                pkix.Name{CommonName: "ca"},
		Usages:                 []string{"crl sign", "decipher only"},
		EncodeUsages:           true,
		IsCA:                   true,
		EncodeBasicConstraints: true,
		NameConstraints: &NameConstraints{
			Critical: true,
			Permitted: NameSubtrees{
				DNSDomains: []string{"example.com"}, EmailAddresses: []string{"example.com"}, URIDomains: []string{".example.com"},
				IPRanges: []*net.IPNet{parseCIDR(t, "10.1.2.3/8"), parseCIDR(t, "2001:db8::/32"), {IP: net.ParseIP("192.0.2.9"), Mask: net.CIDRMask(24, 32)}},
			},
			Excluded: NameSubtrees{DNSDomains: []string{"secret.example.com"}},
		},
		SignatureAlgorithm: "ECDSAWithSHA512",
	}
	csr, encoded := newCSR(t, request, key)
	text := openssl(t, encoded, "req", "-noout", "-text", "-verify")
	wantParts(t, text,
		"verify OK",
		"X509v3 Key Usage: critical Certificate Sign, CRL Sign, Decipher Only",
		"X509v3 Basic Constraints: critical CA:TRUE",
		"X509v3 Name Constraints: critical Permitted: DNS:example.com email:example.com URI:.example.com "+
			"IP:10.0.0.0/255.0.0.0 IP:2001:DB8:0:0:0:0:0:0/FFFF:FFFF:0:0:0:0:0:0 IP:192.0.2.0/255.255.255.0 "+
			"Excluded: DNS:secret.example.com",
		"Signature Algorithm: ecdsa-with-SHA512",
	)
	if diff := RequestDiff(request, csr); diff != nil {
		t.Errorf("the request differs from what it was made of in %v", diff)
	}

	request.IsCA, request.NameConstraints, request.SignatureAlgorithm = false, nil, ""
	_, encoded = newCSR(t, request, key)
	text = openssl(t, encoded, "req", "-noout", "-text")
	wantParts(t, text, "X509v3 Basic Constraints: critical CA:FALSE", "X509v3 Key Usage: critical CRL Sign, Decipher Only")
	wantNoParts(t, text, "Name Constraints")
}

func TestSignatureAlgorithmIsTheOneAskedFor(t *testing.T) {
	t.Parallel()
	keys := map[Algorithm]string{RSA: "RSA", ECDSA: "ECDSA", Ed25519: "Ed25519"}
	for algorithm := range keys {
		key := newKey(t, KeySpec{Algorithm: algorithm})
		for name, want := range signatureAlgorithms {
			encoded, err := CreateRequest(rand.Reader, Request{DNSNames: []string{"a.example"}, SignatureAlgorithm: name}, key)
			if name != "" && !strings.Contains(name, keys[algorithm]) {
				wantError(t, err, "create certificate request", "SignatureAlgorithm does not match")
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			csr, err := DecodeRequest(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if name != "" && csr.SignatureAlgorithm != want {
				t.Errorf("asked for %s, got %s", name, csr.SignatureAlgorithm)
			}
		}
	}
}

func TestRequestsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	good := []string{"a.example"}
	tests := map[string]struct {
		request Request
		want    string
	}{
		"no name at all":            {Request{Subject: pkix.Name{Organization: []string{"O"}}}, "neither a common name nor any alternative name"},
		"common name too long":      {Request{Subject: pkix.Name{CommonName: strings.Repeat("n", 65)}}, "longer than 64 bytes"},
		"literal name too long":     {Request{RawSubject: literal(t, "CN="+strings.Repeat("n", 65))}, "longer than 64 bytes"},
		"subject not DER":           {Request{RawSubject: []byte("x"), DNSNames: good}, "parse subject"},
		"subject not UTF-8":         {Request{Subject: pkix.Name{CommonName: "\xff"}}, "encode subject"},
		"unknown usage":             {Request{DNSNames: good, EncodeUsages: true, Usages: []string{"fun"}}, `usage "fun" is not known`},
		"unknown signature":         {Request{DNSNames: good, SignatureAlgorithm: "MD5"}, `signature algorithm "MD5" is not known`},
		"empty DNS name":            {Request{DNSNames: []string{""}}, "DNS name is empty"},
		"DNS name not in ASCII":     {Request{DNSNames: []string{"bücher.example"}}, `DNS name "bücher.example" has characters outside ASCII`},
		"email not in ASCII":        {Request{EmailAddresses: []string{"ü@example"}}, "email address"},
		"IP address of three bytes": {Request{IPAddresses: []net.IP{{1, 2, 3}}}, "neither IPv4 nor IPv6"},
		"other name without type":   {Request{OtherNames: []OtherName{{"", "v"}}}, `object identifier "" is malformed`},
		"other name, bad type":      {Request{OtherNames: []OtherName{{"1.40.1", "v"}}}, `object identifier "1.40.1" is malformed`},
		"other name without value":  {Request{OtherNames: []OtherName{{"1.2.3", ""}}}, "has no valid UTF-8 value"},
		"other name not UTF-8":      {Request{OtherNames: []OtherName{{"1.2.3", "\xff"}}}, "has no valid UTF-8 value"},
		"constraint not in ASCII":   {Request{DNSNames: good, NameConstraints: &NameConstraints{Permitted: NameSubtrees{DNSDomains: []string{"ü"}}}}, "outside ASCII"},
		"more names than fit":       {Request{DNSNames: slices.Repeat([]string{strings.Repeat("n", 60) + ".example"}, 400)}, "bytes are more than the limit of 36500; ask for fewer names"},
		"constraint not a range":    {Request{DNSNames: good, NameConstraints: &NameConstraints{Excluded: NameSubtrees{IPRanges: []*net.IPNet{{}}}}}, "is not an IP range"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := CreateRequest(rand.Reader, test.request, key)
			wantError(t, err, "create certificate request: ", test.want)
		})
	}
	longest := Request{Subject: pkix.Name{CommonName: strings.Repeat("n", 64)}, URIs: []*url.URL{parseURL(t, "https://a.example/ü")}}
	if _, err := CreateRequest(rand.Reader, longest, key); err != nil {
		t.Errorf("a common name of 64 bytes, and an escaped URI: %v", err)
	}
}

func TestARequestMadeByOpenSSLIsUnderstood(t *testing.T) {
	t.Parallel()
	key, err := EncodeKey(newECKey(t), PKCS1)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, key, 0o600); err != nil {
		t.Fatal(err)
	}
	made := run(t, "openssl", nil, "req", "-new", "-key", path, "-subj", "/O=Org/CN=a.example",
		"-addext", "subjectAltName=otherName:1.2.3;UTF8:value,RID:1.2.3.4,DNS:b.example,DNS:a.example",
		"-addext", "keyUsage=keyEncipherment,digitalSignature,keyCertSign", "-addext", "extendedKeyUsage=clientAuth,serverAuth",
		"-addext", "basicConstraints=CA:TRUE,pathlen:3",
		"-addext", "nameConstraints=excluded;DNS:x.example,permitted;IP:10.0.0.0/255.0.0.0,permitted;DNS:example")
	csr, err := DecodeRequest(made)
	if err != nil {
		t.Fatal(err)
	}
	want := Request{
		Subject:    pkix.Name{CommonName: "a.example", Organization: []string{"Org"}},
		DNSNames:   []string{"a.example", "b.example"},
		OtherNames: []OtherName{{"1.2.3", "value"}},
		Usages:     []string{"server auth", "client auth", "digital signature", "key encipherment"},
		IsCA:       true,
		NameConstraints: &NameConstraints{
			Permitted: NameSubtrees{DNSDomains: []string{"example"}, IPRanges: []*net.IPNet{parseCIDR(t, "10.0.0.0/8")}},
			Excluded:  NameSubtrees{DNSDomains: []string{"x.example"}},
		},
	}
	if diff := RequestDiff(want, csr); diff != nil {
		t.Errorf("differs in %v", diff)
	}
	if err := CheckCSR(csr, true, want.Usages); err != nil {
		t.Error(err)
	}
	wantError(t, CheckCSR(csr, false, want.Usages), "it asks for isCA true, spec.isCA is false")
}

func TestDecodeRequestRefuses(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	csr, good := newCSR(t, fullRequest(t), key)
	forged := bytes.Clone(csr.Raw)
	forged[len(forged)-1] ^= 1
	renamed := bytes.Replace(csr.Raw, []byte("app.example.com"), []byte("bad.example.com"), 1)
	as := func(label string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	}
	for name, test := range map[string]struct {
		input []byte
		want  string
	}{
		"nothing":             {nil, "no PEM block found"},
		"too large":           {append(bytes.Clone(good), make([]byte, MaxCertificateSize)...), "larger than the limit of 36500"},
		"cut off":             {good[:100], "1 of 1 PEM blocks are broken or cut off"},
		"two requests":        {append(bytes.Clone(good), good...), "more than one PEM block"},
		"a certificate":       {EncodeCertificates(newCA(t, "ca").cert), "not a certificate request"},
		"garbage":             {as(blockRequest, []byte("x")), "decode certificate request: "},
		"signature forged":    {as(blockRequest, forged), "check signature"},
		"name changed":        {as(blockRequest, renamed), "check signature"},
		"bytes after the end": {as(blockRequest, append(bytes.Clone(csr.Raw), 0)), "trailing data"},
	} {
		_, err := DecodeRequest(test.input)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if _, err := DecodeRequest(as(blockLegacyRequest, csr.Raw)); err != nil {
		t.Errorf("the old label is refused: %v", err)
	}
}

// unsignedRequest is a request for a public key whose private one nobody has.
func unsignedRequest(t *testing.T, pub *rsa.PublicKey) []byte {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	type info struct {
		Version      int
		Subject, Key asn1.RawValue
		NoAttributes asn1.RawValue
	}
	der, err := asn1.Marshal(struct {
		Info      info
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		info{0, asn1.RawValue{FullBytes: []byte{0x30, 0}}, asn1.RawValue{FullBytes: spki}, asn1.RawValue{FullBytes: []byte{0xa0, 0}}},
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: make([]byte, pub.Size()), BitLength: 8 * pub.Size()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockRequest, Bytes: der})
}

func TestNothingIsComputedWithAnEnormousKey(t *testing.T) {
	t.Parallel()
	for bits, want := range map[uint]string{
		16_384: "check signature",
		16_385: "RSA key of 16385 bits is larger than the limit of 16384",
		70_000: "RSA key of 70000 bits is larger than the limit of 16384",
	} {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		_, err := DecodeRequest(unsignedRequest(t, &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}))
		wantError(t, err, "decode certificate request: ", want)
	}

	ca := newCA(t, "ca")
	n := new(big.Int).Lsh(big.NewInt(1), 16_384)
	csr, _ := newCSR(t, Request{DNSNames: []string{"a.example"}}, newECKey(t))
	template, err := Template(csr, Profile{Duration: 1e15}, newSerial(t), start)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := Sign(rand.Reader, template, ca.cert, &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = DecodeCertificates(EncodeCertificates(cert))
	wantError(t, err, "decode certificates: RSA key of 16385 bits")
}

func FuzzDecodeRequest(f *testing.F) {
	key := newECKey(f)
	for _, r := range []Request{fullRequest(f), {DNSNames: []string{"a.example"}}} {
		encoded, err := CreateRequest(rand.Reader, r, key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
		f.Add(encoded[:len(encoded)-9])
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		csr, err := DecodeRequest(input)
		if err != nil {
			return
		}
		encoded := pem.EncodeToMemory(&pem.Block{Type: blockRequest, Bytes: csr.Raw})
		if _, err := DecodeRequest(encoded); err != nil {
			t.Fatalf("a request that was read cannot be read again: %v", err)
		}
	})
}

// FuzzRequestExtensions feeds the parsers behind the signature check, which random bytes never pass.
func FuzzRequestExtensions(f *testing.F) {
	key := newECKey(f)
	full, _ := newCSR(f, fullRequest(f), key)
	ca, _ := newCSR(f, Request{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, EncodeBasicConstraints: true,
		NameConstraints: &NameConstraints{Permitted: NameSubtrees{DNSDomains: []string{"example.com"}}}}, key)
	for _, csr := range []*x509.CertificateRequest{full, ca} {
		for _, ext := range csr.Extensions {
			f.Add(ext.Value, csr.RawSubject)
		}
	}
	want := fullRequest(f)
	f.Fuzz(func(t *testing.T, value, subject []byte) {
		csr := &x509.CertificateRequest{RawSubject: subject, PublicKey: key.Public()}
		for _, id := range [][]int{oidKeyUsage, oidExtKeyUsage, oidSubjectAltName, oidBasicConstraints, oidNameConstraints} {
			csr.Extensions = []pkix.Extension{{Id: id, Value: value}}
			RequestDiff(want, csr)
			if err := CheckCSR(csr, true, nil); err != nil {
				continue
			}
			if _, err := Template(csr, Profile{Duration: 1, IsCA: true}, newSerial(t), start); err != nil {
				t.Fatalf("a request that passed the check has no template: %v", err)
			}
			if _, err := temporaryTemplate(csr); err != nil {
				continue
			}
		}
	})
}
