package acme

import (
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCertificateIDOfTheExampleInRFC9773(t *testing.T) {
	t.Parallel()
	certificate := &x509.Certificate{
		AuthorityKeyId: []byte{0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4},
		SerialNumber:   big.NewInt(0x87654321),
	}
	if got, err := CertificateID(certificate); err != nil || got != "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE" {
		t.Errorf("id = %q, %v", got, err)
	}
	for name, broken := range map[string]*x509.Certificate{
		"no authority": {SerialNumber: big.NewInt(1)},
		"no serial":    {AuthorityKeyId: []byte{1}},
		"zero serial":  {AuthorityKeyId: []byte{1}, SerialNumber: new(big.Int)},
	} {
		if got, err := CertificateID(broken); err == nil {
			t.Errorf("%s: id = %q, want an error", name, got)
		}
	}
}

func TestRenewalInfoIsReadAlsoWhenItsWindowIsPast(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t, func(c *Config) { c.Key = nil })
	s.on("/renewal/a.b", reply{header: map[string]string{"Retry-After": "21600"}, body: `{
		"suggestedWindow": {"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T00:00:01Z"}, "explanationURL": "https://ca.example/incident"}`})
	got, err := c.RenewalInfo(t.Context(), "a.b")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	want := &RenewalInfo{Start: start, End: start.Add(time.Second), ExplanationURL: "https://ca.example/incident", RetryAfter: testNow.Add(6 * time.Hour)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("renewal info (-want +got):\n%s", diff)
	}
}

func TestRenewalInfoWithoutAWindowIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"2026-11-01T00:00:00Z"}}`, `{"suggestedWindow":{"start":"soon","end":"later"}}`,
		`{"suggestedWindow":{"end":"2026-11-01T00:00:00Z"}}`,
	} {
		c, s := newTestClient(t)
		s.on("/renewal/a.b", reply{body: body})
		if got, err := c.RenewalInfo(t.Context(), "a.b"); err == nil {
			t.Errorf("%s: read as %+v", body, got)
		}
	}
}

func TestServerWithoutRenewalInfoSaysSo(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/directory", reply{body: s.expand(`{"newNonce":"$URL/n","newAccount":"$URL/a","newOrder":"$URL/o"}`)})
	if _, err := c.RenewalInfo(t.Context(), "a.b"); !errors.Is(err, ErrNoRenewalInfo) {
		t.Errorf("error %v, want ErrNoRenewalInfo", err)
	}
}
