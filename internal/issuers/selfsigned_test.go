package issuers

import (
	"bytes"
	"crypto/rand"
	"crypto/x509/pkix"
	"testing"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

func selfSignedIssuer() *cmv1.Issuer {
	return &cmv1.Issuer{Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{
		SelfSigned: &cmv1.SelfSignedIssuer{CRLDistributionPoints: []string{"http://crl.example.com"}},
	}}}
}

func TestSelfSignedCertificateIsItsOwnCA(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []pki.Algorithm{pki.RSA, pki.ECDSA, pki.Ed25519} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			secrets, key := newTestSecrets(), newKey(t, algorithm)
			secrets.put("shop", "web-key", map[string][]byte{tlsKey: keyPEM(t, key)})
			in := request(t, key, pki.Request{Subject: pkix.Name{CommonName: "own root"}})
			in.Issuer = selfSignedIssuer()
			in.Request.Spec.IsCA = true
			in.Request.Annotations = map[string]string{cmv1.CertificateRequestPrivateKeyAnnotationKey: "web-key"}
			got := issued(t, sign(t, &selfSigned{secrets: secrets, random: rand.Reader}, in))
			cert := decodeChain(t, got.Chain)[0]
			if !bytes.Equal(got.Chain, got.CA) || !pki.IsSelfSigned(cert) || !cert.IsCA {
				t.Errorf("certificate of %s by %s, isCA %t", cert.Subject, cert.Issuer, cert.IsCA)
			}
			if want := testNow.Add(cmv1.DefaultCertificateDuration); !cert.NotAfter.Equal(want) {
				t.Errorf("valid until %s, want %s", cert.NotAfter, want)
			}
			if len(cert.CRLDistributionPoints) != 1 {
				t.Errorf("revocation lists %v, want that of the issuer", cert.CRLDistributionPoints)
			}
		})
	}
}

func TestSelfSignedNeedsTheKeyOfTheRequest(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, pki.ECDSA), newKey(t, pki.ECDSA)
	named := map[string]string{cmv1.CertificateRequestPrivateKeyAnnotationKey: "web-key"}
	rows := []struct {
		sentence    string
		annotations map[string]string
		data        map[string][]byte // nil: no Secret
		want        lifecycle.Outcome
	}{
		{"without the annotation it fails", nil, nil, lifecycle.OutcomeFailed{Reason: "MissingAnnotation",
			Message: "A self-signed certificate needs the annotation cert-manager.io/private-key-secret-name, which names the Secret with the private key"}},
		{"a missing Secret is waited for", named, nil, lifecycle.OutcomePending{Reason: "MissingSecret",
			Message: `Secret "web-key" with the private key does not exist`}},
		{"garbage is waited for to be mended", named, map[string][]byte{tlsKey: []byte("garbage")}, lifecycle.OutcomePending{Reason: "ErrorParsingKey",
			Message: `Secret "web-key" has no usable tls.key: decode private key: no PEM block found`}},
		{"another key fails", named, map[string][]byte{tlsKey: keyPEM(t, other)}, lifecycle.OutcomeFailed{Reason: "ErrorKeyMatch",
			Message: `The private key in Secret "web-key" is not that of the signing request`}},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			secrets := newTestSecrets()
			if row.data != nil {
				secrets.put("shop", "web-key", row.data)
			}
			in := request(t, key, pki.Request{Subject: pkix.Name{CommonName: "web"}})
			in.Issuer, in.Request.Annotations = selfSignedIssuer(), row.annotations
			if got := sign(t, &selfSigned{secrets: secrets, random: rand.Reader}, in); got != row.want {
				t.Errorf("outcome %#v, want %#v", got, row.want)
			}
		})
	}
}

func TestSelfSignedIssuerIsAlwaysReady(t *testing.T) {
	t.Parallel()
	got, err := (&selfSigned{}).Check(t.Context(), selfSignedIssuer(), testNow)
	if err != nil || !got.Ready || got.Reason != "IsReady" {
		t.Errorf("verdict %+v, %v", got, err)
	}
}
