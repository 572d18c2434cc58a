package revocationlist

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// ca is a CA that publishes its list.
type ca struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newCA(t testing.TB, name string, change func(*x509.Certificate)) ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: start.AddDate(-1, 0, 0), NotAfter: start.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if change != nil {
		change(template)
	}
	return ca{sign(t, template, template, key.Public(), key), key}
}

func sign(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (c ca) issue(t testing.TB, serial int64, points ...string) *x509.Certificate {
	t.Helper()
	return sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: start, NotAfter: start.AddDate(0, 3, 0), CRLDistributionPoints: points,
	}, c.cert, c.key.Public(), c.key)
}

// list signs a list with entries of serial numbers and reasons.
func (c ca) list(t testing.TB, at time.Time, revoked map[int64]int, change func(*x509.RevocationList)) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: at.Add(7 * 24 * time.Hour)}
	for serial, reason := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(serial), RevocationTime: at.Add(-time.Hour), ReasonCode: reason,
		})
	}
	if change != nil {
		change(template)
	}
	signer := *c.cert
	signer.KeyUsage |= x509.KeyUsageCRLSign // also what it must not sign
	der, err := x509.CreateRevocationList(rand.Reader, template, &signer, c.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// site serves what is put there.
type site struct {
	*httptest.Server

	mu    sync.Mutex
	body  []byte
	calls atomic.Int32
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.calls.Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.body == nil {
			http.Error(w, "secret text", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(s.body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) put(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = body
}

// clock is set by hand.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.at.Load())) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// desk is Lists at work, and who was woken.
type desk struct {
	*Lists[string]
	*clock

	t     *testing.T
	woken chan string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{clock: &clock{}, t: t, woken: make(chan string, 64)}
	d.Lists = New(Config{Clock: d.now}, func(_ context.Context, key string) { d.woken <- key })
	return d
}

// fetchAll does by hand what Start does, until nothing is due.
func (d *desk) fetchAll() {
	d.t.Helper()
	for {
		s, _ := d.next()
		if s == nil {
			return
		}
		d.refresh(d.t.Context(), s)
	}
}

func (d *desk) wokenNow() string {
	var names []string
	for {
		select {
		case name := <-d.woken:
			names = append(names, name)
		default:
			return strings.Join(names, " ")
		}
	}
}

func (d *desk) want(key string, q Query, known bool, want Answer) {
	d.t.Helper()
	got, ok := d.Look(key, q)
	if ok != known || got != want {
		d.t.Errorf("%s: %+v, known %t, want %+v, %t", key, got, ok, want, known)
	}
}

func TestOneListIsFetchedForAllCertificatesOfACA(t *testing.T) {
	t.Parallel()
	c, s, d := newCA(t, "ca", nil), newSite(t), newDesk(t)
	s.put(c.list(t, start, map[int64]int{12: 1}, nil))
	for serial := range int64(20) {
		q := Query{Certificate: c.issue(t, serial+1, s.URL), Issuers: []*x509.Certificate{newCA(t, "other", nil).cert, c.cert}}
		d.want(fmt.Sprint(serial+1), q, false, Answer{})
	}
	d.fetchAll()
	if calls := s.calls.Load(); calls != 1 {
		t.Errorf("fetched %d times", calls)
	}
	if woken := d.wokenNow(); woken != "12" {
		t.Errorf("woken: %q, want who is revoked", woken)
	}
	q := Query{Certificate: c.issue(t, 12, s.URL), Issuers: []*x509.Certificate{c.cert}}
	d.want("another", q, true, Answer{Revoked: true, At: start.Add(-time.Hour), Reason: 1})
	d.want("good", Query{Certificate: c.issue(t, 13, s.URL), Issuers: []*x509.Certificate{c.cert}}, true, Answer{})
}

func TestListIsKeptForADayAtMostAndAnHourAtLeast(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		sentence string
		validity time.Duration
		want     time.Duration
	}{
		{"a week", 7 * 24 * time.Hour, 24 * time.Hour},
		{"five hours", 5 * time.Hour, 5 * time.Hour},
		{"a minute", time.Minute, time.Hour},
	} {
		c, s, d := newCA(t, "ca", nil), newSite(t), newDesk(t)
		s.put(c.list(t, start, nil, func(l *x509.RevocationList) { l.NextUpdate = start.Add(row.validity) }))
		d.Look("a", Query{Certificate: c.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}})
		d.fetchAll()
		if _, pause := d.next(); pause != row.want {
			t.Errorf("%s: kept for %s, want %s", row.sentence, pause, row.want)
		}
		s.put(c.list(t, start.Add(time.Minute), map[int64]int{7: 4}, nil))
		d.advance(row.want - time.Second)
		d.fetchAll()
		if woken := d.wokenNow(); woken != "" {
			t.Errorf("%s: fetched too soon", row.sentence)
		}
		d.advance(time.Second)
		d.fetchAll()
		if woken := d.wokenNow(); woken != "a" {
			t.Errorf("%s: woken %q, want a", row.sentence, woken)
		}
	}
}

func TestWhatIsKnownHoldsWhileTheListCanNotBeHad(t *testing.T) {
	t.Parallel()
	c, s, d := newCA(t, "ca", nil), newSite(t), newDesk(t)
	q := Query{Certificate: c.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}}
	old := c.list(t, start.Add(-time.Hour), nil, nil)
	s.put(c.list(t, start, map[int64]int{7: 6}, nil))
	d.Look("a", q)
	d.fetchAll()
	revoked := Answer{Revoked: true, At: start.Add(-time.Hour), Reason: 6}
	d.want("a", q, true, revoked)
	s.put(nil)
	pauses := []time.Duration{24 * time.Hour, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute}
	for i, want := range pauses {
		_, pause := d.next()
		if pause != want {
			t.Errorf("pause %d is %s, want %s", i, pause, want)
		}
		d.advance(pause)
		d.fetchAll()
		d.want("a", q, true, revoked)
	}
	s.put(old)
	d.advance(mostAge)
	d.fetchAll()
	d.want("a", q, true, revoked) // an old list is no news
	s.put(c.list(t, start.Add(48*time.Hour), nil, nil))
	d.wokenNow()
	d.advance(mostAge)
	d.fetchAll()
	d.want("a", q, true, Answer{}) // it was a hold
	if woken := d.wokenNow(); woken != "a" {
		t.Errorf("woken %q, want a", woken)
	}
}

func TestWhoAsksNoMoreIsForgotten(t *testing.T) {
	t.Parallel()
	c, s, d := newCA(t, "ca", nil), newSite(t), newDesk(t)
	s.put(c.list(t, start, map[int64]int{7: 1}, nil))
	q := Query{Certificate: c.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}}
	d.Look("a", q)
	d.fetchAll()
	d.Forget("a")
	d.Forget("a")
	if len(d.sources) != 0 || len(d.asked) != 0 || d.entries != 0 {
		t.Errorf("%d sources, %d askers, %d entries are kept", len(d.sources), len(d.asked), d.entries)
	}
	d.Look("a", q)
	d.Look("a", Query{Certificate: c.issue(t, 8), Issuers: []*x509.Certificate{c.cert}}) // another one, without a list
	if len(d.sources) != 0 {
		t.Errorf("%d sources are kept", len(d.sources))
	}
	// Forgotten while it is fetched.
	d.Look("a", q)
	being, _ := d.next()
	d.Forget("a")
	d.refresh(t.Context(), being)
	if len(d.sources) != 0 || d.entries != 0 {
		t.Errorf("%d sources, %d entries are kept", len(d.sources), d.entries)
	}
}

