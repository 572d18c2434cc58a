package site

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// configurePebble writes what Pebble reads when it starts, and returns the path
// of its configuration. It validates at the front's ports.
func (c Config) configurePebble(listen, management string, httpPort, tlsPort int) (string, error) {
	key, path := filepath.Join(c.Dir, "pebble.key"), filepath.Join(c.Dir, "pebble.json")
	if err := selfSigned(c.PebbleCA(), key, time.Now()); err != nil {
		return "", fmt.Errorf("configure Pebble: %w", err)
	}
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management,
		"certificate": c.PebbleCA(), "privateKey": key,
		"httpPort": httpPort, "tlsPort": tlsPort,
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "90 days", "validityPeriod": 90 * 24 * 3600}},
	}})
	if err != nil {
		return "", fmt.Errorf("configure Pebble: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("configure Pebble: %w", err)
	}
	return path, nil
}

// selfSigned makes the certificate of Pebble's own endpoints. It is its own
// root, and good for as long as a demo may stand.
func selfSigned(certificate, key string, now time.Time) error {
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1), // the only one of its issuer
		Subject:               pkix.Name{CommonName: "Pebble of the demo"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, made.Public(), made)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return err
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600)
}
