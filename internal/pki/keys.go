package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// Algorithm is a kind of private key, in the words of Certificate.spec.privateKey.algorithm.
type Algorithm string

// Encoding is a way to write a private key, in the words of Certificate.spec.privateKey.encoding.
type Encoding string

const (
	RSA     Algorithm = "RSA"
	ECDSA   Algorithm = "ECDSA"
	Ed25519 Algorithm = "Ed25519"

	// PKCS1 is PKCS#1 (RFC 8017) for RSA and SEC 1 (RFC 5915) for ECDSA. Ed25519 has no such form and is
	// written as PKCS#8.
	PKCS1 Encoding = "PKCS1"
	// PKCS8 is PKCS#8 (RFC 5208) for every algorithm.
	PKCS8 Encoding = "PKCS8"

	minRSASize    = 2048
	maxRSASize    = 8192
	maxForeignRSA = 16_384 // largest public key from outside that is computed with
	defaultECDSA  = 256
)

// KeySpec says which key is wanted. The zero value is RSA with 2048 bits.
type KeySpec struct {
	Algorithm Algorithm
	// Size is in bits: for RSA 2048 to 8192, default 2048; for ECDSA 256, 384 or 521, default 256.
	// Ed25519 has one size only, and ignores this.
	Size int
}

// withDefaults fills in what was left out, and drops a size that means nothing.
func (s KeySpec) withDefaults() KeySpec {
	switch s.Algorithm {
	case "", RSA:
		s.Algorithm = RSA
		if s.Size == 0 {
			s.Size = minRSASize
		}
	case ECDSA:
		if s.Size == 0 {
			s.Size = defaultECDSA
		}
	case Ed25519:
		s.Size = 0
	}
	return s
}

// String is the specification in words, with its defaults: "RSA 2048", "ECDSA 256", "Ed25519".
func (s KeySpec) String() string {
	s = s.withDefaults()
	if s.Size == 0 {
		return string(s.Algorithm)
	}
	return fmt.Sprintf("%s %d", s.Algorithm, s.Size)
}

// Validate tells whether such a key can be made.
func (s KeySpec) Validate() error {
	s = s.withDefaults()
	switch s.Algorithm {
	case RSA:
		if s.Size < minRSASize || s.Size > maxRSASize {
			return fmt.Errorf("RSA key size %d is not between %d and %d", s.Size, minRSASize, maxRSASize)
		}
	case ECDSA:
		if curve(s.Size) == nil {
			return fmt.Errorf("ECDSA key size %d is not one of 256, 384, 521", s.Size)
		}
	case Ed25519:
	default:
		return fmt.Errorf("key algorithm %q is not one of RSA, ECDSA, Ed25519", s.Algorithm)
	}
	return nil
}

func curve(size int) elliptic.Curve {
	switch size {
	case 256:
		return elliptic.P256()
	case 384:
		return elliptic.P384()
	case 521:
		return elliptic.P521()
	}
	return nil
}

// GenerateKey makes a new private key.
func GenerateKey(random io.Reader, s KeySpec) (crypto.Signer, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	s = s.withDefaults()
	var key crypto.Signer
	var err error
	switch s.Algorithm {
	case ECDSA:
		key, err = ecdsa.GenerateKey(curve(s.Size), random)
	case Ed25519:
		_, key, err = ed25519.GenerateKey(random)
	default:
		key, err = rsa.GenerateKey(random, s.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", s, err)
	}
	return key, nil
}

// EncodeKey writes a key as one PEM block. The empty encoding is [PKCS1].
func EncodeKey(key crypto.Signer, e Encoding) ([]byte, error) {
	block, err := encodeKey(key, e)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

func encodeKey(key crypto.Signer, e Encoding) (*pem.Block, error) {
	if e != "" && e != PKCS1 && e != PKCS8 {
		return nil, fmt.Errorf("encode private key: encoding %q is not one of PKCS1, PKCS8", e)
	}
	if e != PKCS8 {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return &pem.Block{Type: blockPKCS1, Bytes: x509.MarshalPKCS1PrivateKey(k)}, nil
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				return nil, errors.New("encode private key: not a valid ECDSA key")
			}
			return &pem.Block{Type: blockSEC1, Bytes: der}, nil
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, errors.New("encode private key: not a valid RSA, ECDSA or Ed25519 key")
	}
	return &pem.Block{Type: blockPKCS8, Bytes: der}, nil
}

// DecodeKey reads the one private key in PEM: PKCS#1, SEC 1 or PKCS#8, RSA, ECDSA or Ed25519, of at most
// [MaxKeySize] bytes in all. Curve parameters and certificates beside the key are passed over, since
// people keep keys in such files; two keys, a key behind a password and any other block are errors.
func DecodeKey(pemBytes []byte) (crypto.Signer, error) {
	found, err := checkPEM(pemBytes, MaxKeySize)
	if err != nil {
		return nil, fmt.Errorf("decode private key: %w", err)
	}
	var key crypto.Signer
	for n := range found {
		block, rest := pem.Decode(pemBytes)
		if block == nil {
			return nil, fmt.Errorf("decode private key: %w", errBroken(found, n))
		}
		pemBytes = rest
		if isEncrypted(block) {
			return nil, errors.New("decode private key: the key is encrypted with a password")
		}
		switch block.Type {
		case blockECParameters, blockCertificate:
			continue
		case blockPKCS1, blockSEC1, blockPKCS8:
		default:
			return nil, errors.New("decode private key: PEM block is not a private key")
		}
		if key != nil {
			return nil, errors.New("decode private key: more than one key")
		}
		if key, err = parseKey(block); err != nil {
			return nil, err
		}
	}
	if key == nil {
		return nil, errors.New("decode private key: no private key among the PEM blocks")
	}
	return key, nil
}

// parseKey leaves the parser's own error out on purpose: it may quote what it could not read.
func parseKey(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch block.Type {
	case blockPKCS1:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case blockSEC1:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("decode private key: %s block does not hold a valid key", block.Type)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("decode private key: key is not RSA, ECDSA or Ed25519")
}

// checkForeignKey refuses public keys so large that to check one signature with them would take the better
// part of a second, which anybody who may create a request could ask for.
func checkForeignKey(pub crypto.PublicKey) error {
	if key, ok := pub.(*rsa.PublicKey); ok && key.N.BitLen() > maxForeignRSA {
		return fmt.Errorf("RSA key of %d bits is larger than the limit of %d", key.N.BitLen(), maxForeignRSA)
	}
	return nil
}

// specOf describes a public key in the terms of a specification.
func specOf(pub crypto.PublicKey) (KeySpec, bool) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return KeySpec{RSA, k.N.BitLen()}, true
	case *ecdsa.PublicKey:
		return KeySpec{ECDSA, k.Curve.Params().BitSize}, true
	case ed25519.PublicKey:
		return KeySpec{Ed25519, 0}, true
	}
	return KeySpec{}, false
}

// KeyFits returns nil when the key has the algorithm and size asked for, and otherwise an error that names
// what it is and what was wanted.
func KeyFits(pub crypto.PublicKey, s KeySpec) error {
	got, ok := specOf(pub)
	if !ok {
		return fmt.Errorf("key is of an unknown kind, want %s", s)
	}
	if got != s.withDefaults() {
		return fmt.Errorf("key is %s, want %s", got, s)
	}
	return nil
}

// SameKey tells whether two public keys are one. A key of a kind this package does not know is never the
// same as any other.
func SameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && b != nil && k.Equal(b)
}
