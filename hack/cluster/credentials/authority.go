package credentials

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const validity = 365 * 24 * time.Hour

// Authority is a certificate authority.
type Authority struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair is a certificate and its key, both in PEM.
type Pair struct{ Cert, Key []byte }

// Leaf says what a certificate is for.
type Leaf struct {
	Name   string   // common name: the user, for clients
	Groups []string // organizations: the user's groups
	DNS    []string
	IPs    []net.IP
	Server bool // may serve
	Client bool // may authenticate as a client
}

// NewAuthority makes a self-signed authority with a P-256 key.
func NewAuthority(name string, now time.Time) (*Authority, Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("make authority %s: %w", name, err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, Pair{}, fmt.Errorf("make authority %s: %w", name, err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("make authority %s: %w", name, err)
	}
	pair, err := encode(der, key)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("make authority %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, Pair{}, fmt.Errorf("make authority %s: %w", name, err)
	}
	return &Authority{Cert: cert, key: key}, pair, nil
}

// Issue makes a key and signs a certificate for it.
func (a *Authority) Issue(leaf Leaf, now time.Time) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("issue %s: %w", leaf.Name, err)
	}
	serial, err := serialNumber()
	if err != nil {
		return Pair{}, fmt.Errorf("issue %s: %w", leaf.Name, err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: leaf.Name, Organization: leaf.Groups},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(validity - time.Hour), // ends before its authority does
		KeyUsage:     x509.KeyUsageDigitalSignature,
		DNSNames:     leaf.DNS,
		IPAddresses:  leaf.IPs,
	}
	if leaf.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if leaf.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("issue %s: %w", leaf.Name, err)
	}
	return encode(der, key)
}

// Write writes the pair as NAME.crt and NAME.key.
func (p Pair) Write(dir, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".key"), p.Key, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".crt"), p.Cert, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Read reads a pair that Write wrote; ok is false when it is not there.
func Read(dir, name string) (p Pair, ok bool, err error) {
	p.Key, err = os.ReadFile(filepath.Join(dir, name+".key"))
	if err == nil {
		p.Cert, err = os.ReadFile(filepath.Join(dir, name+".crt"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Pair{}, false, nil
	}
	if err != nil {
		return Pair{}, false, fmt.Errorf("read %s: %w", name, err)
	}
	return p, true, nil
}

// LoadAuthority makes an authority of a pair.
func LoadAuthority(p Pair) (*Authority, error) {
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		return nil, fmt.Errorf("load authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("load authority: its key is a %T", pair.PrivateKey)
	}
	return &Authority{Cert: pair.Leaf, key: key}, nil
}

func encode(der []byte, key *ecdsa.PrivateKey) (Pair, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}),
	}, nil
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}
