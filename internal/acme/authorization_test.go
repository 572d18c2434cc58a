package acme

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAuthorizationIsReadWithoutUnusableChallenges(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/authz/1", reply{header: map[string]string{"Retry-After": "7"}, body: s.expand(`{
		"status": "invalid", "identifier": {"type":"dns","value":"a.example"}, "wildcard": true, "expires": "2026-11-24T10:00:00Z",
		"challenges": [
			{"type":"dns-persist-01","url":"$URL/c/1","status":"pending","issuer-domain-names":["ca.example"]},
			{"type":"http-01","url":"$URL/c/2","status":"pending","token":"../../etc/passwd"},
			{"type":"http-01","url":"$URL/c/3","status":"pending"},
			{"type":"tls-alpn-01","url":"/relative","status":"pending","token":"abc"},
			{"type":"odd-01","url":["$URL/c/5"],"status":1},
			"nonsense", null,
			{"type":"dns-01","url":"$URL/c/6","status":"invalid","token":"ab-_9","validated":"2026-11-23T09:00:00Z",
			 "error":{"type":"urn:ietf:params:acme:error:dns","detail":"NXDOMAIN looking up TXT for _acme-challenge.a.example","status":400}}
		]
	}`)})
	got, err := c.GetAuthorization(t.Context(), s.URL+"/authz/1")
	if err != nil {
		t.Fatal(err)
	}
	wildcard := &Identifier{IdentifierDNS, "*.a.example"}
	want := &Authorization{
		URL: s.URL + "/authz/1", Identifier: Identifier{IdentifierDNS, "a.example"}, Status: StatusInvalid, Wildcard: true,
		Expires: testNow.Add(24 * time.Hour), RetryAfter: testNow.Add(7 * time.Second),
		Challenges: []Challenge{
			{URL: s.URL + "/c/1", Type: "dns-persist-01", Status: StatusPending},
			{URL: s.URL + "/c/6", Type: ChallengeDNS01, Status: StatusInvalid, Token: "ab-_9", Validated: testNow.Add(-time.Hour), Error: &Problem{
				Type: typePrefix + "dns", Detail: "NXDOMAIN looking up TXT for _acme-challenge.a.example", Status: 400, Identifier: wildcard,
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("authorization (-want +got):\n%s", diff)
	}
	if got.Name() != "*.a.example" || got.Challenge(ChallengeHTTP01) != nil || got.Challenge(ChallengeDNS01).URL != s.URL+"/c/6" {
		t.Errorf("name %q, challenges %v %v", got.Name(), got.Challenge(ChallengeHTTP01), got.Challenge(ChallengeDNS01))
	}
	if got, want := Summary(got.Problem()), "*.a.example: NXDOMAIN looking up TXT for _acme-challenge.a.example (dns)"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
}

func TestAuthorizationWithoutStateOrIdentifierIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"identifier":{"type":"dns","value":"a.example"}}`, `{"status":"pending"}`, `{"status":"pending","challenges":{}}`} {
		c, s := newTestClient(t)
		s.on("/authz/1", reply{body: body})
		if got, err := c.GetAuthorization(t.Context(), s.URL+"/authz/1"); err == nil {
			t.Errorf("%s: read as %+v", body, got)
		}
	}
}

func TestAuthorizationWithoutAFailureHasNoProblem(t *testing.T) {
	t.Parallel()
	a := &Authorization{Challenges: []Challenge{{Type: ChallengeHTTP01}}, Identifier: Identifier{IdentifierDNS, "a.example"}}
	if got := a.Problem(); got != nil {
		t.Errorf("problem = %v", got)
	}
	if got := a.Name(); got != "a.example" {
		t.Errorf("name = %q", got)
	}
}

func TestChallengeKeepsTheTimeToAskAgain(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/c/1",
		reply{header: map[string]string{"Retry-After": "2"}, body: s.expand(`{"type":"http-01","url":"$URL/c/1","status":"processing","token":"abc","error":"odd"}`)},
		reply{body: `{"type":"http-01"}`},
	)
	got, err := c.AcceptChallenge(t.Context(), s.URL+"/c/1")
	if err != nil {
		t.Fatal(err)
	}
	want := &Challenge{URL: s.URL + "/c/1", Type: ChallengeHTTP01, Status: StatusProcessing, Token: "abc", RetryAfter: testNow.Add(2 * time.Second), Error: &Problem{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("challenge (-want +got):\n%s", diff)
	}
	if got, err := c.GetChallenge(t.Context(), s.URL+"/c/1"); err == nil {
		t.Errorf("a challenge without a URL was read as %+v", got)
	}
}
