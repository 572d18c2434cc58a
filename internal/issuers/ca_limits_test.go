package issuers

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

func TestCAEndsCertificatesWithItselfOnlyIfAsked(t *testing.T) {
	t.Parallel()
	end := testNow.Add(36 * time.Hour)
	root := newAuthority(t, "root", nil, func(c *x509.Certificate) { c.NotAfter = end })
	for sentence, row := range map[string]struct {
		duration time.Duration
		never    bool
		until    time.Time
		warned   bool
	}{
		"a certificate that ends before its CA is as it was asked for": {36 * time.Hour, false, end, false},
		"one that outlives it is issued with a warning":                {48 * time.Hour, false, testNow.Add(48 * time.Hour), true},
		"with neverOutliveCA it ends with the CA":                      {48 * time.Hour, true, end, false},
		"with neverOutliveCA a shorter one stays short":                {24 * time.Hour, true, testNow.Add(24 * time.Hour), false},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			secrets := newTestSecrets()
			secrets.put("shop", "ca", root.secret(t))
			in := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: []string{"a.example.com"}})
			in.Request.Spec.Duration = &metav1.Duration{Duration: row.duration}
			issuer := caIssuer()
			issuer.Spec.CA.NeverOutliveCA = row.never
			in.Issuer = issuer
			got := issued(t, sign(t, caSigner(secrets), in))
			if until := decodeChain(t, got.Chain)[0].NotAfter; !until.Equal(row.until) {
				t.Errorf("valid until %s, want %s", until, row.until)
			}
			if warned := strings.Contains(got.Warning, "outlives that of its CA, which expires at 2026-11-25T20:00:00Z"); warned != row.warned {
				t.Errorf("warning %q", got.Warning)
			}
		})
	}
}

func TestCARefusesWhatItsConstraintsForbid(t *testing.T) {
	t.Parallel()
	only := func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.com"}
	}
	last := func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }
	one := func(c *x509.Certificate) { c.MaxPathLen = 1 }
	root := newAuthority(t, "root", nil, nil)
	narrowRoot := newAuthority(t, "narrow root", nil, only)
	under := func(top *authority, change func(*x509.Certificate)) map[string][]byte {
		ca := newAuthority(t, "ca", top, change)
		secret := ca.secret(t)
		secret[caCert] = pki.EncodeCertificates(top.cert)
		return secret
	}
	names := pki.Request{DNSNames: []string{"shop.example.com"}}
	foreign := pki.Request{DNSNames: []string{"shop.example.org"}}
	aCA := pki.Request{DNSNames: []string{"ca.example.com"}, IsCA: true}
	for sentence, row := range map[string]struct {
		secret map[string][]byte
		asked  pki.Request
		want   string // of the refusal; empty if there is a certificate
	}{
		"a permitted name":                                {under(root, only), names, ""},
		"a name that is not permitted":                    {under(root, only), foreign, `the name constraints of the CA do not allow it: DNS name "shop.example.org" is not permitted`},
		"a name that the root above does not permit":      {under(narrowRoot, nil), foreign, "the name constraints of the CA do not allow it"},
		"a CA without constraints":                        {under(root, nil), foreign, ""},
		"a CA below one that may have none below":         {under(root, last), aCA, `path length in its certificate is 0`},
		"a leaf below a CA that may have no CA below":     {under(root, last), names, ""},
		"a CA below one that may have one below":          {under(root, one), aCA, ""},
		"a CA two below a root that may have one below":   {under(newAuthority(t, "short root", nil, one), nil), aCA, `the CA "CN=short root" allows no further CA`},
		"a leaf two below a root that may have one below": {under(newAuthority(t, "short root", nil, one), nil), names, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			secrets := newTestSecrets()
			secrets.put("shop", "ca", row.secret)
			in := request(t, newKey(t, pki.ECDSA), row.asked)
			in.Request.Spec.IsCA = row.asked.IsCA
			in.Issuer = caIssuer()
			switch outcome := sign(t, caSigner(secrets), in).(type) {
			case lifecycle.OutcomeIssued:
				if row.want != "" {
					t.Errorf("there is a certificate, want %q", row.want)
				}
			case lifecycle.OutcomeFailed:
				if row.want == "" || !strings.Contains(outcome.Message, row.want) {
					t.Errorf("refused: %s", outcome.Message)
				}
			default:
				t.Errorf("outcome %#v", outcome)
			}
		})
	}
}
