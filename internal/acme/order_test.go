package acme

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOrderIsReadInFull(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/order/1", reply{header: map[string]string{"Retry-After": "5"}, body: s.expand(`{
		"status": "invalid", "expires": "2026-11-24T10:00:00.5Z", "notBefore": "yesterday", "notAfter": "2026-12-01T00:00:00+02:00",
		"identifiers": [{"type":"dns","value":"a.example"},{"type":"ip","value":"2001:db8::1"}],
		"profile": "classic", "replaces": "a.b", "finalize": "$URL/finalize/1", "certificate": "not a URL",
		"authorizations": ["$URL/authz/1", "$URL/authz/2"], "someday": {"new": true},
		"error": {"type":"urn:ietf:params:acme:error:compound","detail":"2 failed","subproblems":[
			{"type":"urn:ietf:params:acme:error:caa","detail":"forbidden","identifier":{"type":"dns","value":"a.example"}}]}
	}`)})
	got, err := c.GetOrder(t.Context(), s.URL+"/order/1")
	if err != nil {
		t.Fatal(err)
	}
	want := &Order{
		URL: s.URL + "/order/1", Status: StatusInvalid,
		Expires:     time.Date(2026, 11, 24, 10, 0, 0, 500_000_000, time.UTC),
		NotAfter:    time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC),
		Identifiers: IdentifiersFor([]string{"a.example"}, []netip.Addr{netip.MustParseAddr("2001:db8::1")}),
		Profile:     "classic", Replaces: "a.b", FinalizeURL: s.URL + "/finalize/1",
		Authorizations: []string{s.URL + "/authz/1", s.URL + "/authz/2"},
		RetryAfter:     testNow.Add(5 * time.Second),
		Error: &Problem{Type: typePrefix + "compound", Detail: "2 failed", Subproblems: []Problem{
			{Type: typePrefix + "caa", Detail: "forbidden", Identifier: &Identifier{IdentifierDNS, "a.example"}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if got := Classify(got.Error, testNow); got.Kind != Failed {
		t.Errorf("class of an order's error = %v, want Failed", got)
	}
	if got, want := Summary(got.Error), "2 failed (compound); a.example: forbidden (caa)"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
}

func TestOrderWithoutWhatItsStateNeedsIsRefused(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no status":                     `{"finalize":"$URL/f"}`,
		"ready without finalize":        `{"status":"ready"}`,
		"valid without certificate":     `{"status":"valid","finalize":"$URL/f"}`,
		"valid with a file":             `{"status":"valid","certificate":"file:///etc/passwd"}`,
		"authorization of a wrong kind": `{"status":"pending","authorizations":["javascript:alert(1)"]}`,
	} {
		c, s := newTestClient(t)
		s.on("/order/1", reply{body: s.expand(body)})
		order, err := c.GetOrder(t.Context(), s.URL+"/order/1")
		if Classify(err, testNow).Kind != Retry || err == nil {
			t.Errorf("%s: %+v, %v, want an error to be retried", name, order, err)
		}
	}
}

func TestNewOrderTakesItsURLFromTheLocation(t *testing.T) {
	t.Parallel()
	for location, ok := range map[string]bool{"/order/1": true, "$URL/order/1": true, "": false, "mailto:a@b.example": false} {
		c, s := newTestClient(t)
		s.on("/new-order", reply{status: 201, body: `{"status":"pending"}`, header: map[string]string{"Location": s.expand(location)}})
		order, err := c.NewOrder(t.Context(), OrderRequest{})
		if (err == nil) != ok {
			t.Errorf("location %q: error %v", location, err)
		}
		if ok && order.URL != s.URL+"/order/1" {
			t.Errorf("location %q: URL %q", location, order.URL)
		}
	}
}

func TestFinalizeDoesWithoutALocation(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/finalize/1",
		reply{body: `{"status":"processing"}`},
		reply{body: `{"status":"processing"}`, header: map[string]string{"Location": s.URL + "/order/1", "Retry-After": "3"}},
	)
	for _, want := range []*Order{
		{Status: StatusProcessing},
		{Status: StatusProcessing, URL: s.URL + "/order/1", RetryAfter: testNow.Add(3 * time.Second)},
	} {
		got, err := c.Finalize(t.Context(), s.URL+"/finalize/1", []byte("csr"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	}
}

func TestAddressesAreWrittenInTheirCanonicalForm(t *testing.T) {
	t.Parallel()
	got := IdentifiersFor(nil, []netip.Addr{netip.MustParseAddr("2001:DB8:0::0:1"), netip.MustParseAddr("::ffff:192.0.2.1")})
	want := []Identifier{{IdentifierIP, "2001:db8::1"}, {IdentifierIP, "192.0.2.1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identifiers (-want +got):\n%s", diff)
	}
}
