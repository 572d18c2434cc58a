package lifecycle

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/pki"
)

// testCA is a CA with its key.
type testCA struct {
	key  crypto.Signer
	cert *x509.Certificate
}

// newTestCA makes a CA. The seed tells keys apart; without a parent it is a
// root.
func newTestCA(t testing.TB, seed byte, name string, serial int64, parent *testCA) *testCA {
	t.Helper()
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize)))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: simStart.AddDate(-1, 0, 0), NotAfter: simStart.AddDate(50, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca := &testCA{key: key}
	if parent == nil {
		parent = &testCA{key: key, cert: template}
	}
	cert, err := pki.Sign(rand.New(rand.NewSource(1)), template, parent.cert, key.Public(), parent.key)
	if err != nil {
		t.Fatal(err)
	}
	ca.cert = cert
	return ca
}

// secret is the data of a Secret with certificates and a ca.crt.
func secretOf(ca []byte, certs ...*x509.Certificate) map[string][]byte {
	return map[string][]byte{TLSCert: pki.EncodeCertificates(certs...), CACert: ca}
}

func (ca *testCA) read(t testing.TB, above ...*testCA) *CA {
	t.Helper()
	certs := []*x509.Certificate{ca.cert}
	for _, a := range above {
		certs = append(certs, a.cert)
	}
	read, err := ReadCA(secretOf(nil, certs...))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// leaf makes a certificate under the CA.
func (ca *testCA) leaf(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(99), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: simStart, NotAfter: simStart.Add(90 * day)}
	if change != nil {
		change(template)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	cert, err := pki.Sign(rand.New(rand.NewSource(1)), template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestSignedByThePresentCA(t *testing.T) {
	t.Parallel()
	old := newTestCA(t, 0, "root", 1, nil)
	self := newTestCA(t, 1, "self", 1, nil)
	leaf := old.leaf(t, nil)
	forged := *leaf
	forged.RawIssuer, forged.AuthorityKeyId = self.cert.RawSubject, self.cert.SubjectKeyId
	otherID := newTestCA(t, 0, "root", 2, nil).read(t)
	otherID.Certificate.SubjectKeyId = []byte("chosen by hand")
	rows := []struct {
		sentence string
		ca       *CA
		leaf     *x509.Certificate
		signed   bool
	}{
		{"the CA as it was", old.read(t), leaf, true},
		{"the CA renewed with its key and its name", newTestCA(t, 0, "root", 2, nil).read(t), leaf, true},
		{"the CA renewed, and signed by another root now", newTestCA(t, 0, "root", 2, self).read(t), leaf, true},
		{"the key of the CA under another name", newTestCA(t, 0, "new root", 2, nil).read(t), leaf, false},
		{"another key under the name of the CA", newTestCA(t, 2, "root", 2, nil).read(t), leaf, false},
		{"another CA", self.read(t), leaf, false},
		{"a certificate that names the CA and was not signed by it", self.read(t), &forged, false},
		{"the CA with another key identifier, by which verifiers do not find it", otherID, leaf, false},
		{"the certificate of the CA itself, whoever signed it", newTestCA(t, 3, "int", 1, old).read(t), newTestCA(t, 3, "int", 1, old).cert, true},
	}
	for _, row := range rows {
		if got := row.ca.Signed(row.leaf); got != row.signed {
			t.Errorf("%s: signed %t, want %t", row.sentence, got, row.signed)
		}
	}
}

func TestReadCA(t *testing.T) {
	t.Parallel()
	root := newTestCA(t, 0, "root", 1, nil)
	mid := newTestCA(t, 1, "mid", 2, root)
	low := newTestCA(t, 2, "low", 3, mid)
	other := newTestCA(t, 4, "other", 1, nil)
	leaf := root.leaf(t, nil)
	pem := func(certs ...*x509.Certificate) []byte { return pki.EncodeCertificates(certs...) }
	rows := []struct {
		sentence  string
		data      map[string][]byte
		want, err string
	}{
		{"a root is in no chain", secretOf(nil, root.cert), "root; chain []; root root", ""},
		{"a root with itself in ca.crt", secretOf(pem(root.cert), root.cert), "root; chain []; root root", ""},
		{"an intermediate whose root is not known", secretOf(nil, mid.cert), "mid; chain [mid]; root mid", ""},
		{"an intermediate with its root in ca.crt", secretOf(pem(other.cert, root.cert), mid.cert), "mid; chain [mid]; root root", ""},
		{"an intermediate with its root behind it", secretOf(nil, mid.cert, root.cert), "mid; chain [mid]; root root", ""},
		{"two intermediates in the wrong order", secretOf(pem(root.cert), mid.cert, low.cert), "low; chain [low mid]; root root", ""},
		{"a ca.crt that has nothing to do with it", secretOf(pem(other.cert), mid.cert), "", "no certificate in ca.crt is the issuer of that in tls.crt"},
		{"a ca.crt that is garbage", secretOf([]byte("garbage"), mid.cert), "", "ca.crt: decode certificates"},
		{"a leaf", secretOf(nil, leaf), "", "the certificate is not one of a CA"},
		{"no certificate", nil, "", "tls.crt: decode certificates"},
		{"two chains", secretOf(nil, root.cert, other.cert), "", "tls.crt: build chain"},
	}
	for _, row := range rows {
		ca, err := ReadCA(row.data)
		got, gotErr := "", ""
		if err != nil {
			gotErr = err.Error()
		} else {
			chain := []string{}
			for _, c := range ca.Chain {
				chain = append(chain, c.Subject.CommonName)
			}
			got = fmt.Sprintf("%s; chain %v; root %s", ca.Certificate.Subject.CommonName, chain, ca.Root.Subject.CommonName)
		}
		if got != row.want || !strings.Contains(gotErr, row.err) || (row.err == "") != (gotErr == "") {
			t.Errorf("%s: %q, error %q", row.sentence, got, gotErr)
		}
	}
}

func FuzzReadCA(f *testing.F) {
	root := newTestCA(f, 0, "root", 1, nil)
	mid := newTestCA(f, 1, "mid", 2, root)
	f.Add(pki.EncodeCertificates(mid.cert), pki.EncodeCertificates(root.cert))
	f.Add(pki.EncodeCertificates(root.cert), []byte("garbage"))
	f.Fuzz(func(t *testing.T, crt, ca []byte) {
		read, err := ReadCA(map[string][]byte{TLSCert: crt, CACert: ca})
		if err == nil && (read.Certificate == nil || read.Root == nil || read.Identity() == "") {
			t.Errorf("read %+v", read)
		}
	})
}

func TestIdentityNamesEveryCertificateOfTheCA(t *testing.T) {
	t.Parallel()
	root := newTestCA(t, 0, "root", 1, nil)
	renewed := newTestCA(t, 0, "root", 2, nil)
	low := newTestCA(t, 2, "low", 3, newTestCA(t, 1, "mid", 2, root))
	one := root.read(t).Identity()
	if !strings.HasPrefix(one, `"CN=root" (SHA-256 `) || strings.Contains(one, "under") {
		t.Errorf("identity %q", one)
	}
	if one == renewed.read(t).Identity() {
		t.Error("a renewed root has the identity of the old one")
	}
	names := strings.Count(low.read(t, newTestCA(t, 1, "mid", 2, root), root).Identity(), "SHA-256")
	if names != 3 {
		t.Errorf("%d certificates named, want 3", names)
	}
}

func rotating(name string, notAfter int, state RotatingState) RotatingCertificate {
	return RotatingCertificate{NamespacedName: types.NamespacedName{Namespace: "shop", Name: name}, NotAfter: simStart.Add(time.Duration(notAfter) * day), State: state}
}

func TestNextRotation(t *testing.T) {
	t.Parallel()
	many := func(n int, state RotatingState) []RotatingCertificate {
		var list []RotatingCertificate
		for i := range n {
			list = append(list, rotating(fmt.Sprintf("%s%02d", []string{"w", "g", "i", "r"}[state], i), 100-i, state))
		}
		return list
	}
	rows := []struct {
		sentence string
		seen     RotationSeen
		want     string
	}{
		{"nobody is left", RotationSeen{Reissue: true}, ""},
		{"without reissueOnRotation nobody goes", RotationSeen{Former: many(3, RotatingWaiting)}, ""},
		{"nobody goes before all were looked at", RotationSeen{Reissue: true, Unlooked: 1, Former: many(3, RotatingWaiting)}, ""},
		{"those that expire first go first", RotationSeen{Reissue: true, Former: many(3, RotatingWaiting)}, "w02 w01 w00"},
		{"at most ten go", RotationSeen{Reissue: true, Former: many(25, RotatingWaiting)}, "w24 w23 w22 w21 w20 w19 w18 w17 w16 w15"},
		{"those under way take room", RotationSeen{Reissue: true, Former: append(many(4, RotatingIssuing), append(many(4, RotatingGranted), many(5, RotatingWaiting)...)...)}, "w04 w03"},
		{"there is no room", RotationSeen{Reissue: true, Former: append(many(10, RotatingIssuing), many(5, RotatingWaiting)...)}, ""},
		{"more than ten are under way for reasons of their own", RotationSeen{Reissue: true, Former: append(many(12, RotatingIssuing), many(5, RotatingWaiting)...)}, ""},
		{"those that could not begin take no room and are not asked again", RotationSeen{Reissue: true, Former: append(many(20, RotatingResting), many(2, RotatingWaiting)...)}, "w01 w00"},
		{"of those that expire together the names decide", RotationSeen{Reissue: true, Former: []RotatingCertificate{
			rotating("b", 1, RotatingWaiting), rotating("c", 1, RotatingWaiting), rotating("a", 1, RotatingWaiting)}}, "a b c"},
	}
	for _, row := range rows {
		before := slices.Clone(row.seen.Former)
		var got []string
		for _, name := range NextRotation(row.seen) {
			got = append(got, name.Name)
		}
		if text := strings.Join(got, " "); text != row.want {
			t.Errorf("%s: %q, want %q", row.sentence, text, row.want)
		}
		if diff := cmp.Diff(before, row.seen.Former); diff != "" {
			t.Errorf("%s: what was seen was changed:\n%s", row.sentence, diff)
		}
	}
}

// A wave of 300 with every disturbance: whoever is chosen expires before
// everybody who waits, never more than ten are under way, and it ends.
func TestWaveEndsAndKeepsItsOrder(t *testing.T) {
	t.Parallel()
	for seed := range int64(20) {
		chance := rand.New(rand.NewSource(seed))
		seen := RotationSeen{Reissue: true}
		for i := range 300 {
			seen.Former = append(seen.Former, rotating(fmt.Sprint(i), chance.Intn(90), RotatingWaiting))
		}
		for pass := 0; len(seen.Former) > 0; pass++ {
			if pass > 20_000 {
				t.Fatalf("seed %d: %d are left", seed, len(seen.Former))
			}
			chosen := NextRotation(seen)
			busy := 0
			var last, first time.Time // of the chosen, of those that wait
			for i := range seen.Former {
				c := &seen.Former[i]
				switch {
				case slices.Contains(chosen, c.NamespacedName):
					c.State = RotatingGranted
					if c.NotAfter.After(last) {
						last = c.NotAfter
					}
				case c.State == RotatingWaiting && (first.IsZero() || c.NotAfter.Before(first)):
					first = c.NotAfter
				}
				if c.State == RotatingGranted || c.State == RotatingIssuing {
					busy++
				}
			}
			if busy > MaxReissues {
				t.Fatalf("seed %d: %d under way", seed, busy)
			}
			if len(chosen) > 0 && !first.IsZero() && first.Before(last) {
				t.Fatalf("seed %d: one that expires at %s waits while one of %s goes", seed, first, last)
			}
			i := slices.IndexFunc(seen.Former, func(c RotatingCertificate) bool { return c.State != RotatingWaiting && chance.Intn(3) == 0 })
			if i < 0 {
				continue
			}
			switch c := &seen.Former[i]; c.State {
			case RotatingGranted:
				c.State = []RotatingState{RotatingIssuing, RotatingResting}[chance.Intn(2)]
			case RotatingResting:
				c.State = RotatingWaiting
			case RotatingIssuing: // done, or failed
				if chance.Intn(5) == 0 {
					c.State = RotatingWaiting
					continue
				}
				seen.Former = slices.Delete(seen.Former, i, i+1)
			case RotatingWaiting: // not picked
			}
		}
	}
}

func BenchmarkNextRotation(b *testing.B) {
	seen := RotationSeen{Reissue: true}
	for i := range 10_000 {
		seen.Former = append(seen.Former, rotating(fmt.Sprint(i), i*7919%10_000, RotatingWaiting))
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(NextRotation(seen)) != MaxReissues {
			b.Fatal("not enough")
		}
	}
}
