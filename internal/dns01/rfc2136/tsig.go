package rfc2136

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // HMAC-MD5 is the default of the API, and what old servers are set up with
	"crypto/sha1" //nolint:gosec // as above; HMAC does not need a hash without collisions
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// algorithm is how a key signs (RFC 8945, section 6).
type algorithm struct {
	name string // as it stands in messages
	hash func() hash.Hash
}

// algorithms by their names in the API (contract 2.8).
var algorithms = map[string]algorithm{
	"HMACMD5":    {"hmac-md5.sig-alg.reg.int.", md5.New},
	"HMACSHA1":   {"hmac-sha1.", sha1.New},
	"HMACSHA224": {"hmac-sha224.", sha256.New224},
	"HMACSHA256": {"hmac-sha256.", sha256.New},
	"HMACSHA384": {"hmac-sha384.", sha512.New384},
	"HMACSHA512": {"hmac-sha512.", sha512.New},
}

// defaultAlgorithm is that of the contract.
const defaultAlgorithm = "HMACMD5"

// key is a TSIG key. It implements dns.TsigProvider: the library's own refuses
// HMAC-MD5.
type key struct {
	name      string // canonical
	algorithm algorithm
	secret    []byte
}

// newKey reads a key. The secret is in base64, as servers and their tools have
// it; no part of it is in an error.
func newKey(name, algorithmName, secret string) (*key, error) {
	if algorithmName == "" {
		algorithmName = defaultAlgorithm
	}
	a, ok := algorithms[strings.ToUpper(algorithmName)]
	if !ok {
		return nil, fmt.Errorf("read TSIG key: unknown algorithm %q: use one of %s", algorithmName, strings.Join(slices.Sorted(maps.Keys(algorithms)), ", "))
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(secret), ""))
	if err != nil || len(decoded) == 0 {
		return nil, fmt.Errorf("read TSIG key %q: the secret is not base64", name)
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, fmt.Errorf("read TSIG key %q: not a domain name", name)
	}
	return &key{name: dns.CanonicalName(name), algorithm: a, secret: decoded}, nil
}

// Generate implements dns.TsigProvider.
func (k *key) Generate(message []byte, t *dns.TSIG) ([]byte, error) {
	if dns.CanonicalName(t.Hdr.Name) != k.name || dns.CanonicalName(t.Algorithm) != k.algorithm.name {
		return nil, dns.ErrSecret
	}
	mac := hmac.New(k.algorithm.hash, k.secret)
	mac.Write(message)
	return mac.Sum(nil), nil
}

// Verify implements dns.TsigProvider. Shortened signatures are not accepted.
func (k *key) Verify(message []byte, t *dns.TSIG) error {
	want, err := k.Generate(message, t)
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(t.MAC)
	if err != nil || !hmac.Equal(want, got) {
		return dns.ErrSig
	}
	return nil
}
