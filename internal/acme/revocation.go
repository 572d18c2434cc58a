package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// ErrNoRevocation is returned by RevokeCertificate without asking, if the directory names no resource for it.
var ErrNoRevocation = errors.New("revoke certificate: the CA does not offer it")

// RevocationRequest asks for the end of a certificate (RFC 8555 7.6).
type RevocationRequest struct {
	Certificate *x509.Certificate
	// Reason is the code of RFC 5280 5.3.1. Zero, unspecified, is not sent: that section wants it left out of lists.
	Reason int
	// Key is the certificate's own, which then signs the request, so that no account is needed. Nil: the account's signs.
	Key crypto.Signer
}

// RevokeCertificate has the server revoke a certificate. IsAlreadyRevoked, IsRevocationReasonRefused and IsRevocationUnauthorized
// know the errors that have an answer of their own. If the answer is lost, asking again tells: the certificate is revoked already.
func (c *Client) RevokeCertificate(ctx context.Context, request RevocationRequest) error {
	signer := c
	if request.Key != nil {
		var err error
		if signer, err = c.withCertificateKey(request); err != nil {
			return err
		}
	}
	directory, err := c.Directory(ctx)
	if err != nil {
		return err
	}
	asked := directory.RevokeCert
	err = signer.revoke(ctx, asked, request)
	if statusOf(err) != http.StatusNotFound {
		return err
	}
	// Either the certificate or the resource is not there. A directory that has become another one tells.
	c.forgetDirectoryOn(err)
	if directory, moved := c.Directory(ctx); moved == nil && directory.RevokeCert != asked {
		return signer.revoke(ctx, directory.RevokeCert, request)
	}
	return err
}

func (c *Client) revoke(ctx context.Context, url string, request RevocationRequest) error {
	if url == "" {
		return ErrNoRevocation
	}
	payload := struct {
		Certificate string `json:"certificate"`
		Reason      int    `json:"reason,omitempty"`
	}{base64.RawURLEncoding.EncodeToString(request.Certificate.Raw), request.Reason}
	_, err := c.post(ctx, post{action: ActionRevokeCertificate, url: url, payload: payload, byKey: request.Key != nil})
	return err
}

// withCertificateKey returns a client that signs with the certificate's key, and shares everything but the account.
func (c *Client) withCertificateKey(request RevocationRequest) (*Client, error) {
	public, ok := request.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(request.Certificate.PublicKey) {
		return nil, fmt.Errorf("%s: the key is not that of the certificate", ActionRevokeCertificate.words())
	}
	algorithm, err := certificateKeyAlgorithm(request.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ActionRevokeCertificate.words(), err)
	}
	bound := *c
	bound.account, bound.accountURL, bound.lost = &accountKey{key: request.Key, algorithm: algorithm}, "", func() {}
	return &bound, nil
}

// certificateKeyAlgorithm is signatureAlgorithm for keys of certificates, of which there are more kinds.
func certificateKeyAlgorithm(public crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch k := public.(type) {
	case ed25519.PublicKey:
		return jose.EdDSA, nil // RFC 8037
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P521() {
			return jose.ES512, nil
		}
	}
	algorithm, err := signatureAlgorithm(public)
	if err != nil {
		return "", errors.New("a key of this kind can not sign requests: use ECDSA, Ed25519, or RSA of at least 2048 bits")
	}
	return algorithm, nil
}

// IsAlreadyRevoked tells that the certificate has been revoked before, which is what was wanted (RFC 8555 7.6).
func IsAlreadyRevoked(err error) bool { return isType(err, typeAlreadyRevoked) }

// IsRevocationReasonRefused tells that the server does not take the reason, or not from who asks. Another reason may do.
func IsRevocationReasonRefused(err error) bool { return isType(err, typeBadRevocationReason) }

// IsRevocationUnauthorized tells that the server does not take the key that signed the request for this certificate: neither is it
// the certificate's own, nor is its account one that may revoke it, or there is no such account any more.
func IsRevocationUnauthorized(err error) bool {
	p, ok := errors.AsType[*Problem](err)
	if !ok || p.Action != ActionRevokeCertificate {
		return false
	}
	return p.Type == typeUnauthorized || p.Type == typeAccountDoesNotExist || (p.Status == http.StatusForbidden && p.Type == "")
}
