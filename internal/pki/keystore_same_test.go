package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
)

var profiles = []PKCS12Profile{LegacyRC2, LegacyDES, Modern2023, Modern2026}

func TestAStoreIsRecognisedByWhatItWasMadeOf(t *testing.T) {
	t.Parallel()
	for _, spec := range []KeySpec{{ECDSA, 256}, {RSA, 2048}, {Ed25519, 0}} {
		leaf, chain, ca := storeFixture(t, spec)
		other, otherChain, otherCA := storeFixture(t, KeySpec{ECDSA, 384})
		for _, p := range profiles {
			store, err := PKCS12(rand.Reader, p, password, leaf.key, chain, ca)
			if err != nil {
				t.Fatal(err)
			}
			trust, err := PKCS12TrustStore(rand.Reader, p, password, ca)
			if err != nil {
				t.Fatal(err)
			}
			if !SamePKCS12(rand.Reader, store, p, password, leaf.key, chain, ca) || !SamePKCS12TrustStore(rand.Reader, trust, p, password, ca) {
				t.Errorf("%s, %s: not recognised", p, spec)
			}
			for _, another := range profiles {
				if another != p && (SamePKCS12(rand.Reader, store, another, password, leaf.key, chain, ca) || SamePKCS12TrustStore(rand.Reader, trust, another, password, ca)) {
					t.Errorf("%s is taken for %s", p, another)
				}
			}
			for what, same := range map[string]bool{
				"password":           SamePKCS12(rand.Reader, store, p, "password", leaf.key, chain, ca),
				"key":                SamePKCS12(rand.Reader, store, p, password, other.key, chain, ca),
				"chain":              SamePKCS12(rand.Reader, store, p, password, leaf.key, otherChain, ca),
				"CA":                 SamePKCS12(rand.Reader, store, p, password, leaf.key, chain, otherCA),
				"no CA":              SamePKCS12(rand.Reader, store, p, password, leaf.key, chain, nil),
				"truststore":         SamePKCS12(rand.Reader, trust, p, password, leaf.key, chain, ca),
				"password of trust":  SamePKCS12TrustStore(rand.Reader, trust, p, "passwörd", ca),
				"CA of trust":        SamePKCS12TrustStore(rand.Reader, trust, p, password, otherCA),
				"impossible":         SamePKCS12(rand.Reader, store, p, "\U0001f511", leaf.key, chain, ca),
				"last byte":          SamePKCS12(rand.Reader, flipLast(store), p, password, leaf.key, chain, ca),
				"last byte of trust": SamePKCS12TrustStore(rand.Reader, flipLast(trust), p, password, ca),
			} {
				if same {
					t.Errorf("%s, %s: another %s is not noticed", p, spec, what)
				}
			}
		}

		store, err := JKS(rand.Reader, "Web", password, leaf.key, chain, ca, start)
		if err != nil {
			t.Fatal(err)
		}
		trust, err := JKSTrustStore(password, ca, start)
		if err != nil {
			t.Fatal(err)
		}
		if !SameJKS(store, "web", password, leaf.key, chain, ca) || !SameJKSTrustStore(trust, password, ca) {
			t.Errorf("JKS, %s: not recognised", spec)
		}
		for what, same := range map[string]bool{
			"password":          SameJKS(store, "web", "password", leaf.key, chain, ca),
			"alias":             SameJKS(store, "", password, leaf.key, chain, ca),
			"key":               SameJKS(store, "web", password, other.key, chain, ca),
			"chain":             SameJKS(store, "web", password, leaf.key, otherChain, ca),
			"shorter chain":     SameJKS(store, "web", password, leaf.key, chain[:1], ca),
			"CA":                SameJKS(store, "web", password, leaf.key, chain, otherCA),
			"no CA":             SameJKS(store, "web", password, leaf.key, chain, nil),
			"truststore":        SameJKS(trust, "web", password, leaf.key, chain, ca),
			"CA of trust":       SameJKSTrustStore(trust, password, otherCA),
			"password of trust": SameJKSTrustStore(trust, "пароль", ca),
			"keystore":          SameJKSTrustStore(store, password, ca),
		} {
			if same {
				t.Errorf("JKS, %s: another %s is not noticed", spec, what)
			}
		}
	}
}

