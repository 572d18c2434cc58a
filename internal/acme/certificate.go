package acme

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

// maxAlternates bounds how many alternate chains are reported; CAs offer one or two.
const maxAlternates = 8

// Chain is a certificate and the ones that certify it (RFC 8555 7.4.2).
type Chain struct {
	URL string
	// Certificates starts with the end-entity certificate; each further one certifies the one before it. A root is usually
	// left out. There is at least one. Nothing is verified: neither the signatures nor that the certificate is the one ordered.
	Certificates []*x509.Certificate
	// PEM is the chain encoded afresh: the certificates and nothing that may have stood between them.
	PEM []byte
	// Alternates are URLs for Certificate of the same certificate with other chains.
	Alternates []string
	RetryAfter time.Time
}

// Leaf is the end-entity certificate.
func (c *Chain) Leaf() *x509.Certificate { return c.Certificates[0] }

// TopIssuer is the common name of who issued the topmost certificate: the name of the root, when the root is left out. An empty
// chain has none.
func (c *Chain) TopIssuer() string {
	if len(c.Certificates) == 0 {
		return ""
	}
	return c.Certificates[len(c.Certificates)-1].Issuer.CommonName
}

// SmallestChain is the preference, instead of an issuer's name, for the chain with the fewest bytes.
const SmallestChain = "smallest"

// PreferredChain picks the first chain with the given TopIssuer, or else the first: a preference is a wish, because CAs change
// their chains (wire contract 1.5, preferredChain). An empty preference picks the first, SmallestChain the first of those with
// the fewest bytes. chains must not be empty.
func PreferredChain(chains []*Chain, topIssuer string) *Chain {
	if topIssuer == SmallestChain {
		return slices.MinFunc(chains, func(a, b *Chain) int { return cmp.Compare(len(a.PEM), len(b.PEM)) })
	}
	if topIssuer != "" {
		for _, chain := range chains {
			if chain.TopIssuer() == topIssuer {
				return chain
			}
		}
	}
	return chains[0]
}

// Certificate fetches a chain, by Order.CertificateURL or one of Chain.Alternates.
func (c *Client) Certificate(ctx context.Context, url string) (*Chain, error) {
	a, err := c.post(ctx, post{action: ActionGetCertificate, url: url, accept: "application/pem-certificate-chain", limit: maxChain})
	if err != nil {
		return nil, err
	}
	// The form decides, not the content type, which some servers get wrong; a page in HTML does not parse as a chain.
	certificates, err := ParseChain(a.body)
	if err != nil {
		return nil, a.unusable("not a certificate chain", err)
	}
	chain := &Chain{
		URL:          url,
		Certificates: certificates,
		Alternates:   links(a.url, a.header, "alternate"),
		RetryAfter:   a.retryAfter,
	}
	if len(chain.Alternates) > maxAlternates {
		chain.Alternates = chain.Alternates[:maxAlternates]
	}
	for _, certificate := range certificates {
		chain.PEM = append(chain.PEM, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	return chain, nil
}

// ParseChain reads application/pem-certificate-chain (RFC 8555 9.1). It errs on anything that is not a certificate, also on a
// broken or cut-off block, which a PEM decoder would pass over.
func ParseChain(text []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("a PEM block that is not a certificate")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certificates)+1, err)
		}
		certificates = append(certificates, certificate)
	}
	switch begun := bytes.Count(text, []byte("-----BEGIN ")); {
	case begun != len(certificates):
		return nil, fmt.Errorf("%d PEM blocks begin, %d are whole", begun, len(certificates))
	case begun == 0:
		return nil, errors.New("no PEM block")
	}
	return certificates, nil
}
