package issuers

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

func caSigner(secrets SecretReader) *ca {
	registry, _ := New(Config{Secrets: secrets, Random: rand.Reader, ClusterResourceNamespace: "certwright"})
	return registry.CA.(*ca)
}

func caIssuer() *cmv1.Issuer {
	return &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}}},
	}
}

func sign(t testing.TB, s Signer, in Input) lifecycle.Outcome {
	t.Helper()
	outcome, err := s.Sign(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func issued(t testing.TB, outcome lifecycle.Outcome) lifecycle.OutcomeIssued {
	t.Helper()
	got, ok := outcome.(lifecycle.OutcomeIssued)
	if !ok {
		t.Fatalf("outcome %#v, want a certificate", outcome)
	}
	return got
}

func TestCASignsWhatTheRequestSays(t *testing.T) {
	t.Parallel()
	secrets := newTestSecrets()
	root := newAuthority(t, "root", nil, nil)
	secrets.put("shop", "ca", root.secret(t))
	key := newKey(t, pki.ECDSA)
	in := request(t, key, pki.Request{Subject: pkix.Name{CommonName: "shop.example.com"}, DNSNames: []string{"shop.example.com"}})
	in.Request.Spec.Duration = &metav1.Duration{Duration: 48 * time.Hour}
	in.Request.Spec.Usages = []cmv1.KeyUsage{cmv1.UsageDigitalSignature, cmv1.UsageServerAuth}
	issuer := caIssuer()
	issuer.Spec.CA.CRLDistributionPoints = []string{"http://crl.example.com"}
	issuer.Spec.CA.OCSPServers = []string{"http://ocsp.example.com"}
	issuer.Spec.CA.IssuingCertificateURLs = []string{"http://ca.example.com"}
	in.Issuer = issuer

	got := issued(t, sign(t, caSigner(secrets), in))
	chain := decodeChain(t, got.Chain)
	if len(chain) != 1 {
		t.Errorf("chain of %d, want the leaf alone: a root is not sent", len(chain))
	}
	if !bytes.Equal(got.CA, pki.EncodeCertificates(root.cert)) {
		t.Error("ca is not the root")
	}
	leaf := chain[0]
	type facts struct {
		CommonName            string
		DNSNames              []string
		From, To              time.Time
		KeyUsage              x509.KeyUsage
		ExtKeyUsage           []x509.ExtKeyUsage
		IsCA                  bool
		CRL, OCSP, IssuerURLs []string
	}
	want := facts{
		"shop.example.com", []string{"shop.example.com"}, testNow, testNow.Add(48 * time.Hour),
		x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, false,
		[]string{"http://crl.example.com"}, []string{"http://ocsp.example.com"}, []string{"http://ca.example.com"},
	}
	if diff := cmp.Diff(want, facts{
		leaf.Subject.CommonName, leaf.DNSNames, leaf.NotBefore, leaf.NotAfter, leaf.KeyUsage, leaf.ExtKeyUsage, leaf.IsCA,
		leaf.CRLDistributionPoints, leaf.OCSPServer, leaf.IssuingCertificateURL,
	}); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}
	if !pki.SameKey(leaf.PublicKey, key.Public()) {
		t.Error("the certificate is for another key")
	}
	if err := leaf.CheckSignatureFrom(root.cert); err != nil {
		t.Error(err)
	}
}

func TestCAHandsOutTheChainUpToTheRoot(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "root", nil, nil)
	middle := newAuthority(t, "middle", root, nil)
	last := newAuthority(t, "last", middle, nil)
	withRoot := last.secret(t, middle)
	withRoot[caCert] = pki.EncodeCertificates(newAuthority(t, "unrelated", nil, nil).cert, root.cert)
	rows := []struct {
		sentence  string
		secret    map[string][]byte
		chain, ca string // common names of the issuers
	}{
		{"a root signs alone", root.secret(t), "", "root"},
		{"an intermediate with its root sends itself", middle.secret(t, root), "middle", "root"},
		{"a chain is put in order", map[string][]byte{tlsKey: keyPEM(t, last.key), tlsCert: pki.EncodeCertificates(root.cert, middle.cert, last.cert)}, "last middle", "root"},
		{"without a root the topmost counts", last.secret(t, middle), "last middle", "middle"},
		{"the root may be in ca.crt, beside others", withRoot, "last middle", "root"},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			secrets := newTestSecrets()
			secrets.put("shop", "ca", row.secret)
			in := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: []string{"a.example.com"}})
			in.Issuer = caIssuer()
			got := issued(t, sign(t, caSigner(secrets), in))
			var names []string
			for _, cert := range decodeChain(t, got.Chain)[1:] {
				names = append(names, cert.Subject.CommonName)
			}
			if chain := strings.Join(names, " "); chain != row.chain {
				t.Errorf("chain %q, want %q", chain, row.chain)
			}
			if name := decodeChain(t, got.CA)[0].Subject.CommonName; name != row.ca {
				t.Errorf("ca %q, want %q", name, row.ca)
			}
		})
	}
}

