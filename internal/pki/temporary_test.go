package pki

import (
	"crypto/rand"
	"crypto/x509/pkix"
	"testing"
	"time"
)

func TestTemporaryCertificateHasTheNamesAndKeyOfTheRequest(t *testing.T) {
	t.Parallel()
	key := newKey(t, KeySpec{})
	csr, _ := newCSR(t, fullRequest(t), key)
	encoded, err := TemporaryCertificate(rand.Reader, csr, key, start)
	if err != nil {
		t.Fatal(err)
	}
	text := openssl(t, encoded, "x509", "-noout", "-text", "-nameopt", "RFC2253")
	wantParts(t, text,
		"Issuer: CN=cert-manager.local ", "Subject: serialNumber=1234567890,CN=app.example.com,",
		"Not Before: Mar 1 12:00:00 2026 GMT Not After : May 30 12:00:00 2026 GMT",
		"X509v3 Subject Alternative Name: DNS:app.example.com, DNS:*.example.com, email:ops@example.com, ",
		"X509v3 Key Usage: critical Digital Signature X509v3",
		"X509v3 Extended Key Usage: TLS Web Client Authentication, TLS Web Server Authentication",
		"X509v3 Basic Constraints: critical CA:FALSE",
		"Signature Algorithm: ecdsa-with-SHA512",
	)
	wantNoParts(t, text, "serialNumber=42")
	certs, err := DecodeCertificates(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if len(certs) != 1 || !IsTemporary(certs[0]) || !SameKey(certs[0].PublicKey, key.Public()) {
		t.Error("it is not one recognisable certificate for the key")
	}
	if err := CheckIssued(certs[0], csr, start.Add(time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestTemporaryCertificateIsNeverACA(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	csr, _ := newCSR(t, Request{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, EncodeBasicConstraints: true,
		Usages: []string{"cert sign", "crl sign", "key agreement"}, EncodeUsages: true}, key)
	encoded, err := TemporaryCertificate(rand.Reader, csr, key, start)
	if err != nil {
		t.Fatal(err)
	}
	wantParts(t, openssl(t, encoded, "x509", "-noout", "-text"),
		"X509v3 Basic Constraints: critical CA:FALSE", "X509v3 Key Usage: critical Key Agreement X509v3")
}

func TestTemporaryCertificateWithoutSubject(t *testing.T) {
	t.Parallel()
	key := newECKey(t)
	csr, _ := newCSR(t, Request{DNSNames: []string{"a.example"}}, key)
	encoded, err := TemporaryCertificate(rand.Reader, csr, key, start)
	if err != nil {
		t.Fatal(err)
	}
	wantParts(t, openssl(t, encoded, "x509", "-noout", "-text", "-nameopt", "RFC2253"), "Subject: serialNumber=1234567890 ",
		"Alternative Name: DNS:a.example", "Key Usage: critical Digital Signature, Key Encipherment X509v3")
	_, err = TemporaryCertificate(rand.Reader, csr, newECKey(t), start)
	wantError(t, err, "create temporary certificate: the request is not for this key")
	_, err = TemporaryCertificate(brokenReader{}, csr, key, start)
	wantError(t, err, "create temporary certificate: draw serial number: no entropy")
}

func TestOnlyTemporaryCertificatesAreTemporary(t *testing.T) {
	t.Parallel()
	for name, ca := range map[string]authority{
		"serial number of a user, our own CA's issuer": newCA(t, "ca"),
		"a CA that has the name":                       newCA(t, "cert-manager.local"),
	} {
		for _, serial := range []string{"1234567890", "1"} {
			cert := ca.issue(t, Request{Subject: pkix.Name{CommonName: "a", SerialNumber: serial}}, Profile{}).cert
			want := ca.cert.Subject.CommonName == "cert-manager.local" && serial == "1234567890"
			if IsTemporary(cert) != want {
				t.Errorf("%s, %s: %t", name, serial, !want)
			}
		}
	}
}
