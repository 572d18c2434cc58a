package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"
)

const password = "pässword" // Latin-1, to see that characters are not taken for bytes

// storeFixture is a leaf with key, and all certificates above it.
func storeFixture(t *testing.T, spec KeySpec) (key authority, chain, ca []*x509.Certificate) {
	t.Helper()
	root := newCA(t, "root")
	between := root.ca(t, "between")
	leaf := between.leaf(t, "leaf.example")
	key = leaf
	if spec.Algorithm != ECDSA {
		signer := newKey(t, spec)
		csr, _ := newCSR(t, Request{DNSNames: []string{"leaf.example"}}, signer)
		template, err := Template(csr, Profile{Duration: 1e15}, newSerial(t), start)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := Sign(rand.Reader, template, between.cert, signer.Public(), between.key)
		if err != nil {
			t.Fatal(err)
		}
		key = authority{cert, signer}
	}
	return key, []*x509.Certificate{key.cert, between.cert}, []*x509.Certificate{root.cert}
}

func opensslPKCS12(t *testing.T, p PKCS12Profile, store []byte, args ...string) []byte {
	t.Helper()
	args = append([]string{"pkcs12", "-passin", "pass:" + password}, args...)
	if p == "" || p == LegacyRC2 {
		args = append(args, "-legacy")
	}
	return run(t, "openssl", store, args...)
}

func TestOpenSSLReadsPKCS12OfEveryProfile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		profile PKCS12Profile
		how     []string
	}{
		{"", []string{"MAC: sha1, Iteration 1 ", "pbeWithSHA1And40BitRC2-CBC", "pbeWithSHA1And3-KeyTripleDES-CBC"}},
		{LegacyRC2, []string{"MAC: sha1, Iteration 1 ", "pbeWithSHA1And40BitRC2-CBC", "pbeWithSHA1And3-KeyTripleDES-CBC"}},
		{LegacyDES, []string{"MAC: sha1, Iteration 1 ", "PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC"}},
		{Modern2023, []string{"MAC: sha256, Iteration 2048 ", "PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256"}},
	} {
		for _, spec := range []KeySpec{{ECDSA, 256}, {ECDSA, 521}, {RSA, 2048}, {Ed25519, 0}} {
			t.Run(string(test.profile)+" "+spec.String(), func(t *testing.T) {
				t.Parallel()
				leaf, chain, ca := storeFixture(t, spec)
				store, err := PKCS12(rand.Reader, test.profile, password, leaf.key, chain, ca)
				if err != nil {
					t.Fatal(err)
				}
				info := strings.Join(strings.Fields(string(opensslPKCS12(t, test.profile, store, "-info", "-nodes"))), " ")
				wantParts(t, info, test.how...)
				key, err := DecodeKey(opensslPKCS12(t, test.profile, store, "-nodes", "-nocerts"))
				if err != nil {
					t.Fatal(err)
				}
				if !SameKey(key.Public(), leaf.key.Public()) {
					t.Error("another key came out")
				}
				for flag, want := range map[string]string{"-clcerts": "leaf.example", "-cacerts": "between root"} {
					certs, err := DecodeCertificates(opensslPKCS12(t, test.profile, store, "-nokeys", flag))
					if err != nil {
						t.Fatal(err)
					}
					if got := strings.Join(subjects(certs), " "); got != want {
						t.Errorf("%s: got %s, want %s", flag, got, want)
					}
				}

				trust, err := PKCS12TrustStore(rand.Reader, test.profile, password, chain[1:])
				if err != nil {
					t.Fatal(err)
				}
				certs, err := DecodeCertificates(opensslPKCS12(t, test.profile, trust, "-nokeys"))
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(subjects(certs), " "); got != "between" {
					t.Errorf("truststore holds %s", got)
				}
			})
		}
	}
}

