package main

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

func TestMetricsAreServedOverTLSIfThereIsACertificate(t *testing.T) {
	t.Parallel()
	cert, key := metricsPair(t)
	with := func(args ...string) []string {
		return append([]string{"--metrics-tls-cert-file=" + cert, "--metrics-tls-private-key-file=" + key}, args...)
	}
	for sentence, row := range map[string]struct {
		args    []string
		secure  bool
		version uint16
		want    string
	}{
		"plain without one":           {nil, false, 0, ""},
		"TLS 1.2 and later":           {with(), true, tls.VersionTLS12, ""},
		"TLS 1.3 if asked":            {with("--metrics-tls-min-version=VersionTLS13"), true, tls.VersionTLS13, ""},
		"suites by name":              {with("--metrics-tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), true, tls.VersionTLS12, ""},
		"an old version":              {with("--metrics-tls-min-version=VersionTLS10"), false, 0, `"VersionTLS10" is neither VersionTLS12 nor VersionTLS13`},
		"a suite that nobody knows":   {with("--metrics-tls-cipher-suites=ROT13"), false, 0, `"ROT13" is not one of TLS_`},
		"a file that is not there":    {[]string{"--metrics-tls-cert-file=/missing", "--metrics-tls-private-key-file=" + key}, false, 0, "read --metrics-tls-cert-file"},
		"a certificate without a key": {[]string{"--metrics-tls-cert-file=" + cert}, false, 0, "read --metrics-tls-cert-file"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			f, err := settings(t, "", row.args...)
			if err != nil {
				t.Fatal(err)
			}
			options, err := f.metricsTLS.options(f.metricsAddress)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Fatalf("error %v, want %q", err, row.want)
			}
			if err != nil {
				return
			}
			if options.SecureServing != row.secure {
				t.Errorf("over TLS: %t", options.SecureServing)
			}
			config := &tls.Config{}
			for _, change := range options.TLSOpts {
				change(config)
			}
			if config.MinVersion != row.version {
				t.Errorf("oldest version %x", config.MinVersion)
			}
			if row.secure && (filepath.Join(options.CertDir, options.CertName) != cert || filepath.Join(options.CertDir, options.KeyName) != key) {
				t.Errorf("certificate at %s", filepath.Join(options.CertDir, options.CertName))
			}
		})
	}
}

// metricsPair writes a certificate and its key.
func metricsPair(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"metrics.example.com"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	for path, content := range map[string][]byte{certFile: pki.EncodeCertificates(cert), keyFile: text} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
