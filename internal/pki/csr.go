package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
)

// maxCommonName is the upper bound of RFC 5280 appendix A.1, in bytes.
const maxCommonName = 64

// Request is what a certificate is asked to say, taken from the specification of a Certificate.
type Request struct {
	Subject    pkix.Name
	RawSubject []byte // DER of the whole subject, see ParseLiteralSubject; replaces Subject if not empty

	DNSNames       []string
	IPAddresses    []net.IP
	URIs           []*url.URL
	EmailAddresses []string
	OtherNames     []OtherName

	Usages       []string // in the words of the API, see ParseUsages
	EncodeUsages bool     // say the usages in the request

	IsCA                   bool
	EncodeBasicConstraints bool // say IsCA in the request
	NameConstraints        *NameConstraints

	// SignatureAlgorithm of the request, in the words of the API ("ECDSAWithSHA384"). Empty lets the key
	// decide.
	SignatureAlgorithm string
}

var signatureAlgorithms = map[string]x509.SignatureAlgorithm{
	"":                x509.UnknownSignatureAlgorithm,
	"SHA256WithRSA":   x509.SHA256WithRSA,
	"SHA384WithRSA":   x509.SHA384WithRSA,
	"SHA512WithRSA":   x509.SHA512WithRSA,
	"ECDSAWithSHA256": x509.ECDSAWithSHA256,
	"ECDSAWithSHA384": x509.ECDSAWithSHA384,
	"ECDSAWithSHA512": x509.ECDSAWithSHA512,
	"PureEd25519":     x509.PureEd25519,
}

// subject is the DER of the subject, and the common name in it.
func (r *Request) subject() (der []byte, commonName string, err error) {
	if len(r.RawSubject) > 0 {
		commonName, err = CommonName(r.RawSubject)
		return r.RawSubject, commonName, err
	}
	der, err = asn1.Marshal(r.Subject.ToRDNSequence())
	if err != nil {
		return nil, "", fmt.Errorf("encode subject: %w", err)
	}
	return der, r.Subject.CommonName, nil
}

// extensions are the ones that the request is to carry.
func (r *Request) extensions(emptySubject bool) ([]pkix.Extension, error) {
	var out []pkix.Extension
	if r.hasAltNames() {
		// With an empty subject the alternative names alone identify, and must be understood
		// (RFC 5280 section 4.2.1.6).
		ext, err := r.altNameExtension(emptySubject)
		if err != nil {
			return nil, err
		}
		out = append(out, ext)
	}
	if r.EncodeUsages {
		usage, extended, err := ParseUsages(r.Usages, r.IsCA)
		if err != nil {
			return nil, err
		}
		if usage != 0 {
			ext, err := keyUsageExtension(usage)
			if err != nil {
				return nil, err
			}
			out = append(out, ext)
		}
		if len(extended) > 0 {
			ext, err := extKeyUsageExtension(extended)
			if err != nil {
				return nil, err
			}
			out = append(out, ext)
		}
	}
	if r.EncodeBasicConstraints {
		ext, err := basicConstraintsExtension(r.IsCA)
		if err != nil {
			return nil, err
		}
		out = append(out, ext)
	}
	ext, constrained, err := r.NameConstraints.extension()
	if err != nil {
		return nil, err
	}
	if constrained {
		out = append(out, ext)
	}
	return out, nil
}

// CreateRequest makes the PKCS#10 request (RFC 2986) for r, signed by the key, as one PEM block. It fails
// when there is no name to certify, when the common name is longer than 64 bytes, and when a name, usage
// or signature algorithm cannot be expressed, and when the request would be larger than [ParseRequest] takes.
func CreateRequest(random io.Reader, r Request, key crypto.Signer) (pemBytes []byte, err error) {
	subject, commonName, err := r.subject()
	if err != nil {
		return nil, fmt.Errorf("create certificate request: %w", err)
	}
	if commonName == "" && !r.hasAltNames() {
		return nil, errors.New("create certificate request: neither a common name nor any alternative name")
	}
	if len(commonName) > maxCommonName {
		return nil, fmt.Errorf("create certificate request: common name is longer than %d bytes", maxCommonName)
	}
	algorithm, ok := signatureAlgorithms[r.SignatureAlgorithm]
	if !ok {
		return nil, fmt.Errorf("create certificate request: signature algorithm %q is not known", r.SignatureAlgorithm)
	}
	extensions, err := r.extensions(isEmptySubject(subject))
	if err != nil {
		return nil, fmt.Errorf("create certificate request: %w", err)
	}
	der, err := x509.CreateCertificateRequest(random, &x509.CertificateRequest{
		RawSubject:         subject,
		SignatureAlgorithm: algorithm,
		ExtraExtensions:    extensions,
	}, key)
	if err != nil {
		return nil, fmt.Errorf("create certificate request: %w", err)
	}
	pemBytes = pem.EncodeToMemory(&pem.Block{Type: blockRequest, Bytes: der})
	if len(pemBytes) > MaxCertificateSize {
		return nil, fmt.Errorf("create certificate request: %d bytes are more than the limit of %d; ask for fewer names", len(pemBytes), MaxCertificateSize)
	}
	return pemBytes, nil
}

// DecodeRequest reads a request as [ParseRequest] does, and checks its signature with its own public key.
func DecodeRequest(pemBytes []byte) (*x509.CertificateRequest, error) {
	csr, err := ParseRequest(pemBytes)
	if err != nil {
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("decode certificate request: check signature: %w", err)
	}
	return csr, nil
}

// ParseRequest reads the one PKCS#10 request in PEM, of at most [MaxCertificateSize] bytes. It does not check
// the signature, which costs more than all the rest, for those who only compare what is asked for.
func ParseRequest(pemBytes []byte) (*x509.CertificateRequest, error) {
	found, err := checkPEM(pemBytes, MaxCertificateSize)
	if err != nil {
		return nil, fmt.Errorf("decode certificate request: %w", err)
	}
	if found > 1 {
		return nil, errors.New("decode certificate request: more than one PEM block")
	}
	block, _ := pem.Decode(pemBytes)
	if block == nil {
		return nil, fmt.Errorf("decode certificate request: %w", errBroken(found, 0))
	}
	if block.Type != blockRequest && block.Type != blockLegacyRequest {
		return nil, errors.New("decode certificate request: PEM block is not a certificate request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("decode certificate request: %w", err)
	}
	if err := checkForeignKey(csr.PublicKey); err != nil {
		return nil, fmt.Errorf("decode certificate request: %w", err)
	}
	return csr, nil
}
