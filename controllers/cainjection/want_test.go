package cainjection

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

var now = time.Date(2026, time.November, 24, 8, 0, 0, 0, time.UTC)

// newCA makes a CA that is valid from an instant, for a time.
func newCA(t testing.TB, name string, from time.Time, valid time.Duration) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: from.Add(valid),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func bundle(list ...*x509.Certificate) []byte { return pki.EncodeCertificates(list...) }

// named says which certificates a bundle has, in their order.
func named(bundle []byte) string {
	var names []string
	for _, c := range certificates(bundle) {
		names = append(names, c.Subject.CommonName)
	}
	return strings.Join(names, " ")
}

func TestBundleHasTheSourceAndWhatIsStillValidOfBefore(t *testing.T) {
	t.Parallel()
	a := newCA(t, "a", now.Add(-10*time.Hour), 24*time.Hour)
	b := newCA(t, "b", now.Add(-9*time.Hour), 20*time.Hour)
	c := newCA(t, "c", now.Add(-8*time.Hour), 24*time.Hour)
	over := newCA(t, "over", now.Add(-48*time.Hour), 24*time.Hour)

	for name, test := range map[string]struct {
		held   []byte
		source []*x509.Certificate
		want   string
		keeps  bool      // the very bytes
		wake   time.Time // zero is never
	}{
		"an empty bundle gets the CA":                    {nil, []*x509.Certificate{a}, "a", false, time.Time{}},
		"a line feed is an empty bundle":                 {[]byte("\n"), []*x509.Certificate{a}, "a", false, time.Time{}},
		"what is no certificate goes":                    {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []*x509.Certificate{a}, "a", false, time.Time{}},
		"the same CA is left as it is":                   {bundle(a), []*x509.Certificate{a}, "a", true, time.Time{}},
		"a new CA comes before the old one":              {bundle(a), []*x509.Certificate{c}, "c a", false, a.NotAfter.Add(time.Second)},
		"that is left as it is too":                      {bundle(c, a), []*x509.Certificate{c}, "c a", true, a.NotAfter.Add(time.Second)},
		"another order is no change":                     {bundle(a, c), []*x509.Certificate{c}, "a c", true, a.NotAfter.Add(time.Second)},
		"an expired one goes":                            {bundle(c, over), []*x509.Certificate{c}, "c", false, time.Time{}},
		"one that is there twice is there once":          {bundle(c, a, a, c), []*x509.Certificate{c}, "c a", false, a.NotAfter.Add(time.Second)},
		"a source of several keeps its order":            {bundle(a), []*x509.Certificate{c, b}, "c b a", false, a.NotAfter.Add(time.Second)},
		"the first of the old ones to expire is due":     {bundle(a, b), []*x509.Certificate{c}, "c a b", false, b.NotAfter.Add(time.Second)},
		"several old ones keep the order they have":      {bundle(b, a), []*x509.Certificate{c}, "c b a", false, b.NotAfter.Add(time.Second)},
		"text around certificates is not worth a change": {append([]byte("# ours\n"), bundle(a)...), []*x509.Certificate{a}, "a", true, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, wake := merge(test.held, test.source, now)
			if named(got) != test.want || bytes.Equal(got, test.held) != test.keeps {
				t.Errorf("bundle has %q, want %q; unchanged: %t, want %t", named(got), test.want, bytes.Equal(got, test.held), test.keeps)
			}
			if !wake.Equal(test.wake) {
				t.Errorf("is due at %v, want %v", wake, test.wake)
			}
			if again, _ := merge(got, test.source, now); !bytes.Equal(again, got) {
				t.Errorf("is %q when done again", named(again))
			}
		})
	}
}

func TestOldCALeavesTheBundleWhenItExpires(t *testing.T) {
	t.Parallel()
	old, current := newCA(t, "old", now.Add(-time.Hour), 2*time.Hour), newCA(t, "current", now, 24*time.Hour)
	both, wake := merge(bundle(old), []*x509.Certificate{current}, now)
	if got, _ := merge(both, []*x509.Certificate{current}, wake.Add(-time.Second)); named(got) != "current old" {
		t.Errorf("before it is due the bundle has %q", named(got))
	}
	if got, next := merge(both, []*x509.Certificate{current}, wake); named(got) != "current" || !next.IsZero() {
		t.Errorf("when it is due the bundle has %q, and is due again at %v", named(got), next)
	}
}

