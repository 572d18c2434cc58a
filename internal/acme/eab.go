package acme

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ExternalAccountBinding ties a new ACME account to an account the CA already knows (RFC 8555 7.3.4). Some CAs let a binding
// be used only once, so look for the account first: NewAccount with OnlyReturnExisting.
type ExternalAccountBinding struct {
	// KeyID is the identifier that the CA gave out.
	KeyID string
	// Key is the MAC key, decoded: see ParseEABKey.
	Key []byte
}

// ParseEABKey decodes a MAC key as CAs hand it out: base64url without padding. Padding, the standard alphabet and white space
// around it are forgiven, because people paste these. Its errors quote nothing of the key.
func ParseEABKey(text []byte) ([]byte, error) {
	trimmed := strings.TrimRight(strings.TrimSpace(string(text)), "=")
	key, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(trimmed))
	if err != nil {
		return nil, errors.New("parse external account key: not base64url")
	}
	if len(key) == 0 {
		return nil, errors.New("parse external account key: empty")
	}
	return key, nil
}

// sign makes the inner JWS: HS256, no nonce, the payload is the account's public key, url is newAccount's.
func (b ExternalAccountBinding) sign(newAccountURL string, account crypto.PublicKey) (json.RawMessage, error) {
	payload, err := (&jose.JSONWebKey{Key: account}).MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("bind external account: %w", err)
	}
	options := (&jose.SignerOptions{}).WithHeader("url", newAccountURL)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: macSigner(b)}, options)
	if err != nil {
		return nil, fmt.Errorf("bind external account: %w", err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("bind external account: %w", err)
	}
	return json.RawMessage(object.FullSerialize()), nil
}

// macSigner computes HS256 with a key of any length. The library insists on 32 bytes; what a CA hands out is not ours to choose.
type macSigner ExternalAccountBinding

// Public implements jose.OpaqueSigner. It carries the key identifier, which becomes kid, and no key.
func (s macSigner) Public() *jose.JSONWebKey { return &jose.JSONWebKey{KeyID: s.KeyID} }

// Algs implements jose.OpaqueSigner.
func (s macSigner) Algs() []jose.SignatureAlgorithm { return []jose.SignatureAlgorithm{jose.HS256} }

// SignPayload implements jose.OpaqueSigner.
func (s macSigner) SignPayload(payload []byte, _ jose.SignatureAlgorithm) ([]byte, error) {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write(payload)
	return mac.Sum(nil), nil
}