// The OpenSSL and Java of most machines are too old for the integrity check of this profile, so that here
// OpenSSL is told to leave it out, and the library that wrote it makes it.
func TestModern2026IsReadApartFromItsNewCheck(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{Ed25519, 0})
	store, err := PKCS12(rand.Reader, Modern2026, password, leaf.key, chain, ca)
	if err != nil {
		t.Fatal(err)
	}
	key, err := DecodeKey(opensslPKCS12(t, Modern2026, store, "-nomacver", "-nodes", "-nocerts"))
	if err != nil {
		t.Fatal(err)
	}
	if !SameKey(key.Public(), leaf.key.Public()) {
		t.Error("another key came out")
	}
	_, cert, others, err := pkcs12.DecodeChain(store, password)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(subjects(append([]*x509.Certificate{cert}, others...)), " "); got != "leaf.example between root" {
		t.Errorf("got %s", got)
	}
	if _, _, _, err := pkcs12.DecodeChain(store, "wrong"); !errors.Is(err, pkcs12.ErrIncorrectPassword) {
		t.Errorf("a wrong password: %v", err)
	}
	trust, err := PKCS12TrustStore(rand.Reader, Modern2026, password, ca)
	if err != nil {
		t.Fatal(err)
	}
	if certs, err := pkcs12.DecodeTrustStore(trust, password); err != nil || len(certs) != 1 || !certs[0].Equal(ca[0]) {
		t.Errorf("truststore: %v", err)
	}
}

const asciiPassword = "changeit"

