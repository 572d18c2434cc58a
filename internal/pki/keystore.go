package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// PKCS12Profile is a set of algorithms that protect a PKCS#12 file, in the words of
// Certificate.spec.keystores.pkcs12.profile.
type PKCS12Profile string

const (
	// LegacyRC2 is the default. Its encryption protects nothing, and current OpenSSL does not read it
	// without its legacy provider, but old Java and Windows do.
	LegacyRC2 PKCS12Profile = "LegacyRC2"
	// LegacyDES is as weak and read by nearly everything.
	LegacyDES PKCS12Profile = "LegacyDES"
	// Modern2023 is AES-256 with SHA-256: OpenSSL 1.1.1, Java 12, Windows Server 2019 and later.
	Modern2023 PKCS12Profile = "Modern2023"
	// Modern2026 adds the integrity check of RFC 9579: OpenSSL 3.4, Java 26 and later.
	Modern2026 PKCS12Profile = "Modern2026"
)

func (p PKCS12Profile) encoder(random io.Reader) (*pkcs12.Encoder, error) {
	switch p {
	case "", LegacyRC2:
		return pkcs12.LegacyRC2.WithRand(random), nil
	case LegacyDES:
		return pkcs12.LegacyDES.WithRand(random), nil
	case Modern2023:
		return pkcs12.Modern2023.WithRand(random), nil
	case Modern2026:
		return pkcs12.Modern2026.WithRand(random), nil
	}
	return nil, fmt.Errorf("PKCS#12 profile %q is not known", p)
}

// PKCS12 makes a PKCS#12 file (RFC 7292) of a key, its certificate chain with the leaf first, and the
// certificates of the CA, which may be none.
func PKCS12(random io.Reader, p PKCS12Profile, password string, key crypto.Signer, chain, ca []*x509.Certificate) ([]byte, error) {
	encoder, err := p.encoder(random)
	if err != nil {
		return nil, fmt.Errorf("create PKCS#12 keystore: %w", err)
	}
	if len(chain) == 0 {
		return nil, errors.New("create PKCS#12 keystore: no certificate")
	}
	others := append(chain[1:len(chain):len(chain)], ca...)
	data, err := encoder.Encode(key, chain[0], others, password)
	if err != nil {
		return nil, fmt.Errorf("create PKCS#12 keystore: %w", err)
	}
	return data, nil
}

// PKCS12TrustStore makes a PKCS#12 file of trusted certificates, marked as Java wants it.
func PKCS12TrustStore(random io.Reader, p PKCS12Profile, password string, ca []*x509.Certificate) ([]byte, error) {
	encoder, err := p.encoder(random)
	if err != nil {
		return nil, fmt.Errorf("create PKCS#12 truststore: %w", err)
	}
	data, err := encoder.EncodeTrustStore(ca, password)
	if err != nil {
		return nil, fmt.Errorf("create PKCS#12 truststore: %w", err)
	}
	return data, nil
}

// DefaultAlias is the name of the key in a Java keystore when none is given.
const DefaultAlias = "certificate"

// JKS makes a Java keystore with the key and its chain, leaf first, under the alias, and the certificates of
// the CA, if any, as trusted ones under ca, ca-1 and so on. An empty alias is [DefaultAlias]. The time is
// noted as that of creation.
func JKS(random io.Reader, alias, password string, key crypto.Signer, chain, ca []*x509.Certificate, now time.Time) ([]byte, error) {
	if len(chain) == 0 {
		return nil, errors.New("create Java keystore: no certificate")
	}
	secret, err := jksPassword(password)
	if err != nil {
		return nil, fmt.Errorf("create Java keystore: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, errors.New("create Java keystore: not a valid RSA, ECDSA or Ed25519 key")
	}
	if alias == "" {
		alias = DefaultAlias
	}
	store := keystore.New(keystore.WithOrderedAliases(), keystore.WithCustomRandomNumberGenerator(random))
	entry := keystore.PrivateKeyEntry{CreationTime: now, PrivateKey: der}
	for _, cert := range chain {
		entry.CertificateChain = append(entry.CertificateChain, jksCertificate(cert))
	}
	if err := store.SetPrivateKeyEntry(alias, entry, secret); err != nil {
		return nil, fmt.Errorf("create Java keystore: %w", err)
	}
	return storeJKS(store, "create Java keystore", alias, secret, ca, now)
}

// JKSTrustStore makes a Java keystore of trusted certificates under the aliases ca, ca-1 and so on.
func JKSTrustStore(password string, ca []*x509.Certificate, now time.Time) ([]byte, error) {
	secret, err := jksPassword(password)
	if err != nil {
		return nil, fmt.Errorf("create Java truststore: %w", err)
	}
	return storeJKS(keystore.New(keystore.WithOrderedAliases()), "create Java truststore", "", secret, ca, now)
}

// storeJKS adds the trusted certificates and writes everything. The alias of the key is left alone: a user
// may have named it "ca".
func storeJKS(store keystore.KeyStore, doing, keyAlias string, secret []byte, ca []*x509.Certificate, now time.Time) ([]byte, error) {
	n := 0
	for _, cert := range ca {
		alias := caAlias(n)
		if strings.EqualFold(alias, keyAlias) {
			n++
			alias = caAlias(n)
		}
		n++
		entry := keystore.TrustedCertificateEntry{CreationTime: now, Certificate: jksCertificate(cert)}
		if err := store.SetTrustedCertificateEntry(alias, entry); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	var out bytes.Buffer
	if err := store.Store(&out, secret); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return out.Bytes(), nil
}

func caAlias(n int) string {
	if n == 0 {
		return "ca"
	}
	return fmt.Sprintf("ca-%d", n)
}

func jksCertificate(cert *x509.Certificate) keystore.Certificate {
	return keystore.Certificate{Type: "X509", Content: cert.Raw}
}

// jksPassword gives the password one byte per character. Java feeds UTF-16 to the key derivation, the
// library puts a zero before each byte; for Latin-1, and only for that, the two agree.
func jksPassword(password string) ([]byte, error) {
	secret := make([]byte, 0, len(password))
	for _, r := range password {
		if r > 0xff {
			return nil, errors.New("the password has characters outside Latin-1")
		}
		secret = append(secret, byte(r)) //nolint:gosec // checked above
	}
	return secret, nil
}

// CombinedPEM is the additional output format of that name: the key, a line feed,
// and the certificate chain, all as PEM.
func CombinedPEM(keyPEM, chainPEM []byte) []byte {
	return bytes.Join([][]byte{keyPEM, chainPEM}, []byte("\n"))
}

// KeyDER is the additional output format DER: the private key in PEM, as [EncodeKey] writes or [DecodeKey] reads
// it, without the PEM around it. It is nil if there is none.
func KeyDER(keyPEM []byte) []byte {
	found, err := checkPEM(keyPEM, MaxKeySize)
	if err != nil {
		return nil
	}
	for range found {
		block, rest := pem.Decode(keyPEM)
		if block == nil {
			return nil
		}
		switch block.Type {
		case blockPKCS1, blockSEC1, blockPKCS8:
			return block.Bytes
		}
		keyPEM = rest // parameters or a certificate beside the key
	}
	return nil
}
