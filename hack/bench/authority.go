package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

const (
	issuerName = "bench"
	caSecret   = "bench-ca"
	lifetime   = 90 * 24 * time.Hour // what a Certificate asks for that says nothing
)

// authority is a CA: the one whose Secret a CA issuer has, and with which the floor signs itself.
type authority struct {
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	certPEM []byte
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate CA key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Certwright bench"},
		NotBefore:             now.Add(-time.Minute),
		NotAfter:              now.Add(10 * lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse CA certificate: %w", err)
	}
	return &authority{key: key, cert: cert, certPEM: encodePEM("CERTIFICATE", der)}, nil
}

// install makes the CA an issuer of a namespace.
func (a *authority) install(ctx context.Context, c client.Client, namespace string) error {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("encode CA key: %w", err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: caSecret},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{cmmeta.TLSCertKey: a.certPEM, cmmeta.TLSPrivateKeyKey: encodePEM("PRIVATE KEY", der)},
	}
	if err := c.Create(ctx, secret); err != nil {
		return fmt.Errorf("create CA secret: %w", err)
	}
	issuer := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: issuerName}}
	issuer.Spec.CA = &cmv1.CAIssuer{SecretName: caSecret}
	if err := c.Create(ctx, issuer); err != nil {
		return fmt.Errorf("create issuer: %w", err)
	}
	return nil
}

// sign answers a signing request with the chain that a CA issuer would return.
func (a *authority) sign(csrPEM []byte, now time.Time) (*x509.Certificate, []byte, error) {
	block, _ := pem.Decode(csrPEM)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("parse signing request: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, nil, fmt.Errorf("check signing request: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, fmt.Errorf("draw serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:          serial,
		NotBefore:             now,
		NotAfter:              now.Add(lifetime),
		DNSNames:              csr.DNSNames,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		BasicConstraintsValid: true,
	}, a.cert, csr.PublicKey, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("parse certificate: %w", err)
	}
	return leaf, encodePEM("CERTIFICATE", der), nil
}

func generateKey(algorithm cmv1.PrivateKeyAlgorithm) (crypto.Signer, error) {
	if algorithm == cmv1.RSAKeyAlgorithm {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
