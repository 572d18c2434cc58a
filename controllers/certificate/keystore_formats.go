package certificate

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// storePair is a keystore and its truststore, as a Certificate asks for them.
type storePair struct {
	keystore, truststore string // keys in the Secret
	password             *string
	passwordRef          cmmeta.SecretKeySelector
	variant              string // what else the bytes depend on: alias or profile
	format               storeFormat
}

// storeFormat makes the two stores of one format, and recognises them.
type storeFormat interface {
	makeKeystore(random io.Reader, password string, m *storeMaterial, now time.Time) ([]byte, error)
	makeTruststore(random io.Reader, password string, m *storeMaterial, now time.Time) ([]byte, error)
	isKeystore(random io.Reader, store []byte, password string, m *storeMaterial) bool
	isTruststore(random io.Reader, store []byte, password string, m *storeMaterial) bool
}

func storePairs(spec *cmv1.CertificateSpec) []storePair {
	if spec.Keystores == nil {
		return nil
	}
	var pairs []storePair
	if jks := spec.Keystores.JKS; jks != nil && jks.Create {
		var alias string
		if jks.Alias != nil {
			alias = *jks.Alias
		}
		pairs = append(pairs, storePair{
			keystore: cmv1.JKSSecretKey, truststore: cmv1.JKSTruststoreKey,
			password: jks.Password, passwordRef: jks.PasswordSecretRef, variant: alias, format: jksFormat(alias),
		})
	}
	if p12 := spec.Keystores.PKCS12; p12 != nil && p12.Create {
		pairs = append(pairs, storePair{
			keystore: cmv1.PKCS12SecretKey, truststore: cmv1.PKCS12TruststoreKey,
			password: p12.Password, passwordRef: p12.PasswordSecretRef, variant: string(p12.Profile), format: pkcs12Format(p12.Profile),
		})
	}
	return pairs
}

// storeMaterial is what stores are made of.
type storeMaterial struct {
	key       crypto.Signer
	chain, ca []*x509.Certificate
}

func readMaterial(content map[string][]byte) (*storeMaterial, error) {
	m := &storeMaterial{}
	var err error
	if m.key, err = pki.DecodeKey(content[lifecycle.TLSKey]); err != nil {
		return nil, err
	}
	if m.chain, err = pki.DecodeCertificates(content[lifecycle.TLSCert]); err != nil {
		return nil, err
	}
	if ca := content[lifecycle.CACert]; len(ca) > 0 {
		if m.ca, err = pki.DecodeBundle(ca); err != nil {
			return nil, fmt.Errorf("read %s: %w", lifecycle.CACert, err)
		}
	}
	if len(m.chain) == 0 {
		return nil, errors.New("no certificate")
	}
	return m, nil
}

// jksFormat is that of Java, with the alias of the key.
type jksFormat string

func (alias jksFormat) makeKeystore(random io.Reader, password string, m *storeMaterial, now time.Time) ([]byte, error) {
	return pki.JKS(random, string(alias), password, m.key, m.chain, m.ca, now)
}

func (jksFormat) makeTruststore(_ io.Reader, password string, m *storeMaterial, now time.Time) ([]byte, error) {
	return pki.JKSTrustStore(password, m.ca, now)
}

func (alias jksFormat) isKeystore(_ io.Reader, store []byte, password string, m *storeMaterial) bool {
	return pki.SameJKS(store, string(alias), password, m.key, m.chain, m.ca)
}

func (jksFormat) isTruststore(_ io.Reader, store []byte, password string, m *storeMaterial) bool {
	return pki.SameJKSTrustStore(store, password, m.ca)
}

// pkcs12Format is PKCS#12 in one of its profiles.
type pkcs12Format pki.PKCS12Profile

func (p pkcs12Format) makeKeystore(random io.Reader, password string, m *storeMaterial, _ time.Time) ([]byte, error) {
	return pki.PKCS12(random, pki.PKCS12Profile(p), password, m.key, m.chain, m.ca)
}

func (p pkcs12Format) makeTruststore(random io.Reader, password string, m *storeMaterial, _ time.Time) ([]byte, error) {
	return pki.PKCS12TrustStore(random, pki.PKCS12Profile(p), password, m.ca)
}

func (p pkcs12Format) isKeystore(random io.Reader, store []byte, password string, m *storeMaterial) bool {
	return pki.SamePKCS12(random, store, pki.PKCS12Profile(p), password, m.key, m.chain, m.ca)
}

func (p pkcs12Format) isTruststore(random io.Reader, store []byte, password string, m *storeMaterial) bool {
	return pki.SamePKCS12TrustStore(random, store, pki.PKCS12Profile(p), password, m.ca)
}
