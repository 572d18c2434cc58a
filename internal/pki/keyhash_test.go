package pki

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func TestKeyHashIsThatOfTheKeyInTheCertificate(t *testing.T) {
	t.Parallel()
	for _, spec := range []KeySpec{{Algorithm: ECDSA}, {Algorithm: Ed25519}, {Algorithm: RSA, Size: 2048}} {
		key, err := GenerateKey(nil, spec)
		if err != nil {
			t.Fatal(err)
		}
		text, err := CreateRequest(nil, Request{DNSNames: []string{"example.com"}}, key)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := DecodeRequest(text)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
		got, err := KeyHash(key.Public())
		if want := hex.EncodeToString(sum[:]); err != nil || got != want {
			t.Errorf("%s: hash %s, %v, want %s", spec, got, err, want)
		}
	}
	if _, err := KeyHash("no key"); err == nil {
		t.Error("something that is no key has a hash")
	}
}
