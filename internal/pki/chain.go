package pki

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// DecodeCertificates reads a chain of certificates in PEM, in the order given: at most [MaxChainSize] bytes,
// each certificate at most [MaxCertificateSize]. Text around the blocks is ignored; a block of another kind
// and a broken one are errors, since a chain that lost a link looks whole.
func DecodeCertificates(pemBytes []byte) ([]*x509.Certificate, error) {
	return decodeCertificates(pemBytes, MaxChainSize)
}

// DecodeBundle is [DecodeCertificates] for a set of trusted roots, of at most [MaxBundleSize] bytes.
func DecodeBundle(pemBytes []byte) ([]*x509.Certificate, error) {
	return decodeCertificates(pemBytes, MaxBundleSize)
}

func decodeCertificates(pemBytes []byte, limit int) ([]*x509.Certificate, error) {
	found, err := checkPEM(pemBytes, limit)
	if err != nil {
		return nil, fmt.Errorf("decode certificates: %w", err)
	}
	certs := make([]*x509.Certificate, 0, found)
	for range found {
		block, rest := pem.Decode(pemBytes)
		if block == nil {
			return nil, fmt.Errorf("decode certificates: %w", errBroken(found, len(certs)))
		}
		pemBytes = rest
		if block.Type != blockCertificate {
			return nil, errors.New("decode certificates: PEM block is not a certificate")
		}
		if size := encodedSize(len(block.Bytes)); size > MaxCertificateSize {
			return nil, fmt.Errorf("decode certificates: certificate of %d bytes is larger than the limit of %d", size, MaxCertificateSize)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("decode certificates: %w", err)
		}
		if err := checkForeignKey(cert.PublicKey); err != nil {
			return nil, fmt.Errorf("decode certificates: %w", err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// EncodeCertificates writes certificates as PEM, one block behind the other.
func EncodeCertificates(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, cert := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: cert.Raw})...)
	}
	return out
}
