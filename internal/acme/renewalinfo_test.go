package acme

import (
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
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
		`{"suggestedWindow":{"end":"2026-11-01T00:00:00Z"}}`, `{"suggestedWindow":{"start":"2026-11-01T00:00:00Z"}}`,
		`{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"2026-10-01T00:00:00Z"}}`,
		`{"suggestedWindow":{"start":"0001-11-01T00:00:00Z","end":"2026-10-01T00:00:00Z"}}`,
		`{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"9999-12-31T23:59:59-23:00"}}`, // the year 10000 in UTC
		`{"suggestedWindow":[]}`, `null`, `"soon"`, `[]`, ``,
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

func TestWindowThatEndsAfterItStartsIsEnough(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.UTC()
	}
	for name, c := range map[string]struct {
		document string
		want     RenewalInfo
	}{
		"of one nanosecond": {
			`{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"2026-11-01T00:00:00.000000001Z"}}`,
			RenewalInfo{Start: at("2026-11-01T00:00:00Z"), End: at("2026-11-01T00:00:00.000000001Z")},
		},
		"in another zone": {
			`{"suggestedWindow":{"start":"2026-11-01T01:00:00+02:00","end":"2026-11-01T00:00:00Z"}}`,
			RenewalInfo{Start: at("2026-10-31T23:00:00Z"), End: at("2026-11-01T00:00:00Z")},
		},
		"of a millennium": {
			`{"suggestedWindow":{"start":"1999-11-01T00:00:00Z","end":"9999-11-01T00:00:00Z"}}`,
			RenewalInfo{Start: at("1999-11-01T00:00:00Z"), End: at("9999-11-01T00:00:00Z")},
		},
		"with a page": {
			`{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"2026-11-02T00:00:00Z"},"explanationURL":"https://ca.example/incident"}`,
			RenewalInfo{Start: at("2026-11-01T00:00:00Z"), End: at("2026-11-02T00:00:00Z"), ExplanationURL: "https://ca.example/incident"},
		},
		"with a page that is none": {
			`{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"2026-11-02T00:00:00Z"},"explanationURL":{"see":"there"}}`,
			RenewalInfo{Start: at("2026-11-01T00:00:00Z"), End: at("2026-11-02T00:00:00Z")},
		},
		"with a page of more than fits": {
			`{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"2026-11-02T00:00:00Z"},"explanationURL":"https://ca.example/` + strings.Repeat("a", 600) + `"}`,
			RenewalInfo{Start: at("2026-11-01T00:00:00Z"), End: at("2026-11-02T00:00:00Z")},
		},
	} {
		got, err := ParseRenewalInfo([]byte(c.document))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(&c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is read can be stored, read again, and is a window.
func FuzzParseRenewalInfo(f *testing.F) {
	f.Add([]byte(`{"suggestedWindow":{"start":"2026-11-01T00:00:00Z","end":"2026-11-02T00:00:00Z"},"explanationURL":"https://ca.example/incident"}`))
	f.Add([]byte(`{"suggestedWindow":{"start":"9999-12-31T00:00:00-12:00","end":"9999-12-31T23:59:59-23:59"}}`))
	f.Add([]byte(`{"suggestedWindow":null,"explanationURL":1}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		info, err := ParseRenewalInfo(document)
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if !info.End.After(info.Start) {
			t.Errorf("window from %s to %s", info.Start, info.End)
		}
		for _, at := range []time.Time{info.Start, info.End} {
			again, err := time.Parse(time.RFC3339Nano, at.Format(time.RFC3339Nano))
			if err != nil || !again.Equal(at) {
				t.Errorf("%s is read again as %s, %v", at, again, err)
			}
		}
		if len(info.ExplanationURL) > maxExplanationURL {
			t.Errorf("a URL of %d bytes", len(info.ExplanationURL))
		}
	})
}