func flipLast(store []byte) []byte {
	other := bytes.Clone(store)
	other[len(other)-1] ^= 1
	return other
}

func TestTheAliasOfACAMakesRoomForThatOfTheKey(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	ca = append(ca, chain[1])
	for _, alias := range []string{"CA", "ca-1"} {
		store, err := JKS(rand.Reader, alias, password, leaf.key, chain, ca, start)
		if err != nil {
			t.Fatal(err)
		}
		if !SameJKS(store, alias, password, leaf.key, chain, ca) {
			t.Errorf("alias %s: not recognised", alias)
		}
	}
}

// Other programs that write this format do not sort the entries, and may stamp
// each with a time of its own.
func TestAJavaKeystoreOfAnotherProgramIsRecognised(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	ours, err := JKS(rand.Reader, "", asciiPassword, leaf.key, chain, ca, start)
	if err != nil {
		t.Fatal(err)
	}
	found, secret, ok := loadJKS(ours, asciiPassword)
	if !ok {
		t.Fatal("not loaded")
	}
	entry, err := found.GetPrivateKeyEntry(DefaultAlias, secret)
	if err != nil {
		t.Fatal(err)
	}
	entry.CreationTime = start.Add(time.Hour)
	theirs := keystore.New()
	if err := theirs.SetPrivateKeyEntry(DefaultAlias, entry, secret); err != nil {
		t.Fatal(err)
	}
	trusted := keystore.TrustedCertificateEntry{CreationTime: start.Add(time.Minute), Certificate: keystore.Certificate{Type: "X.509", Content: ca[0].Raw}}
	if err := theirs.SetTrustedCertificateEntry("ca", trusted); err != nil {
		t.Fatal(err)
	}
	var store bytes.Buffer
	if err := theirs.Store(&store, secret); err != nil {
		t.Fatal(err)
	}
	if !SameJKS(store.Bytes(), "", asciiPassword, leaf.key, chain, ca) {
		t.Error("not recognised")
	}
}

// A length of 4 GiB in a few bytes must not be believed.
func TestLengthsBeyondAJavaKeystoreAreNotBelieved(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	store, err := JKS(rand.Reader, "a", asciiPassword, leaf.key, chain, ca, start)
	if err != nil {
		t.Fatal(err)
	}
	if !isSoundJKS(store) {
		t.Fatal("a sound store is refused")
	}
	const keyLength = 4 + 4 + 4 + 4 + 2 + 1 + 8 // magic, version, entries, tag, alias, time
	keySize := int(binary.BigEndian.Uint32(store[keyLength:]))
	for what, at := range map[string]int{"entries": 8, "tag": 12, "key": keyLength, "certificates": keyLength + 4 + keySize} {
		bad := bytes.Clone(store)
		binary.BigEndian.PutUint32(bad[at:], 0xffffffff)
		if isSoundJKS(bad) {
			t.Errorf("a count of 4294967295 of %s is believed", what)
		}
	}
	if isSoundJKS(store[:len(store)-1]) || isSoundJKS(append(bytes.Clone(store), 0)) || isSoundJKS(nil) {
		t.Error("a store of another size is believed")
	}
}

// Whatever bytes a store has, to compare them costs about as much as to make one.
func FuzzSameStore(f *testing.F) {
	key := newECKey(f)
	ca := newCA(f, "ca")
	leaf := ca.leaf(f, "leaf.example")
	chain, roots := []*x509.Certificate{leaf.cert}, []*x509.Certificate{ca.cert}
	for _, p := range profiles {
		store, err := PKCS12(rand.Reader, p, password, key, chain, roots)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(store)
	}
	store, err := JKS(rand.Reader, "", password, key, chain, roots, start)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(store)
	f.Fuzz(func(t *testing.T, store []byte) {
		sameJKS := SameJKS(store, "", password, key, chain, roots)
		for _, p := range profiles[:2] {
			if SamePKCS12(rand.Reader, store, p, password, key, chain, roots) && sameJKS {
				t.Error("a store of both formats")
			}
		}
		SameJKSTrustStore(store, password, roots)
		SamePKCS12TrustStore(rand.Reader, store, LegacyDES, password, roots)
	})
}
