package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// certificateView is an X.509 certificate in words.
type certificateView struct {
	DNSNames       []string    `json:"dnsNames,omitempty"`
	IPAddresses    []string    `json:"ipAddresses,omitempty"`
	URIs           []string    `json:"uris,omitempty"`
	EmailAddresses []string    `json:"emailAddresses,omitempty"`
	Usages         []string    `json:"usages,omitempty"`
	NotBefore      metav1.Time `json:"notBefore"`
	NotAfter       metav1.Time `json:"notAfter"`
	Issuer         string      `json:"issuer"`
	Subject        string      `json:"subject"`
	Signature      string      `json:"signatureAlgorithm"`
	PublicKey      string      `json:"publicKey"`
	PublicKeyHash  string      `json:"publicKeyHash"` // SHA-256 of the SubjectPublicKeyInfo
	Serial         string      `json:"serial"`
	Fingerprint    string      `json:"fingerprint"` // SHA-256 of the DER form
	IsCA           bool        `json:"isCA"`
	SubjectKeyID   string      `json:"subjectKeyID,omitempty"`
	AuthorityKeyID string      `json:"authorityKeyID,omitempty"`
	CRLs           []string    `json:"crlDistributionPoints,omitempty"`
	OCSPServers    []string    `json:"ocspServers,omitempty"`
}

func viewCertificate(cert *x509.Certificate) *certificateView {
	sum := sha256.Sum256(cert.Raw)
	v := &certificateView{
		DNSNames: cert.DNSNames, EmailAddresses: cert.EmailAddresses, Usages: usages(cert),
		NotBefore: metav1.NewTime(cert.NotBefore), NotAfter: metav1.NewTime(cert.NotAfter),
		Issuer: cert.Issuer.String(), Subject: cert.Subject.String(),
		Signature: cert.SignatureAlgorithm.String(), PublicKey: publicKey(cert), PublicKeyHash: keyHash(cert),
		Serial: serialOf(cert), Fingerprint: hex.EncodeToString(sum[:]), IsCA: cert.IsCA,
		SubjectKeyID: hex.EncodeToString(cert.SubjectKeyId), AuthorityKeyID: hex.EncodeToString(cert.AuthorityKeyId),
		CRLs: cert.CRLDistributionPoints, OCSPServers: cert.OCSPServer,
	}
	for _, ip := range cert.IPAddresses {
		v.IPAddresses = append(v.IPAddresses, ip.String())
	}
	for _, u := range cert.URIs {
		v.URIs = append(v.URIs, u.String())
	}
	return v
}

// publicKey is kind and size of a key.
func publicKey(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	default:
		return cert.PublicKeyAlgorithm.String()
	}
}

// usages names the key usages (RFC 5280, sections 4.2.1.3 and 4.2.1.12) as
// Certificates do.
func usages(cert *x509.Certificate) []string {
	var all []string
	for _, u := range []struct {
		bit  x509.KeyUsage
		name string
	}{
		{x509.KeyUsageDigitalSignature, "digital signature"}, {x509.KeyUsageContentCommitment, "content commitment"},
		{x509.KeyUsageKeyEncipherment, "key encipherment"}, {x509.KeyUsageDataEncipherment, "data encipherment"},
		{x509.KeyUsageKeyAgreement, "key agreement"}, {x509.KeyUsageCertSign, "cert sign"}, {x509.KeyUsageCRLSign, "crl sign"},
		{x509.KeyUsageEncipherOnly, "encipher only"}, {x509.KeyUsageDecipherOnly, "decipher only"},
	} {
		if cert.KeyUsage&u.bit != 0 {
			all = append(all, u.name)
		}
	}
	extended := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "any", x509.ExtKeyUsageServerAuth: "server auth", x509.ExtKeyUsageClientAuth: "client auth",
		x509.ExtKeyUsageCodeSigning: "code signing", x509.ExtKeyUsageEmailProtection: "email protection",
		x509.ExtKeyUsageTimeStamping: "timestamping", x509.ExtKeyUsageOCSPSigning: "ocsp signing",
	}
	for _, u := range cert.ExtKeyUsage {
		name, known := extended[u]
		if !known {
			name = fmt.Sprintf("extended usage %d", u)
		}
		all = append(all, name)
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		all = append(all, oid.String())
	}
	return all
}

// showCertificate writes a certificate in a few lines.
func (c *cli) showCertificate(indent string, v *certificateView) {
	c.fields(indent,
		"Issued by", v.Issuer, "Issued for", v.Subject, "Valid for", strings.Join(append(append(append(append([]string(nil),
			v.DNSNames...), v.IPAddresses...), v.URIs...), v.EmailAddresses...), ", "),
		"Usages", strings.Join(v.Usages, ", "), "Not before", v.NotBefore.UTC().Format(time.RFC3339), "Not after", c.until(v.NotAfter.Time),
		"Key", v.PublicKey, "Key hash", v.PublicKeyHash, "Signature", v.Signature, "Serial", v.Serial, "Subject key id", v.SubjectKeyID, "Authority key id", v.AuthorityKeyID)
}