// keytool lists a store.
func keytool(t *testing.T, kind, secret string, store []byte, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store")
	writeFile(t, path, store)
	passwordPath := filepath.Join(t.TempDir(), "password")
	writeFile(t, passwordPath, []byte(secret))
	args = append(args, "-keystore", path, "-storetype", kind, "-storepass:file", passwordPath,
		"-J-Dfile.encoding=UTF-8", "-J-Duser.language=en", "-J-Duser.timezone=UTC", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC")
	return strings.Join(strings.Fields(string(run(t, "keytool", nil, args...))), " ")
}

func TestJavaReadsItsKeystores(t *testing.T) {
	t.Parallel()
	for _, spec := range []KeySpec{{ECDSA, 256}, {RSA, 2048}, {Ed25519, 0}} {
		t.Run(spec.String(), func(t *testing.T) {
			t.Parallel()
			leaf, chain, ca := storeFixture(t, spec)
			store, err := JKS(rand.Reader, "", asciiPassword, leaf.key, chain, append(ca, chain[1]), start)
			if err != nil {
				t.Fatal(err)
			}
			text := keytool(t, "JKS", asciiPassword, store, "-list", "-v")
			wantParts(t, text, "Your keystore contains 3 entries",
				"Alias name: certificate Creation date: Mar 1, 2026 Entry type: PrivateKeyEntry Certificate chain length: 2",
				"Alias name: ca Creation date: Mar 1, 2026 Entry type: trustedCertEntry Owner: CN=root",
				"Alias name: ca-1 Creation date: Mar 1, 2026 Entry type: trustedCertEntry Owner: CN=between")

			// Only with the right password does the key come out, as a request signed by it proves.
			path := filepath.Join(t.TempDir(), "store")
			writeFile(t, path, store)
			made := run(t, "keytool", nil, "-certreq", "-keystore", path, "-storetype", "JKS", "-storepass", asciiPassword,
				"-alias", "certificate", "-dname", "CN=made by Java")
			csr, err := DecodeRequest(made[bytes.Index(made, beginMark):])
			if err != nil {
				t.Fatal(err)
			}
			if !SameKey(csr.PublicKey, leaf.key.Public()) {
				t.Error("another key came out")
			}
		})
	}
}

func TestJavaReadsItsTruststores(t *testing.T) {
	t.Parallel()
	_, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	certs := append(ca, chain[1])
	store, err := JKSTrustStore(asciiPassword, certs, start)
	if err != nil {
		t.Fatal(err)
	}
	text := keytool(t, "JKS", asciiPassword, store, "-list")
	wantParts(t, text, "Your keystore contains 2 entries", "ca, Mar 1, 2026, trustedCertEntry,", "ca-1, Mar 1, 2026, trustedCertEntry,")
	store, err = PKCS12TrustStore(rand.Reader, Modern2023, asciiPassword, certs)
	if err != nil {
		t.Fatal(err)
	}
	text = keytool(t, "PKCS12", asciiPassword, store, "-list", "-v")
	wantParts(t, text, "Your keystore contains 2 entries", "Entry type: trustedCertEntry Owner: CN=root", "Entry type: trustedCertEntry Owner: CN=between")
}

func TestTheAliasOfTheKeyIsNotTakenByACA(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	for alias, want := range map[string][]string{
		"CA":   {"ca, Mar 1, 2026, PrivateKeyEntry", "ca-1, Mar 1, 2026, trustedCertEntry", "ca-2, Mar 1, 2026, trustedCertEntry"},
		"ca-1": {"ca-1, Mar 1, 2026, PrivateKeyEntry", "ca, Mar 1, 2026, trustedCertEntry", "ca-2, Mar 1, 2026, trustedCertEntry"},
	} {
		store, err := JKS(rand.Reader, alias, asciiPassword, leaf.key, chain, append(ca, chain[1]), start)
		if err != nil {
			t.Fatal(err)
		}
		wantParts(t, keytool(t, "JKS", asciiPassword, store, "-list"), append(want, "Your keystore contains 3 entries")...)
	}
}

func TestJavaPasswordsAreCharactersNotBytes(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	store, err := JKS(rand.Reader, "", password, leaf.key, chain, ca, start)
	if err != nil {
		t.Fatal(err)
	}
	wantParts(t, keytool(t, "JKS", password, store, "-list"), "Your keystore contains 2 entries")
	_, err = JKS(rand.Reader, "", "пароль", leaf.key, chain, ca, start)
	wantError(t, err, "create Java keystore: the password has characters outside Latin-1")
	_, err = JKSTrustStore("пароль", ca, start)
	wantError(t, err, "create Java truststore: the password has characters outside Latin-1")
}

func TestKeystoresThatCannotBeMade(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	_, err := PKCS12(rand.Reader, "Modern2040", password, leaf.key, chain, ca)
	wantError(t, err, `create PKCS#12 keystore: PKCS#12 profile "Modern2040" is not known`)
	_, err = PKCS12(rand.Reader, Modern2023, password, leaf.key, nil, ca)
	wantError(t, err, "create PKCS#12 keystore: no certificate")
	_, err = PKCS12(brokenReader{}, Modern2023, password, leaf.key, chain, ca)
	wantError(t, err, "create PKCS#12 keystore: ", "no entropy")
	_, err = PKCS12(rand.Reader, Modern2023, "\U0001f511", leaf.key, chain, ca)
	wantError(t, err, "create PKCS#12 keystore: ")
	wantNoParts(t, err.Error(), "\U0001f511")
	_, err = PKCS12TrustStore(rand.Reader, "Modern2040", password, ca)
	wantError(t, err, `create PKCS#12 truststore: PKCS#12 profile "Modern2040" is not known`)
	_, err = JKS(rand.Reader, "", asciiPassword, leaf.key, nil, ca, start)
	wantError(t, err, "create Java keystore: no certificate")
	_, err = JKS(brokenReader{}, "", asciiPassword, leaf.key, chain, ca, start)
	wantError(t, err, "create Java keystore: ", "no entropy")
}

func TestMakingAKeystoreLeavesTheChainAlone(t *testing.T) {
	t.Parallel()
	leaf, chain, ca := storeFixture(t, KeySpec{ECDSA, 256})
	roomy := append(make([]*x509.Certificate, 0, 10), chain...)
	if _, err := PKCS12(rand.Reader, Modern2023, password, leaf.key, roomy, ca); err != nil {
		t.Fatal(err)
	}
	if behind := roomy[:3][2]; behind != nil {
		t.Error("the CA was written behind the caller's chain")
	}
}

func TestCombinedPEMIsReadAsKeyAndChain(t *testing.T) {
	t.Parallel()
	leaf, chain, _ := storeFixture(t, KeySpec{ECDSA, 256})
	keyPEM, err := EncodeKey(leaf.key, PKCS1)
	if err != nil {
		t.Fatal(err)
	}
	combined := CombinedPEM(keyPEM, EncodeCertificates(chain...))
	if want := string(keyPEM) + "\n" + string(EncodeCertificates(chain...)); string(combined) != want {
		t.Errorf("got %s", combined)
	}
	wantParts(t, openssl(t, combined, "pkey", "-noout", "-text"), "P-256")
	wantParts(t, openssl(t, combined, "x509", "-noout", "-text"), "DNS:leaf.example")
}
