package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
	"time"
)

func TestOpenSSLReadsAndVerifiesAnIssuedCertificate(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "Test CA")
	key := newKey(t, KeySpec{})
	request := fullRequest(t)
	csr, _ := newCSR(t, request, key)
	serial := newSerial(t)
	template, err := Template(csr, Profile{
		Duration:               48 * time.Hour,
		Usages:                 []string{"server auth", "digital signature", "client auth"},
		CRLDistributionPoints:  []string{"http://ca.example/crl"},
		OCSPServers:            []string{"http://ca.example/ocsp"},
		IssuingCertificateURLs: []string{"http://ca.example/ca.crt"},
	}, serial, start)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := Sign(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(cert.RawSubject, csr.RawSubject) {
		t.Error("the subject is not byte by byte that of the request")
	}
	if cert.SerialNumber.Cmp(serial) != 0 {
		t.Error("another serial number")
	}
	text := openssl(t, EncodeCertificates(cert), "x509", "-noout", "-text", "-nameopt", "RFC2253")
	wantParts(t, text,
		"Issuer: CN=Test CA Validity", "Not Before: Mar 1 12:00:00 2026 GMT Not After : Mar 3 12:00:00 2026 GMT",
		"X509v3 Key Usage: critical Digital Signature X509v3",
		"X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication X509v3",
		"X509v3 Basic Constraints: critical CA:FALSE",
		"X509v3 Subject Alternative Name: DNS:app.example.com, DNS:*.example.com, email:ops@example.com, ",
		"othername: UPN::",
		"URI:http://ca.example/crl", "OCSP - URI:http://ca.example/ocsp", "CA Issuers - URI:http://ca.example/ca.crt",
		"X509v3 Authority Key Identifier:", "Signature Algorithm: ecdsa-with-SHA256",
	)
	dir := t.TempDir()
	writeFile(t, dir+"/ca.pem", EncodeCertificates(ca.cert))
	writeFile(t, dir+"/leaf.pem", EncodeCertificates(cert))
	run(t, "openssl", nil, "verify", "-x509_strict", "-attime", "1772370000", "-CAfile", dir+"/ca.pem", dir+"/leaf.pem")
}

func TestOpenSSLVerifiesAChainAsItIsHandedOut(t *testing.T) {
	t.Parallel()
	root := newCA(t, "root")
	upper := root.ca(t, "upper")
	lower := upper.ca(t, "lower")
	leaf := lower.leaf(t, "leaf.example")
	bundle, err := BuildBundle([]*x509.Certificate{upper.cert, leaf.cert, root.cert, lower.cert})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, dir+"/ca.crt", EncodeCertificates(bundle.CA))
	writeFile(t, dir+"/tls.crt", EncodeCertificates(bundle.Chain...))
	args := []string{"verify", "-x509_strict", "-attime", "1772370000", "-verify_hostname", "leaf.example", "-show_chain", "-CAfile", dir + "/ca.crt", "-untrusted", dir + "/tls.crt", dir + "/tls.crt"}
	wantParts(t, openssl(t, nil, args...), "tls.crt: OK", "depth=3: CN = root")
}

func TestAConstrainedCAUnderASelfSignedOne(t *testing.T) {
	t.Parallel()
	root := newCA(t, "root")
	text := openssl(t, EncodeCertificates(root.cert), "x509", "-noout", "-text", "-nameopt", "RFC2253")
	wantParts(t, text, "Issuer: CN=root", "Subject: CN=root", "X509v3 Basic Constraints: critical CA:TRUE X509v3",
		"X509v3 Key Usage: critical Digital Signature, Key Encipherment, Certificate Sign X509v3", "X509v3 Subject Key Identifier")
	if !IsSelfSigned(root.cert) {
		t.Error("it is not self-signed")
	}
	constrained := root.issue(t, Request{
		Subject: pkix.Name{CommonName: "below"},
		NameConstraints: &NameConstraints{Critical: true,
			Permitted: NameSubtrees{DNSDomains: []string{"example.com"}, IPRanges: []*net.IPNet{parseCIDR(t, "10.0.0.0/8")}}},
	}, Profile{IsCA: true})
	wantParts(t, openssl(t, EncodeCertificates(constrained.cert), "x509", "-noout", "-text"),
		"X509v3 Name Constraints: critical Permitted: DNS:example.com IP:10.0.0.0/255.0.0.0")

	for name, good := range map[string]bool{"app.example.com": true, "app.example.net": false} {
		leaf := constrained.leaf(t, name).cert
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(root.cert)
		between.AddCert(constrained.cert)
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: start.Add(time.Hour), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAlternativeNamesOfACertificateAreCriticalExactlyWhenTheSubjectIsEmpty(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "ca")
	for want, subject := range map[string]pkix.Name{
		"Alternative Name: critical DNS:a.example": {},
		"Alternative Name: DNS:a.example":          {Organization: []string{"O"}},
	} {
		cert := ca.issue(t, Request{Subject: subject, DNSNames: []string{"a.example"}}, Profile{}).cert
		wantParts(t, openssl(t, EncodeCertificates(cert), "x509", "-noout", "-text"), want)
	}
}

func TestTemplateRefuses(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	csr, _ := newCSR(t, Request{DNSNames: []string{"a.example"}, IsCA: true, EncodeBasicConstraints: true}, key)
	plain, _ := newCSR(t, Request{DNSNames: []string{"a.example"}}, key)
	for _, test := range []struct {
		csr     *x509.CertificateRequest
		profile Profile
		want    string
	}{
		{csr, Profile{}, "duration 0s is not positive"},
		{csr, Profile{Duration: time.Hour}, "it asks for isCA true, spec.isCA is false"},
		{plain, Profile{Duration: time.Hour, Usages: []string{"fun"}}, `usage "fun" is not known`},
	} {
		_, err := Template(test.csr, test.profile, newSerial(t), start)
		wantError(t, err, "create certificate template: ", test.want)
	}
}

func TestSignRefusesAKeyThatIsNotTheParents(t *testing.T) {
	t.Parallel()
	ca, other := newCA(t, "ca"), newECKey(t)
	csr, _ := newCSR(t, Request{DNSNames: []string{"a.example"}}, other)
	template, err := Template(csr, Profile{Duration: time.Hour}, newSerial(t), start)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Sign(rand.Reader, template, ca.cert, other.Public(), other)
	wantError(t, err, "sign certificate: ")
}

func TestSerialNumbersHave128Bits(t *testing.T) {
	t.Parallel()
	zeroThenOnes := bytes.NewReader(append(make([]byte, 16), bytes.Repeat([]byte{0xff}, 16)...))
	serial, err := NewSerial(zeroThenOnes)
	if err != nil {
		t.Fatal(err)
	}
	if serial.Sign() <= 0 || serial.BitLen() != 128 {
		t.Errorf("got %x", serial)
	}
}
