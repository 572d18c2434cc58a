package pki

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// Upper bounds in bytes for PEM from outside: a key and a certificate of 16,384 bit RSA, a chain of ten
// such certificates, and a trust bundle of 150 ordinary roots. They keep a hostile Secret or request from
// costing more than a few milliseconds.
const (
	MaxKeySize         = 13_000
	MaxCertificateSize = 36_500 // one certificate or one certificate request
	MaxChainSize       = 95_000
	MaxBundleSize      = 330_000
)

// Labels of PEM blocks (RFC 7468; RFC 5915 for EC keys).
const (
	blockCertificate   = "CERTIFICATE"
	blockRequest       = "CERTIFICATE REQUEST"
	blockLegacyRequest = "NEW CERTIFICATE REQUEST"
	blockPKCS1         = "RSA PRIVATE KEY"
	blockSEC1          = "EC PRIVATE KEY"
	blockPKCS8         = "PRIVATE KEY"
	blockEncrypted     = "ENCRYPTED PRIVATE KEY"
	blockECParameters  = "EC PARAMETERS"
)

var errNoPEM = errors.New("no PEM block found")

var beginMark = []byte("-----BEGIN ")

// checkPEM refuses input that is too large, and input in which a block begins that [pem.Decode] would
// silently skip because it is broken or cut off.
func checkPEM(data []byte, limit int) (blocks int, err error) {
	if len(data) > limit {
		return 0, fmt.Errorf("input of %d bytes is larger than the limit of %d", len(data), limit)
	}
	blocks = bytes.Count(data, beginMark)
	if blocks == 0 {
		return 0, errNoPEM
	}
	return blocks, nil
}

func errBroken(found, readable int) error {
	return fmt.Errorf("%d of %d PEM blocks are broken or cut off", found-readable, found)
}

// encodedSize is the number of base64 characters that hold n bytes.
func encodedSize(n int) int { return base64.StdEncoding.EncodedLen(n) }

// isEncrypted tells the two ways in which a PEM key says that it needs a password
// (PKCS#8, and the headers of RFC 1421).
func isEncrypted(block *pem.Block) bool {
	return block.Type == blockEncrypted || block.Headers["DEK-Info"] != ""
}