func TestOpenSSLVerifiesWhatTheCAIssues(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("openssl is needed to check what a CA issues: %v", err)
	}
	if err != nil {
		t.Skip("openssl is not installed")
	}
	secrets := newTestSecrets()
	root := newAuthority(t, "root", nil, nil)
	secrets.put("shop", "ca", newAuthority(t, "middle", root, nil).secret(t, root))
	in := request(t, newKey(t, pki.RSA), pki.Request{DNSNames: []string{"a.example.com"}})
	in.Issuer = caIssuer()
	in.Request.Spec.Usages = []cmv1.KeyUsage{cmv1.UsageDigitalSignature, cmv1.UsageKeyEncipherment, cmv1.UsageServerAuth}
	got := issued(t, sign(t, caSigner(secrets), in))
	dir := t.TempDir()
	for name, text := range map[string][]byte{"ca.pem": got.CA, "chain.pem": got.Chain} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "a.example.com",
		"-attime", "1795593600", "-CAfile", "ca.pem", "-untrusted", "chain.pem", "chain.pem")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("openssl verify: %v\n%s", err, out)
	}
}

func TestCAIssuerIsReadyOnlyWithAUsableKeyPair(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "root", nil, nil)
	good := root.secret(t)
	with := func(key string, value []byte) map[string][]byte {
		return map[string][]byte{tlsKey: good[tlsKey], tlsCert: good[tlsCert], key: value}
	}
	expired := newAuthority(t, "old", nil, func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Hour) })
	early := newAuthority(t, "early", nil, func(c *x509.Certificate) { c.NotBefore = testNow.Add(time.Hour) })
	leaf := newAuthority(t, "leaf", nil, func(c *x509.Certificate) { c.IsCA = false })
	mute := newAuthority(t, "mute", nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	rows := []struct {
		sentence, reason, message string
		secret                    map[string][]byte
	}{
		{"a key pair that fits is verified", cmv1.IssuerReasonKeyPairVerified, "The key pair of the CA is there and fits", good},
		{"a missing Secret can not be got", cmv1.IssuerReasonErrGetKeyPair, `Secret "ca" does not exist in namespace "shop"`, nil},
		{"an empty Secret is invalid", cmv1.IssuerReasonErrInvalidKeyPair, `Secret "ca" in namespace "shop" can not be used: tls.key is missing or empty`, map[string][]byte{}},
		{"a garbage key is invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: tls.key: decode private key: no PEM block found`, with(tlsKey, []byte("s3cr3t garbage"))},
		{"a garbage certificate is invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: tls.crt: decode certificates: no PEM block found`, with(tlsCert, []byte("garbage"))},
		{"a key of another certificate is invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: the key in tls.key is not that of the certificate in tls.crt`, with(tlsKey, keyPEM(t, newKey(t, pki.ECDSA)))},
		{"a certificate that is not one of a CA is invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: the certificate in tls.crt is not one of a CA`, leaf.secret(t)},
		{"an expired CA is invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: the CA's certificate has expired: it was valid until 2026-11-24T07:00:00Z`, expired.secret(t)},
		{"a CA whose time has not come is invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: the CA's certificate is not valid yet: it will be from 2026-11-24T09:00:00Z on`, early.secret(t)},
		{"a CA that may not sign certificates is invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: the certificate in tls.crt may not sign certificates: its key usage does not say cert sign`, mute.secret(t)},
		{"two unrelated certificates are invalid", cmv1.IssuerReasonErrInvalidKeyPair,
			`Secret "ca" in namespace "shop" can not be used: tls.crt: build chain: the certificates do not form one chain`,
			with(tlsCert, pki.EncodeCertificates(root.cert, expired.cert))},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			secrets := newTestSecrets()
			if row.secret != nil {
				secrets.put("shop", "ca", row.secret)
			}
			got, err := caSigner(secrets).Check(t.Context(), caIssuer(), testNow)
			if err != nil {
				t.Fatal(err)
			}
			if got.Reason != row.reason || got.Message != row.message || got.Ready != (row.reason == cmv1.IssuerReasonKeyPairVerified) {
				t.Errorf("verdict %t %s %s, want %s %s", got.Ready, got.Reason, got.Message, row.reason, row.message)
			}
			if got.Ready && !got.Wake.Equal(root.cert.NotAfter.Add(time.Second)) {
				t.Errorf("wake %s, want when the CA expires", got.Wake)
			}

			in := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: []string{"a.example.com"}})
			in.Issuer = caIssuer()
			outcome := sign(t, caSigner(secrets), in)
			want := map[string]string{cmv1.IssuerReasonErrGetKeyPair: "SecretMissing", cmv1.IssuerReasonErrInvalidKeyPair: "SecretInvalidData"}[row.reason]
			pending, waits := outcome.(lifecycle.OutcomePending)
			if waits != (want != "") || pending.Reason != want || waits && (pending.Message != row.message || pending.Wake.IsZero()) {
				t.Errorf("outcome %#v, want pending %q", outcome, want)
			}
		})
	}
}

func TestCASecretOfAClusterIssuerIsInTheClusterResourceNamespace(t *testing.T) {
	t.Parallel()
	secrets := newTestSecrets()
	secrets.put("certwright", "ca", newAuthority(t, "root", nil, nil).secret(t))
	issuer := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "ca"}, Spec: caIssuer().Spec}
	got, err := caSigner(secrets).Check(t.Context(), issuer, testNow)
	if err != nil || !got.Ready {
		t.Errorf("verdict %+v, %v, want ready", got, err)
	}
}

func TestCAKeyPairIsParsedOncePerVersionOfTheSecret(t *testing.T) {
	t.Parallel()
	secrets := newTestSecrets()
	first := newAuthority(t, "first", nil, nil)
	secrets.put("shop", "ca", first.secret(t))
	s := caSigner(secrets)
	in := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: []string{"a.example.com"}})
	in.Issuer = caIssuer()
	key := s.secretOf(in.Issuer)

	issued(t, sign(t, s, in))
	parsed := s.pairs[key]
	issued(t, sign(t, s, in))
	if s.pairs[key] != parsed {
		t.Error("the same version was parsed again")
	}
	second := newAuthority(t, "second", nil, nil)
	secrets.put("shop", "ca", second.secret(t))
	got := issued(t, sign(t, s, in))
	if name := decodeChain(t, got.Chain)[0].Issuer.CommonName; name != "second" {
		t.Errorf("signed by %q after the Secret was changed", name)
	}
	secrets.delete("shop", "ca")
	if _, waits := sign(t, s, in).(lifecycle.OutcomePending); !waits || s.pairs[key] != nil {
		t.Error("a deleted CA is still in use")
	}
}

