package acme

import (
	"bytes"
	_ "embed"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A leaf issued by "Intermediate" and an intermediate issued by "Root"; of nobody, and expired.
var (
	//go:embed testdata/leaf.pem
	leafPEM string
	//go:embed testdata/intermediate.pem
	intermediatePEM string
)

func TestChainIsReadAndEncodedAfresh(t *testing.T) {
	t.Parallel()
	leaf, intermediate := leafPEM, intermediatePEM
	c, s := newTestClient(t)
	var alternates []string
	for i := range maxAlternates + 2 {
		alternates = append(alternates, fmt.Sprintf("<%s/cert/1/%d>;rel=\"alternate\"", s.URL, i))
	}
	s.on("/cert/1", reply{
		header: map[string]string{"Content-Type": "application/pem-certificate-chain", "Link": strings.Join(alternates, ", ")},
		body:   "subject=leaf\n" + leaf + "\r\n" + intermediate + "\n\n",
	})
	got, err := c.Certificate(t.Context(), s.URL+"/cert/1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(leaf+intermediate, string(got.PEM)); diff != "" {
		t.Errorf("PEM (-want +got):\n%s", diff)
	}
	if got.Leaf().Subject.CommonName != "leaf" || got.TopIssuer() != "Root" || len(got.Certificates) != 2 {
		t.Errorf("leaf %s, top issuer %q, %d certificates", got.Leaf().Subject, got.TopIssuer(), len(got.Certificates))
	}
	if len(got.Alternates) != maxAlternates || got.Alternates[1] != s.URL+"/cert/1/1" {
		t.Errorf("alternates = %v", got.Alternates)
	}
	if accept := s.requests("/cert/1")[0].header.Get("Accept"); accept != "application/pem-certificate-chain" {
		t.Errorf("Accept = %q", accept)
	}
}

func TestBrokenChainIsAnErrorToBeRetried(t *testing.T) {
	t.Parallel()
	leaf, intermediate := leafPEM, intermediatePEM
	for name, body := range map[string]string{
		"empty":                   "",
		"a page":                  pageOfAProxy,
		"cut off in the leaf":     leaf[:len(leaf)-40],
		"cut off in the issuer":   leaf + intermediate[:len(intermediate)/2],
		"broken leaf":             strings.Replace(leaf, "\nMII", "\n!!!", 1) + intermediate,
		"certificate of nonsense": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})),
		"private key among them":  leaf + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})),
		"too large":               strings.Repeat(leaf, maxChain/len(leaf)+1),
	} {
		c, s := newTestClient(t)
		s.on("/cert/1", reply{header: map[string]string{"Content-Type": "application/pem-certificate-chain"}, body: body})
		chain, err := c.Certificate(t.Context(), s.URL+"/cert/1")
		if err == nil || Classify(err, testNow).Kind != Retry {
			t.Errorf("%s: %+v, %v, want an error to be retried", name, chain, err)
		}
		if IsNotFound(err) {
			t.Errorf("%s: a broken chain counts as not found", name)
		}
	}
}

func TestPreferredChainIsAWish(t *testing.T) {
	t.Parallel()
	certificates, err := ParseChain([]byte(leafPEM + intermediatePEM))
	if err != nil {
		t.Fatal(err)
	}
	long, short := &Chain{Certificates: certificates}, &Chain{Certificates: certificates[:1]}
	for preference, want := range map[string]*Chain{"": long, "Root": long, "Intermediate": short, "Nobody": long} {
		if got := PreferredChain([]*Chain{long, short, {}}, preference); got != want {
			t.Errorf("preference %q picked the chain of %q", preference, got.TopIssuer())
		}
	}
}

func FuzzParseChain(f *testing.F) {
	f.Add([]byte(leafPEM + intermediatePEM))
	f.Add([]byte(leafPEM[:200]))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		certificates, err := ParseChain(text)
		if (err == nil) != (len(certificates) > 0) {
			t.Fatalf("%d certificates and error %v", len(certificates), err)
		}
		for _, certificate := range certificates {
			if bytes.Count(text, []byte("BEGIN")) == 0 || len(certificate.Raw) == 0 {
				t.Error("a certificate came from nowhere")
			}
		}
	})
}
