package pki

import (
	"bytes"
	"crypto"
	"crypto/dsa" //nolint:staticcheck // a kind of key that must be refused
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

var everyKey = []struct {
	spec  KeySpec
	block map[Encoding]string
	text  string // how openssl describes it
}{
	{KeySpec{}, map[Encoding]string{"": blockPKCS1, PKCS1: blockPKCS1, PKCS8: blockPKCS8}, "(2048 bit, 2 primes)"},
	{KeySpec{RSA, 3072}, map[Encoding]string{"": blockPKCS1, PKCS1: blockPKCS1, PKCS8: blockPKCS8}, "(3072 bit, 2 primes)"},
	{KeySpec{ECDSA, 0}, map[Encoding]string{"": blockSEC1, PKCS1: blockSEC1, PKCS8: blockPKCS8}, "NIST CURVE: P-256"},
	{KeySpec{ECDSA, 384}, map[Encoding]string{"": blockSEC1, PKCS1: blockSEC1, PKCS8: blockPKCS8}, "NIST CURVE: P-384"},
	{KeySpec{ECDSA, 521}, map[Encoding]string{"": blockSEC1, PKCS1: blockSEC1, PKCS8: blockPKCS8}, "NIST CURVE: P-521"},
	{KeySpec{Ed25519, 0}, map[Encoding]string{"": blockPKCS8, PKCS1: blockPKCS8, PKCS8: blockPKCS8}, "ED25519 Private-Key"},
}

func TestEveryKeySurvivesEveryEncodingAndOpenSSLReadsIt(t *testing.T) {
	t.Parallel()
	for _, test := range everyKey {
		t.Run(test.spec.String(), func(t *testing.T) {
			t.Parallel()
			key := newKey(t, test.spec)
			if err := KeyFits(key.Public(), test.spec); err != nil {
				t.Errorf("a new key does not fit its own specification: %v", err)
			}
			for encoding, block := range test.block {
				encoded, err := EncodeKey(key, encoding)
				if err != nil {
					t.Fatal(err)
				}
				wantParts(t, string(encoded), "-----BEGIN "+block+"-----")
				decoded, err := DecodeKey(encoded)
				if err != nil {
					t.Fatalf("encoding %q: %v", encoding, err)
				}
				if !SameKey(decoded.Public(), key.Public()) {
					t.Errorf("encoding %q: another key came back", encoding)
				}
				wantParts(t, openssl(t, encoded, "pkey", "-noout", "-text"), test.text)
				der := KeyDER(encoded)
				wantParts(t, openssl(t, der, "pkey", "-inform", "DER", "-noout", "-text"), test.text)
			}
		})
	}
}

func TestKeysMadeByOpenSSLAreRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		command []string
		want    KeySpec
	}{
		"RSA as PKCS#8":               {[]string{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, KeySpec{RSA, 2048}},
		"RSA as PKCS#1":               {[]string{"genrsa", "-traditional", "2048"}, KeySpec{RSA, 2048}},
		"EC behind curve parameters":  {[]string{"ecparam", "-name", "secp384r1", "-genkey"}, KeySpec{ECDSA, 384}},
		"EC without curve parameters": {[]string{"ecparam", "-name", "prime256v1", "-genkey", "-noout"}, KeySpec{ECDSA, 256}},
		"Ed25519":                     {[]string{"genpkey", "-algorithm", "ED25519"}, KeySpec{Ed25519, 0}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded := run(t, "openssl", nil, test.command...)
			key, err := DecodeKey(encoded)
			if err != nil {
				t.Fatal(err)
			}
			run(t, "openssl", KeyDER(encoded), "pkey", "-inform", "DER", "-noout", "-check")
			if err := KeyFits(key.Public(), test.want); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestThereIsNoDERWithoutAKey(t *testing.T) {
	t.Parallel()
	for what, text := range map[string][]byte{
		"nothing": nil, "a certificate": EncodeCertificates(newCA(t, "ca").cert), "half a block": []byte("-----BEGIN PRIVATE KEY-----\n"),
		"too much": bytes.Repeat([]byte("-----BEGIN PRIVATE KEY-----\n"), MaxKeySize),
	} {
		if der := KeyDER(text); der != nil {
			t.Errorf("%s: %x", what, der)
		}
	}
}

func TestImpossibleKeysAreRefused(t *testing.T) {
	t.Parallel()
	for spec, part := range map[KeySpec]string{
		{RSA, 2047}:   "2047 is not between 2048 and 8192",
		{RSA, 8193}:   "8193 is not between 2048 and 8192",
		{RSA, -1}:     "-1 is not between 2048 and 8192",
		{ECDSA, 255}:  "255 is not one of 256, 384, 521",
		{"DSA", 2048}: `"DSA" is not one of RSA, ECDSA, Ed25519`,
	} {
		_, err := GenerateKey(rand.Reader, spec)
		wantError(t, err, "generate key: ", part)
	}
	for _, spec := range []KeySpec{{}, {RSA, 8192}, {"", 4096}, {ECDSA, 521}, {Ed25519, 99}} {
		if err := spec.Validate(); err != nil {
			t.Errorf("%v: %v", spec, err)
		}
	}
	_, err := EncodeKey(newECKey(t), "PKCS7")
	wantError(t, err, `"PKCS7" is not one of PKCS1, PKCS8`)
}

func TestKeyFitsNamesWhatItIsAndWhatWasWanted(t *testing.T) {
	t.Parallel()
	p256 := newKey(t, KeySpec{ECDSA, 256}).Public()
	for spec, want := range map[KeySpec]string{
		{}:           "key is ECDSA 256, want RSA 2048",
		{ECDSA, 384}: "key is ECDSA 256, want ECDSA 384",
		{Ed25519, 7}: "key is ECDSA 256, want Ed25519",
	} {
		if err := KeyFits(p256, spec); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	ed := newKey(t, KeySpec{Ed25519, 0}).Public()
	if err := KeyFits(ed, KeySpec{Ed25519, 4096}); err != nil {
		t.Errorf("size counts for Ed25519: %v", err)
	}
	wantError(t, KeyFits(&dsa.PublicKey{}, KeySpec{}), "unknown kind, want RSA 2048")
	wantError(t, KeyFits(nil, KeySpec{}), "unknown kind, want RSA 2048")
}

func TestSameKeyIsTrueOnlyForOneKey(t *testing.T) {
	t.Parallel()
	a, b, ed := newECKey(t).Public(), newECKey(t).Public(), newKey(t, KeySpec{Ed25519, 0}).Public()
	for _, test := range []struct {
		a, b crypto.PublicKey
		want bool
	}{{a, a, true}, {ed, ed, true}, {a, b, false}, {a, ed, false}, {a, nil, false}, {nil, a, false}, {nil, nil, false}, {&dsa.PublicKey{}, &dsa.PublicKey{}, false}} {
		if got := SameKey(test.a, test.b); got != test.want {
			t.Errorf("SameKey(%T, %T) = %t", test.a, test.b, got)
		}
	}
}

func TestDecodeKeyRefusesWithoutQuotingTheKey(t *testing.T) {
	t.Parallel()
	one, err := EncodeKey(newECKey(t), PKCS1)
	if err != nil {
		t.Fatal(err)
	}
	exchange, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	exchangeDER, err := x509.MarshalPKCS8PrivateKey(exchange)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(one)
	as := func(label string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	}
	request, err := CreateRequest(rand.Reader, Request{DNSNames: []string{"a.example"}}, newECKey(t))
	if err != nil {
		t.Fatal(err)
	}
	encrypted := run(t, "openssl", one, "ec", "-aes128", "-passout", "pass:secret")
	encrypted8 := run(t, "openssl", one, "pkcs8", "-topk8", "-passout", "pass:secret")
	// Only the headers of the old form are of interest; openssl prints a remark before the block.
	_, encrypted, found := bytes.Cut(encrypted, []byte("key\n"))
	if !found {
		t.Fatalf("openssl printed something new: %s", encrypted)
	}
	tests := map[string]struct {
		input []byte
		want  string
	}{
		"nothing":                    {nil, "no PEM block found"},
		"text":                       {[]byte("hello"), "no PEM block found"},
		"too large":                  {append(one, bytes.Repeat([]byte("\n"), MaxKeySize)...), "larger than the limit of 13000"},
		"cut off":                    {one[:len(one)/2], "1 of 1 PEM blocks are broken or cut off"},
		"two keys":                   {append(bytes.Clone(one), one...), "more than one key"},
		"second key cut off":         {append(bytes.Clone(one), one[:50]...), "1 of 2 PEM blocks are broken or cut off"},
		"a request":                  {request, "not a private key"},
		"a certificate only":         {EncodeCertificates(newCA(t, "ca").cert), "no private key among the PEM blocks"},
		"garbage in PKCS#1":          {as(blockPKCS1, block.Bytes), "RSA PRIVATE KEY block does not hold a valid key"},
		"garbage in SEC 1":           {as(blockSEC1, []byte("swordfish")), "EC PRIVATE KEY block does not hold a valid key"},
		"garbage in PKCS#8":          {as(blockPKCS8, block.Bytes), "PRIVATE KEY block does not hold a valid key"},
		"a key that cannot sign":     {as(blockPKCS8, exchangeDER), "not RSA, ECDSA or Ed25519"},
		"encrypted, RFC 1421":        {encrypted, "encrypted with a password"},
		"encrypted, PKCS#8":          {encrypted8, "encrypted with a password"},
		"key bytes in the label":     {[]byte("-----BEGIN swordfish-----\n-----END swordfish-----\n"), "not a private key"},
		"a valid key, and a request": {append(bytes.Clone(one), request...), "not a private key"},
	}
	for name, test := range tests {
		key, err := DecodeKey(test.input)
		if err == nil {
			t.Errorf("%s: no error, and %T", name, key)
			continue
		}
		if !strings.HasPrefix(err.Error(), "decode private key: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		for _, secret := range []string{"swordfish", string(block.Bytes[8:16]), base64.StdEncoding.EncodeToString(block.Bytes)[:16]} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds key bytes", name)
			}
		}
	}
}

func TestDecodeKeyAllowsTextAndACertificateBesideTheKey(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "ca")
	encoded, err := EncodeKey(ca.key, PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	input := bytes.Join([][]byte{[]byte("Bag Attributes\n"), encoded, EncodeCertificates(ca.cert), []byte("\nthe end\n")}, nil)
	key, err := DecodeKey(input)
	if err != nil {
		t.Fatal(err)
	}
	if !SameKey(key.Public(), ca.cert.PublicKey) {
		t.Error("another key came back")
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

func TestNewSerialReportsMissingRandomness(t *testing.T) {
	t.Parallel()
	_, err := NewSerial(brokenReader{})
	wantError(t, err, "draw serial number: no entropy")
}

func FuzzDecodeKey(f *testing.F) {
	for _, spec := range []KeySpec{{}, {ECDSA, 256}, {Ed25519, 0}} {
		for _, encoding := range []Encoding{PKCS1, PKCS8} {
			encoded, err := EncodeKey(newKey(f, spec), encoding)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(encoded)
			f.Add(encoded[:len(encoded)-9])
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		key, err := DecodeKey(input)
		if err != nil {
			return
		}
		encoded, err := EncodeKey(key, PKCS8)
		if err != nil {
			t.Fatalf("a key that was read cannot be written: %v", err)
		}
		again, err := DecodeKey(encoded)
		if err != nil {
			t.Fatalf("a key that was written cannot be read: %v", err)
		}
		if !SameKey(again.Public(), key.Public()) {
			t.Fatal("another key came back")
		}
	})
}
