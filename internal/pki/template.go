package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"time"
)

// serialBytes gives 128 bits, within the 20 octets of RFC 5280 section 4.1.2.2.
const serialBytes = 16

// Profile is what a CA adds to a request to make a certificate.
type Profile struct {
	Duration time.Duration
	IsCA     bool
	Usages   []string // in the words of the API, see ParseUsages

	CRLDistributionPoints  []string
	OCSPServers            []string
	IssuingCertificateURLs []string
}

// Template lays out the certificate for a request that [DecodeRequest] returned. Subject, alternative names
// and name constraints are taken from the request byte by byte; everything else is the profile's. It is
// valid from now on. A request that contradicts the profile is refused, see [CheckCSR].
func Template(csr *x509.CertificateRequest, p Profile, serial *big.Int, now time.Time) (*x509.Certificate, error) {
	if p.Duration <= 0 {
		return nil, fmt.Errorf("create certificate template: duration %s is not positive", p.Duration)
	}
	if err := CheckCSR(csr, p.IsCA, p.Usages); err != nil {
		return nil, fmt.Errorf("create certificate template: %w", err)
	}
	usage, extended, err := ParseUsages(p.Usages, p.IsCA)
	if err != nil {
		return nil, fmt.Errorf("create certificate template: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		RawSubject:            csr.RawSubject,
		Subject:               csr.Subject,
		NotBefore:             now,
		NotAfter:              now.Add(p.Duration),
		KeyUsage:              usage,
		ExtKeyUsage:           extended,
		BasicConstraintsValid: true,
		IsCA:                  p.IsCA,
		CRLDistributionPoints: p.CRLDistributionPoints,
		OCSPServer:            p.OCSPServers,
		IssuingCertificateURL: p.IssuingCertificateURLs,
	}
	if ext := findExtension(csr.Extensions, oidSubjectAltName); ext != nil {
		names := pkix.Extension{Id: ext.Id, Critical: isEmptySubject(csr.RawSubject), Value: ext.Value}
		template.ExtraExtensions = append(template.ExtraExtensions, names)
	}
	if ext := findExtension(csr.Extensions, oidNameConstraints); ext != nil {
		template.ExtraExtensions = append(template.ExtraExtensions, *ext)
	}
	return template, nil
}

// Sign makes the certificate for pub from a template. With the template itself as parent it is
// self-signed. The kind of the signer's key decides the signature algorithm.
func Sign(random io.Reader, template, parent *x509.Certificate, pub crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(random, template, parent, pub, signer)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: read it back: %w", err)
	}
	return cert, nil
}

// NewSerial draws a serial number of 128 random bits that is greater than zero.
func NewSerial(random io.Reader) (*big.Int, error) {
	raw := make([]byte, serialBytes)
	for {
		if _, err := io.ReadFull(random, raw); err != nil {
			return nil, fmt.Errorf("draw serial number: %w", err)
		}
		if serial := new(big.Int).SetBytes(raw); serial.Sign() > 0 {
			return serial, nil
		}
	}
}
