package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// KeyType names a kind of account key that Certwright makes.
type KeyType string

const (
	KeyECDSAP256 KeyType = "ECDSA-P256" // signs ES256
	KeyECDSAP384 KeyType = "ECDSA-P384" // signs ES384
	KeyRSA2048   KeyType = "RSA-2048"   // signs RS256
)

// minRSABits is the smallest modulus that RFC 7518 3.3 allows for RS256; public CAs refuse less as well.
const minRSABits = 2048

// errKeyKind is the refusal of a key that no ACME server is known to take.
var errKeyKind = errors.New("account key must be ECDSA P-256, ECDSA P-384, or RSA of at least 2048 bits")

// GenerateAccountKey makes a new account key.
func GenerateAccountKey(kind KeyType) (crypto.Signer, error) {
	switch kind {
	case KeyECDSAP256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case KeyECDSAP384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case KeyRSA2048:
		return rsa.GenerateKey(rand.Reader, minRSABits)
	}
	return nil, fmt.Errorf("generate account key: unknown kind %q", kind)
}

// MarshalAccountKey encodes an account key as PEM: PKCS#1 for RSA and SEC 1 for ECDSA, the forms that other ACME clients
// on Kubernetes write and read (wire contract 1.5, privateKeySecretRef).
func MarshalAccountKey(key crypto.Signer) ([]byte, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}), nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(k)
		if err != nil {
			return nil, fmt.Errorf("encode account key: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
	}
	return nil, fmt.Errorf("encode account key: %w", errKeyKind)
}

// ParseAccountKey reads the first private key in a PEM file: PKCS#1, PKCS#8 or SEC 1. Its errors quote nothing of the input.
func ParseAccountKey(pemBytes []byte) (crypto.Signer, error) {
	for rest := pemBytes; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("parse account key: no PEM private key found")
		}
		var key any
		var err error
		switch block.Type {
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default:
			continue // "EC PARAMETERS", which openssl writes before the key
		}
		if err != nil {
			return nil, fmt.Errorf("parse account key: the PEM block %q does not hold a usable key", block.Type)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("parse account key: %w", errKeyKind)
		}
		if _, err := signatureAlgorithm(signer.Public()); err != nil {
			return nil, fmt.Errorf("parse account key: %w", err)
		}
		return signer, nil
	}
}

// signatureAlgorithm tells the JWS algorithm of an account key (RFC 7518 3.1).
func signatureAlgorithm(public crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		}
	case *rsa.PublicKey:
		if k.N.BitLen() >= minRSABits {
			return jose.RS256, nil
		}
	}
	return "", errKeyKind
}

// Thumbprint is the base64url SHA-256 thumbprint of a public key (RFC 7638), as key authorizations use it.
func Thumbprint(public crypto.PublicKey) (string, error) {
	if _, err := signatureAlgorithm(public); err != nil {
		return "", fmt.Errorf("compute thumbprint: %w", err)
	}
	digest, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("compute thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(digest), nil
}

// KeyAuthorization is what proves control of a name for a challenge's token: token "." thumbprint (RFC 8555 8.1). An HTTP-01
// solver serves it as is.
func KeyAuthorization(token string, public crypto.PublicKey) (string, error) {
	thumbprint, err := Thumbprint(public)
	if err != nil {
		return "", err
	}
	return token + "." + thumbprint, nil
}

// DNS01Value is the content of the TXT record for a key authorization (RFC 8555 8.4).
func DNS01Value(keyAuthorization string) string {
	digest := sha256.Sum256([]byte(keyAuthorization))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}
