package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"time"
)

// A temporary certificate stands in until the real one is there, for servers that do not start without.
// These two values are how everybody recognises it.
const (
	temporaryIssuer = "cert-manager.local"
	temporarySerial = "1234567890"
)

// temporaryDuration is the default lifetime of a real certificate.
const temporaryDuration = 90 * 24 * time.Hour

var oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}

// TemporaryCertificate makes a certificate for the names and key of the request, signed by a CA whose key
// is thrown away at once, so that nobody can come to trust it.
func TemporaryCertificate(random io.Reader, csr *x509.CertificateRequest, key crypto.Signer, now time.Time) (pemBytes []byte, err error) {
	if !SameKey(csr.PublicKey, key.Public()) {
		return nil, errors.New("create temporary certificate: the request is not for this key")
	}
	caKey, err := GenerateKey(random, KeySpec{Algorithm: ECDSA, Size: 521})
	if err != nil {
		return nil, fmt.Errorf("create temporary certificate: %w", err)
	}
	caSerial, err := NewSerial(random)
	if err != nil {
		return nil, fmt.Errorf("create temporary certificate: %w", err)
	}
	ca := &x509.Certificate{
		SerialNumber:          caSerial,
		Subject:               pkix.Name{CommonName: temporaryIssuer},
		NotBefore:             now,
		NotAfter:              now.Add(temporaryDuration),
		KeyUsage:              defaultUsages | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if ca, err = Sign(random, ca, ca, caKey.Public(), caKey); err != nil {
		return nil, fmt.Errorf("create temporary certificate: %w", err)
	}
	serial, err := NewSerial(random)
	if err != nil {
		return nil, fmt.Errorf("create temporary certificate: %w", err)
	}
	template, err := temporaryTemplate(csr)
	if err != nil {
		return nil, fmt.Errorf("create temporary certificate: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = now, now.Add(temporaryDuration)
	cert, err := Sign(random, template, ca, key.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("create temporary certificate: %w", err)
	}
	return EncodeCertificates(cert), nil
}

// temporaryTemplate follows the request, as there is no profile to say otherwise; only it never makes a CA,
// which somebody might use to sign something that lasts.
func temporaryTemplate(csr *x509.CertificateRequest) (*x509.Certificate, error) {
	subject, err := temporarySubject(csr.RawSubject)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		RawSubject:            subject,
		KeyUsage:              defaultUsages,
		BasicConstraintsValid: true,
	}
	if ext := findExtension(csr.Extensions, oidKeyUsage); ext != nil {
		usage, err := parseKeyUsage(ext.Value)
		if err != nil {
			return nil, err
		}
		template.KeyUsage = usage &^ (x509.KeyUsageCertSign | x509.KeyUsageCRLSign)
	}
	if ext := findExtension(csr.Extensions, oidExtKeyUsage); ext != nil {
		template.ExtraExtensions = append(template.ExtraExtensions, *ext)
	}
	if ext := findExtension(csr.Extensions, oidSubjectAltName); ext != nil {
		// The subject is never empty here, so the names need not be critical.
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: ext.Id, Value: ext.Value})
	}
	return template, nil
}

// temporarySubject is the subject with the mark as its serial number, in place of any it had.
func temporarySubject(der []byte) ([]byte, error) {
	rdns, err := parseSubject(der)
	if err != nil {
		return nil, err
	}
	marked := make(pkix.RDNSequence, 0, len(rdns)+1)
	for _, rdn := range rdns {
		var kept pkix.RelativeDistinguishedNameSET
		for _, attribute := range rdn {
			if !attribute.Type.Equal(oidSerialNumber) {
				kept = append(kept, attribute)
			}
		}
		if len(kept) > 0 {
			marked = append(marked, kept)
		}
	}
	marked = append(marked, pkix.RelativeDistinguishedNameSET{{Type: oidSerialNumber, Value: temporarySerial}})
	out, err := asn1.Marshal(marked)
	if err != nil {
		return nil, fmt.Errorf("encode subject: %w", err)
	}
	return out, nil
}

// IsTemporary recognises the certificates of [TemporaryCertificate], and those that cert-manager made.
func IsTemporary(cert *x509.Certificate) bool {
	return cert.Subject.SerialNumber == temporarySerial && cert.Issuer.CommonName == temporaryIssuer
}