func TestCARefusesARequestThatLies(t *testing.T) {
	t.Parallel()
	secrets := newTestSecrets()
	secrets.put("shop", "ca", newAuthority(t, "root", nil, nil).secret(t))
	in := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: []string{"a.example.com"}, IsCA: true, EncodeBasicConstraints: true})
	in.Issuer = caIssuer()
	failed, ok := sign(t, caSigner(secrets), in).(lifecycle.OutcomeFailed)
	if !ok || failed.Reason != "SigningError" {
		t.Errorf("outcome %#v, want SigningError", failed)
	}
}

func BenchmarkCASign(b *testing.B) {
	secrets := newTestSecrets()
	secrets.put("shop", "ca", newAuthority(b, "root", nil, nil).secret(b))
	s := caSigner(secrets)
	in := request(b, newKey(b, pki.ECDSA), pki.Request{DNSNames: []string{"a.example.com"}})
	in.Issuer = caIssuer()
	for b.Loop() {
		if _, err := s.Sign(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzKeyPair(f *testing.F) {
	root := newAuthority(f, "root", nil, nil)
	leaf := newAuthority(f, "middle", root, nil)
	good := leaf.secret(f)
	f.Add(good[tlsKey], good[tlsCert], pki.EncodeCertificates(root.cert))
	f.Add(good[tlsKey], pki.EncodeCertificates(root.cert, leaf.cert), []byte{})
	f.Add([]byte("garbage"), []byte("-----BEGIN CERTIFICATE-----"), []byte("x"))
	f.Fuzz(func(t *testing.T, key, cert, ca []byte) {
		pair := parseKeyPair(&corev1.Secret{Data: map[string][]byte{tlsKey: key, tlsCert: cert, caCert: ca}})
		if pair.err != nil {
			return
		}
		if !pair.cert.IsCA || !pki.SameKey(pair.cert.PublicKey, pair.key.Public()) || len(pair.root) == 0 {
			t.Error("a key pair that can not sign passed")
		}
	})
}
