package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// usageText is what openssl calls each usage of the API.
var usageText = map[string]string{
	"signing":            "Key Usage: critical Digital Signature",
	"digital signature":  "Key Usage: critical Digital Signature",
	"content commitment": "Key Usage: critical Non Repudiation",
	"key encipherment":   "Key Usage: critical Key Encipherment",
	"key agreement":      "Key Usage: critical Key Agreement",
	"data encipherment":  "Key Usage: critical Data Encipherment",
	"cert sign":          "Key Usage: critical Certificate Sign",
	"crl sign":           "Key Usage: critical CRL Sign",
	"encipher only":      "Key Usage: critical Encipher Only",
	"decipher only":      "Key Usage: critical Decipher Only",
	"any":                "Extended Key Usage: Any Extended Key Usage",
	"server auth":        "Extended Key Usage: TLS Web Server Authentication",
	"client auth":        "Extended Key Usage: TLS Web Client Authentication",
	"code signing":       "Extended Key Usage: Code Signing",
	"email protection":   "Extended Key Usage: E-mail Protection",
	"s/mime":             "Extended Key Usage: E-mail Protection",
	"ipsec end system":   "Extended Key Usage: IPSec End System",
	"ipsec tunnel":       "Extended Key Usage: IPSec Tunnel",
	"ipsec user":         "Extended Key Usage: IPSec User",
	"timestamping":       "Extended Key Usage: Time Stamping",
	"ocsp signing":       "Extended Key Usage: OCSP Signing",
	"microsoft sgc":      "Extended Key Usage: Microsoft Server Gated Crypto",
	"netscape sgc":       "Extended Key Usage: Netscape Server Gated Crypto",
}

func TestOpenSSLKnowsEachOfThe23Usages(t *testing.T) {
	t.Parallel()
	if len(usageText) != 23 || len(keyUsages)+len(extKeyUsages) != 23 {
		t.Fatalf("%d usages in the test, %d in the code", len(usageText), len(keyUsages)+len(extKeyUsages))
	}
	key := newECKey(t)
	for usage, want := range usageText {
		request := Request{Subject: pkix.Name{CommonName: "n"}, Usages: []string{usage}, EncodeUsages: true}
		csr, encoded := newCSR(t, request, key)
		wantParts(t, openssl(t, encoded, "req", "-noout", "-text"), want+" Signature")
		if err := CheckCSR(csr, false, request.Usages); err != nil {
			t.Errorf("%s: %v", usage, err)
		}
	}
}

func TestParseUsages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		names    []string
		isCA     bool
		usage    x509.KeyUsage
		extended []x509.ExtKeyUsage
	}{
		"none means the default": {nil, false, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, nil},
		"a CA signs too":         {nil, true, x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign, nil},
		"extended only":          {[]string{"server auth"}, false, 0, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"order is kept, twins are dropped": {[]string{"s/mime", "server auth", "email protection", "any"}, false, 0,
			[]x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny}},
		"two names of one bit": {[]string{"signing", "digital signature"}, false, x509.KeyUsageDigitalSignature, nil},
	} {
		usage, extended, err := ParseUsages(test.names, test.isCA)
		if err != nil {
			t.Fatal(err)
		}
		if usage != test.usage {
			t.Errorf("%s: got %b, want %b", name, usage, test.usage)
		}
		if diff := cmp.Diff(test.extended, extended); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	_, _, err := ParseUsages([]string{"server auth", "Server Auth"}, false)
	wantError(t, err, `usage "Server Auth" is not known`)
}
