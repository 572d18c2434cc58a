package acme

import (
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-jose/go-jose/v4"
)

// sign wraps a payload as RFC 8555 6.2 demands: flattened JSON serialisation, everything in the protected header, url equal to
// the URL of the request. identifiedByKey puts the public key into the header (jwk, for newAccount), otherwise the account URL
// goes there (kid). The caller holds the lock of the key.
func (c *Client) sign(url, nonce string, payload []byte, identifiedByKey bool) (string, error) {
	key := accountSigner{key: c.account.key, algorithm: c.account.algorithm}
	options := &jose.SignerOptions{NonceSource: singleNonce(nonce), EmbedJWK: identifiedByKey}
	if !identifiedByKey {
		key.keyID = c.accountURL
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.algorithm, Key: key}, options.WithHeader("url", url))
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	return object.FullSerialize(), nil
}

// singleNonce gives the signer the nonce that was chosen for this request.
type singleNonce string

// Nonce implements jose.NonceSource.
func (n singleNonce) Nonce() (string, error) { return string(n), nil }

// accountSigner lets any crypto.Signer sign, also one whose private key is held by a device or a key service.
type accountSigner struct {
	key       crypto.Signer
	algorithm jose.SignatureAlgorithm
	keyID     string // account URL; empty when the key itself is sent
}

// Public implements jose.OpaqueSigner.
func (s accountSigner) Public() *jose.JSONWebKey {
	return &jose.JSONWebKey{Key: s.key.Public(), KeyID: s.keyID}
}

// Algs implements jose.OpaqueSigner.
func (s accountSigner) Algs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{s.algorithm}
}

// SignPayload implements jose.OpaqueSigner.
func (s accountSigner) SignPayload(payload []byte, algorithm jose.SignatureAlgorithm) ([]byte, error) {
	hash, size := crypto.SHA256, 32
	switch algorithm { //nolint:exhaustive // all others are of the size above
	case jose.EdDSA:
		return s.key.Sign(rand.Reader, payload, crypto.Hash(0)) // RFC 8037 3.1: the payload itself
	case jose.ES384:
		hash, size = crypto.SHA384, 48
	case jose.ES512:
		hash, size = crypto.SHA512, 66 // 521 bits
	}
	digest := hash.New()
	digest.Write(payload)
	signature, err := s.key.Sign(rand.Reader, digest.Sum(nil), hash)
	if err != nil || algorithm == jose.RS256 {
		return signature, err
	}
	// A crypto.Signer returns an ECDSA signature as ASN.1; JWS wants r and s side by side at their full width (RFC 7518 3.4).
	var point struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &point); err != nil || len(rest) != 0 {
		return nil, errors.New("key returned a malformed ECDSA signature")
	}
	if point.R.Sign() <= 0 || point.S.Sign() <= 0 || point.R.BitLen() > size*8 || point.S.BitLen() > size*8 {
		return nil, errors.New("key returned an ECDSA signature out of range")
	}
	raw := make([]byte, 2*size)
	point.R.FillBytes(raw[:size])
	point.S.FillBytes(raw[size:])
	return raw, nil
}
