package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

func TestThumbprintOfTheExampleInRFC7638(t *testing.T) {
	t.Parallel()
	const modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	n, err := base64.RawURLEncoding.DecodeString(modulus)
	if err != nil {
		t.Fatal(err)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	const want = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	if got, err := Thumbprint(key); err != nil || got != want {
		t.Errorf("thumbprint = %q, %v, want %q", got, err, want)
	}
	if got, err := KeyAuthorization("token", key); err != nil || got != "token."+want {
		t.Errorf("key authorization = %q, %v", got, err)
	}
}

func TestDNS01ValueIsTheDigestInBase64URL(t *testing.T) {
	t.Parallel()
	// SHA-256 of the empty string is a widely known value.
	if got, want := DNS01Value(""), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"; got != want {
		t.Errorf("value = %q, want %q", got, want)
	}
}

func TestGeneratedKeysSurviveEncoding(t *testing.T) {
	t.Parallel()
	for kind, begin := range map[KeyType]string{
		KeyECDSAP256: "-----BEGIN EC PRIVATE KEY-----", KeyECDSAP384: "-----BEGIN EC PRIVATE KEY-----", KeyRSA2048: "-----BEGIN RSA PRIVATE KEY-----",
	} {
		key, err := GenerateAccountKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := MarshalAccountKey(key)
		if err != nil || !strings.HasPrefix(string(encoded), begin) {
			t.Fatalf("%s: encoded as %.40q, %v", kind, encoded, err)
		}
		parsed, err := ParseAccountKey(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if public := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !public.Equal(parsed.Public()) {
			t.Errorf("%s: another key came back", kind)
		}
	}
	if _, err := GenerateAccountKey("DSA"); err == nil {
		t.Error("an unknown kind of key was generated")
	}
}

func TestAccountKeysOfOtherToolsAreRead(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	sec1, err := MarshalAccountKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}})
	for name, text := range map[string][]byte{"PKCS#8": pkcs8, "SEC 1 with parameters": append(parameters, sec1...)} {
		parsed, err := ParseAccountKey(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !key.Public().(*ecdsa.PublicKey).Equal(parsed.Public()) {
			t.Errorf("%s: another key came back", name)
		}
	}
}

func TestUnusableAccountKeysAreRefusedWithoutQuotingThem(t *testing.T) {
	t.Parallel()
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nothing":     nil,
		"no PEM":      []byte("c2VjcmV0LXNlY3JldA=="),
		"certificate": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("secret")}),
		"garbage":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}),
		"Ed25519":     pkcs8(ed),
		"P-224":       pkcs8(p224),
		"RSA-1024":    pkcs8(rsa1024),
	} {
		if _, err := ParseAccountKey(text); err == nil || strings.Contains(err.Error(), "ecret") {
			t.Errorf("%s: error %v, want a refusal without the input", name, err)
		}
	}
	if _, err := Thumbprint(&p224.PublicKey); err == nil {
		t.Error("P-224 has a thumbprint")
	}
	if _, err := MarshalAccountKey(ed); err == nil {
		t.Error("Ed25519 was encoded")
	}
}