func TestWhoWantsToKnowIsWokenAlsoIfNothingIsRevoked(t *testing.T) {
	t.Parallel()
	c, s, d := newCA(t, "ca", nil), newSite(t), newDesk(t)
	s.put(c.list(t, start, nil, nil))
	d.Look("a", Query{Certificate: c.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}, Wake: true})
	d.Look("b", Query{Certificate: c.issue(t, 8, s.URL), Issuers: []*x509.Certificate{c.cert}})
	d.fetchAll()
	if woken := d.wokenNow(); woken != "a" {
		t.Errorf("woken %q, want a", woken)
	}
}

// Somebody with a CA of their own can name the list of another CA, and learns
// and changes nothing.
func TestTheAddressOfAnotherCAsListIsNoUse(t *testing.T) {
	t.Parallel()
	c, other, s, d := newCA(t, "ca", nil), newCA(t, "ca", nil), newSite(t), newDesk(t)
	s.put(c.list(t, start, map[int64]int{7: 1}, nil))
	d.Look("theirs", Query{Certificate: other.issue(t, 7, s.URL), Issuers: []*x509.Certificate{other.cert}})
	d.Look("ours", Query{Certificate: c.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}})
	d.fetchAll()
	if woken := d.wokenNow(); woken != "ours" {
		t.Errorf("woken %q, want ours", woken)
	}
	// Nor does it help to claim an issuer that has not signed.
	d.want("false", Query{Certificate: other.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}}, false, Answer{})
}

func TestTheNextAddressIsTriedWhenOneFails(t *testing.T) {
	t.Parallel()
	c, broken, s, d := newCA(t, "ca", nil), newSite(t), newSite(t), newDesk(t)
	s.put(c.list(t, start, map[int64]int{7: 0}, nil))
	d.Look("a", Query{Certificate: c.issue(t, 7, "ldap://ldap.example.com/cn=ca", broken.URL, s.URL), Issuers: []*x509.Certificate{c.cert}})
	d.fetchAll()
	if woken := d.wokenNow(); woken != "a" {
		t.Errorf("woken %q, want a", woken)
	}
}

func TestStartFetchesInTheBackgroundAndEnds(t *testing.T) {
	t.Parallel()
	c, s := newCA(t, "ca", nil), newSite(t)
	s.put(c.list(t, start, map[int64]int{7: 1}, nil))
	woken := make(chan string, 1)
	l := New(Config{Clock: func() time.Time { return start }}, func(_ context.Context, key string) { woken <- key })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Start(ctx) }()
	l.Look("a", Query{Certificate: c.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}})
	if key := <-woken; key != "a" {
		t.Errorf("woken %q", key)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c, s, d := newCA(t, "ca", nil), newSite(t), newDesk(t)
	s.put(c.list(t, start, map[int64]int{7: 1}, nil))
	d.entries = maxEntries
	q := Query{Certificate: c.issue(t, 7, s.URL), Issuers: []*x509.Certificate{c.cert}}
	d.Look("a", q)
	d.fetchAll()
	d.want("a", q, false, Answer{})
	for i := range maxLists {
		d.sources[sourceID{addresses: fmt.Sprint(i)}] = &source[string]{fetching: true}
	}
	d.want("b", Query{Certificate: c.issue(t, 7, s.URL+"/b"), Issuers: []*x509.Certificate{c.cert}}, false, Answer{})
	if !d.overfull() {
		t.Error("that is not told")
	}
}