func TestOnlyTheNewestOfManyOldCAsAreKept(t *testing.T) {
	t.Parallel()
	var held []*x509.Certificate
	for i := range mostKept + 3 {
		held = append(held, newCA(t, fmt.Sprintf("%02d", i), now.Add(time.Duration(i-30)*time.Minute), 24*time.Hour))
	}
	slices.Reverse(held[:5])
	got, _ := merge(bundle(held...), []*x509.Certificate{newCA(t, "new", now, 24*time.Hour)}, now)
	if want := "new 04 03 05 06 07 08 09 10 11 12 13 14 15 16 17 18"; named(got) != want {
		t.Errorf("bundle has %q, want %q", named(got), want)
	}
}

func TestSourceMustHaveValidCertificates(t *testing.T) {
	t.Parallel()
	valid, over := newCA(t, "valid", now.Add(-time.Hour), 2*time.Hour), newCA(t, "over", now.Add(-2*time.Hour), time.Hour)
	for name, test := range map[string]struct {
		ca      []byte
		want    string
		problem string
	}{
		"one":                      {bundle(valid), "valid", ""},
		"an expired one as well":   {bundle(over, valid), "valid", ""},
		"the same twice":           {bundle(valid, valid), "valid", ""},
		"only one that is expired": {bundle(over), "", "has only certificates that have expired"},
		"no PEM":                   {[]byte("CA"), "", "is no list of certificates in PEM"},
		"one that is cut off":      {bundle(valid)[:200], "", "is no list of certificates in PEM"},
		"more than is ever meant":  {bytes.Repeat([]byte("a"), pki.MaxBundleSize+1), "", "limit of 330000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problem := authorities(test.ca, now)
			if !strings.Contains(problem, test.problem) || (problem == "") != (test.problem == "") {
				t.Errorf("problem is %q, want %q", problem, test.problem)
			}
			if names := named(bundle(got...)); names != test.want {
				t.Errorf("certificates are %q, want %q", names, test.want)
			}
		})
	}
}

func TestEveryWebhookIsInAPlanThatChangesOne(t *testing.T) {
	t.Parallel()
	ca := newCA(t, "ca", now, time.Hour)
	p := next([]place{{"one", bundle(ca)}, {"two", nil}}, []*x509.Certificate{ca}, now)
	if !p.changed || len(p.places) != 2 || p.places[0].webhook != "one" || p.places[1].webhook != "two" {
		t.Fatalf("plan is %+v", p)
	}
	for _, place := range p.places {
		if named(place.bundle) != "ca" {
			t.Errorf("webhook %s gets %q", place.webhook, named(place.bundle))
		}
	}
	if again := next(p.places, []*x509.Certificate{ca}, now); again.changed {
		t.Error("the plan is to change what it was")
	}
}

// FuzzMerge feeds what people may have in a bundle.
func FuzzMerge(f *testing.F) {
	ca, other := newCA(f, "ca", now, time.Hour), newCA(f, "other", now, time.Hour)
	for _, seed := range [][]byte{nil, []byte("\n"), bundle(ca), bundle(other, ca, other), bundle(other)[:100], []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----")} {
		f.Add(seed)
	}
	source := []*x509.Certificate{ca}
	f.Fuzz(func(t *testing.T, held []byte) {
		got, _ := merge(held, source, now)
		list := certificates(got)
		if !contains(list, ca) {
			t.Fatalf("the CA is not in the bundle %q", got)
		}
		if len(distinct(list)) != len(list) || len(unexpired(list, now)) != len(list) {
			t.Fatalf("the bundle %q has duplicates, or certificates that have expired", got)
		}
		if again, _ := merge(got, source, now); !bytes.Equal(again, got) {
			t.Fatalf("the bundle %q changes when nothing does", got)
		}
	})
}
