package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/binary"
	"io"
	"strings"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
)

// The stores are salted, so that two made of the same are not equal. The functions here tell whether a store
// is what would be made of the arguments, so that one that is right can stay as it is.
//
// A store comes from outside, and whoever wrote it may know its password. The readers of both formats do what
// it says: derive keys with billions of rounds, reserve gigabytes. So a PKCS#12 file is never decrypted:
// one is made with the salts of the other and must be the same to the byte, which costs what making it costs.
// A Java keystore has no rounds; it is read after its lengths have been found to be within it.

// SamePKCS12 tells whether store is what [PKCS12] makes of the arguments.
func SamePKCS12(random io.Reader, store []byte, p PKCS12Profile, password string, key crypto.Signer, chain, ca []*x509.Certificate) bool {
	return sameButForSalts(random, store, func(salts io.Reader) ([]byte, error) {
		return PKCS12(salts, p, password, key, chain, ca)
	})
}

// SamePKCS12TrustStore tells whether store is what [PKCS12TrustStore] makes of the arguments.
func SamePKCS12TrustStore(random io.Reader, store []byte, p PKCS12Profile, password string, ca []*x509.Certificate) bool {
	return sameButForSalts(random, store, func(salts io.Reader) ([]byte, error) {
		return PKCS12TrustStore(salts, p, password, ca)
	})
}

// sameButForSalts finds by a sample where in a store the salts are: they stand there in the clear, and all
// that depends on them has a fixed length.
func sameButForSalts(random io.Reader, store []byte, encode func(salts io.Reader) ([]byte, error)) bool {
	drawn := &recorder{from: random}
	sample, err := encode(drawn)
	if err != nil || len(sample) != len(store) {
		return false
	}
	var salts []byte
	for _, salt := range drawn.salts {
		at := bytes.Index(sample, salt)
		if at < 0 {
			return false
		}
		salts = append(salts, store[at:at+len(salt)]...)
	}
	again, err := encode(bytes.NewReader(salts))
	return err == nil && bytes.Equal(again, store)
}

// recorder keeps what was read, each read by itself.
type recorder struct {
	from  io.Reader
	salts [][]byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := io.ReadFull(r.from, p)
	r.salts = append(r.salts, bytes.Clone(p[:n]))
	return n, err
}

// SameJKS tells whether store is what [JKS] makes of the arguments, at whatever time.
func SameJKS(store []byte, alias, password string, key crypto.Signer, chain, ca []*x509.Certificate) bool {
	if alias == "" {
		alias = DefaultAlias
	}
	found, secret, ok := loadJKS(store, password)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if !ok || err != nil || len(found.Aliases()) != 1+len(ca) || !found.IsPrivateKeyEntry(alias) {
		return false
	}
	entry, err := found.GetPrivateKeyEntry(alias, secret)
	if err != nil || !bytes.Equal(entry.PrivateKey, der) || len(entry.CertificateChain) != len(chain) {
		return false
	}
	for i := range chain {
		if !bytes.Equal(entry.CertificateChain[i].Content, chain[i].Raw) {
			return false
		}
	}
	return holdsTrusted(&found, alias, ca)
}

// SameJKSTrustStore tells whether store is what [JKSTrustStore] makes of the arguments, at whatever time.
func SameJKSTrustStore(store []byte, password string, ca []*x509.Certificate) bool {
	found, _, ok := loadJKS(store, password)
	return ok && len(found.Aliases()) == len(ca) && holdsTrusted(&found, "", ca)
}

func loadJKS(store []byte, password string) (found keystore.KeyStore, secret []byte, ok bool) {
	found = keystore.New()
	secret, err := jksPassword(password)
	if err != nil || !isSoundJKS(store) || found.Load(bytes.NewReader(store), secret) != nil {
		return found, nil, false
	}
	return found, secret, true
}

func holdsTrusted(store *keystore.KeyStore, keyAlias string, ca []*x509.Certificate) bool {
	n := 0
	for _, cert := range ca {
		if strings.EqualFold(caAlias(n), keyAlias) {
			n++
		}
		entry, err := store.GetTrustedCertificateEntry(caAlias(n))
		if err != nil || !bytes.Equal(entry.Certificate.Content, cert.Raw) {
			return false
		}
		n++
	}
	return true
}

// The format of Java keystores, as the class sun.security.provider.JavaKeyStore of the JDK describes it.
const (
	jksMagic      = 0xfeedfeed
	jksVersion    = 2
	jksKeyTag     = 1
	jksTrustedTag = 2
	jksDigestSize = 20 // SHA-1
)

// isSoundJKS tells whether the lengths and counts in a Java keystore add up to its size.
func isSoundJKS(store []byte) bool {
	p := jksParser{rest: store}
	if p.uint32() != jksMagic || p.uint32() != jksVersion {
		return false
	}
	entries := p.uint32()
	for n := uint32(0); n < entries && !p.broken; n++ {
		tag := p.uint32()
		p.skip(uint32(p.uint16())) // alias
		p.skip(8)                  // time of creation
		certs := uint32(1)
		if tag == jksKeyTag {
			p.skip(p.uint32()) // key
			certs = p.uint32()
		}
		if (tag != jksKeyTag && tag != jksTrustedTag) || certs > MaxBundleCertificates {
			return false
		}
		for range certs {
			p.skip(uint32(p.uint16())) // kind
			p.skip(p.uint32())
		}
	}
	return !p.broken && len(p.rest) == jksDigestSize
}

type jksParser struct {
	rest   []byte
	broken bool // more was wanted than there is
}

func (p *jksParser) take(n uint32) []byte {
	if p.broken || uint64(n) > uint64(len(p.rest)) {
		p.broken = true
		return make([]byte, 4) // for either number
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *jksParser) skip(n uint32)  { p.take(n) }
func (p *jksParser) uint32() uint32 { return binary.BigEndian.Uint32(p.take(4)) }
func (p *jksParser) uint16() uint16 { return binary.BigEndian.Uint16(p.take(2)) }
