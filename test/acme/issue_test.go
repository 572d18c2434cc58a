package acme_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/test/acme/testca"
)

func TestCertificateIsIssuedForEveryKindOfAccountKey(t *testing.T) {
	t.Parallel()
	ca := testca.Start(t, testca.Options{})
	for _, kind := range []acme.KeyType{acme.KeyECDSAP256, acme.KeyECDSAP384, acme.KeyRSA2048} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			begin(t, ca, kind).issue(acme.OrderRequest{Identifiers: names("a.example.com", "b.example.com")})
		})
	}
}

func TestCertificateIsIssuedForAnAddress(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	chain := j.issue(acme.OrderRequest{Identifiers: acme.IdentifiersFor(nil, []netip.Addr{netip.MustParseAddr("127.0.0.1")})})
	if got := chain.Leaf().IPAddresses; len(got) != 1 || got[0].String() != "127.0.0.1" {
		t.Errorf("addresses %v", got)
	}
}

func TestWildcardIsProvedByDNS(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	order := j.order(acme.OrderRequest{Identifiers: names("*.wild.example.com")})
	authorization := j.authorization(order.Authorizations[0])
	if got := authorization.Name(); got != "*.wild.example.com" {
		t.Errorf("name = %q", got)
	}
	if authorization.Challenge(acme.ChallengeHTTP01) != nil {
		t.Error("HTTP-01 is offered for a wildcard")
	}
	challenge := authorization.Challenge(acme.ChallengeDNS01)
	proof, err := j.client.KeyAuthorization(challenge.Token)
	if err != nil {
		t.Fatal(err)
	}
	j.ca.Challenges.AddDNSTXTRecord("_acme-challenge.wild.example.com.", acme.DNS01Value(proof))
	retry(j, func() (*acme.Challenge, error) { return j.client.AcceptChallenge(j.ctx, challenge.URL) })
	ready := poll(j, func() (*acme.Order, error) { return j.client.GetOrder(j.ctx, order.URL) },
		func(o *acme.Order) bool { return o.Status != acme.StatusPending })
	valid, key := j.finalize(ready)
	chain := j.certificate(valid, key)
	if diff := cmp.Diff([]string{"*.wild.example.com"}, chain.Leaf().DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestAlternateChainIsFoundAndPreferred(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	valid, key := j.finalize(j.authorize(j.order(acme.OrderRequest{Identifiers: names("alternate.example.com")})))
	first := j.certificate(valid, key)
	if len(first.Alternates) != 1 {
		t.Fatalf("alternates %v, want one", first.Alternates)
	}
	second := retry(j, func() (*acme.Chain, error) { return j.client.Certificate(j.ctx, first.Alternates[0]) })
	j.verify(second, valid, key, j.ca.Roots[1])
	chains, smallest := []*acme.Chain{first, second}, first
	if len(second.PEM) < len(first.PEM) {
		smallest = second
	}
	for preference, want := range map[string]*acme.Chain{"": first, "nobody": first, acme.SmallestChain: smallest, j.ca.Roots[0].Subject.CommonName: first, j.ca.Roots[1].Subject.CommonName: second} {
		if got := acme.PreferredChain(chains, preference); got != want {
			t.Errorf("preference %q picked the chain up to %q", preference, got.TopIssuer())
		}
	}
}

func TestProfileDecidesOnTheLife(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	directory := retry(j, func() (acme.Directory, error) { return j.client.Directory(j.ctx) })
	want := map[string]string{"classic": "https://ca.example/profiles/classic", "shortlived": "https://ca.example/profiles/shortlived"}
	if diff := cmp.Diff(want, directory.Meta.Profiles); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	for profile, life := range map[string]time.Duration{"classic": 90 * 24 * time.Hour, "shortlived": 160 * time.Hour} {
		leaf := j.issue(acme.OrderRequest{Identifiers: names("profile.example.com"), Profile: profile}).Leaf()
		if got := leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Hour); got != life {
			t.Errorf("%s: life of %v, want %v", profile, got, life)
		}
	}
	_, err := j.client.NewOrder(j.ctx, acme.OrderRequest{Identifiers: names("profile.example.com"), Profile: "gold"})
	if !acme.IsInvalidProfile(err) || acme.Classify(err, time.Now()).Kind != acme.Failed {
		t.Errorf("unknown profile: %v", err)
	}
}

func TestRenewalSaysWhatItReplacesOnce(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	request := acme.OrderRequest{Identifiers: names("renew.example.com"), Profile: "classic"}
	leaf := j.issue(request).Leaf()
	id, err := acme.CertificateID(leaf)
	if err != nil {
		t.Fatal(err)
	}
	info := retry(j, func() (*acme.RenewalInfo, error) { return j.client.RenewalInfo(j.ctx, id) })
	if info.Start.Before(leaf.NotBefore) || info.End.After(leaf.NotAfter) || info.RetryAfter.IsZero() {
		t.Errorf("renewal info %+v for a certificate from %v to %v", info, leaf.NotBefore, leaf.NotAfter)
	}
	renewal := request
	renewal.Replaces = id
	j.issue(renewal)

	// Pebble notes the replacement some time after the new certificate is there, and may not be asked meanwhile: it would race
	// with itself.
	if err := j.ca.WaitForLog(j.ctx, "has been marked as replaced"); err != nil {
		t.Fatal(err)
	}
	_, err = j.client.NewOrder(j.ctx, renewal)
	if !acme.IsReplacesRefused(err) || !acme.IsAlreadyReplaced(err) || acme.Classify(err, time.Now()).Kind != acme.Failed {
		t.Errorf("second renewal: %v", err)
	}
	j.order(request)
}

func TestFailedValidationEndsTheOrderAndSaysWhy(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	order := j.order(acme.OrderRequest{Identifiers: names("unproved.example.com")})
	challenge := j.authorization(order.Authorizations[0]).Challenge(acme.ChallengeHTTP01)
	retry(j, func() (*acme.Challenge, error) { return j.client.AcceptChallenge(j.ctx, challenge.URL) })
	failed := j.settled(order.URL)
	if failed.Status != acme.StatusInvalid {
		t.Fatalf("order %s, want invalid", failed.Status)
	}
	problem := j.authorization(order.Authorizations[0]).Problem()
	if problem == nil || acme.Classify(problem, time.Now()).Kind != acme.Failed {
		t.Fatalf("problem %v", problem)
	}
	// The order's own error and another try are about the same failure, with another token: the text is the same.
	again := j.order(acme.OrderRequest{Identifiers: names("unproved.example.com")})
	challenge = j.authorization(again.Authorizations[0]).Challenge(acme.ChallengeHTTP01)
	retry(j, func() (*acme.Challenge, error) { return j.client.AcceptChallenge(j.ctx, challenge.URL) })
	j.settled(again.URL)
	first, second := acme.Summary(problem), acme.Summary(j.authorization(again.Authorizations[0]).Problem())
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("summary differs between two failures of the same cause:\n%s", diff)
	}
	const want = `unproved.example.com: The key authorization file from the server did not match this challenge "[...].[...]" != "" (unauthorized)`
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestNameThatTheCARefusesIsNamed(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{Blocked: []string{"blocked.example.com"}}), acme.KeyECDSAP256)
	_, err := j.client.NewOrder(j.ctx, acme.OrderRequest{Identifiers: names("fine.example.com", "blocked.example.com")})
	if acme.Classify(err, time.Now()).Kind != acme.Failed {
		t.Errorf("class of %v", err)
	}
	const want = `create order: Order included an identifier for which issuance is forbidden by policy: "blocked.example.com" (rejectedIdentifier); ` +
		"blocked.example.com is a forbidden domain (rejectedIdentifier)"
	if diff := cmp.Diff(want, acme.Summary(err)); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestDeactivatedAuthorizationIsFinal(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	order := j.order(acme.OrderRequest{Identifiers: names("deactivated.example.com")})
	deactivated := retry(j, func() (*acme.Authorization, error) {
		return j.client.DeactivateAuthorization(j.ctx, order.Authorizations[0])
	})
	if deactivated.Status != acme.StatusDeactivated {
		t.Errorf("authorization %s, want deactivated", deactivated.Status)
	}
	if got := j.getOrder(order.URL).Status; got != acme.StatusInvalid {
		t.Errorf("order %s, want invalid", got)
	}
}

func TestWhatIsGoneIsNotFound(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	for name, ask := range map[string]func() error{
		"order":         func() error { _, err := j.client.GetOrder(j.ctx, j.ca.URL+testca.PathOrder+"none"); return err },
		"authorization": func() error { _, err := j.client.GetAuthorization(j.ctx, j.ca.URL+testca.PathAuthz+"none"); return err },
		"challenge": func() error {
			_, err := j.client.AcceptChallenge(j.ctx, j.ca.URL+testca.PathChallenge+"none")
			return err
		},
		"finalize": func() error {
			_, err := j.client.Finalize(j.ctx, j.ca.URL+testca.PathFinalize+"none", []byte("x"))
			return err
		},
		"certificate": func() error { _, err := j.client.Certificate(j.ctx, j.ca.URL+testca.PathCert+"none"); return err },
	} {
		if err := ask(); !acme.IsNotFound(err) || acme.Classify(err, time.Now()).Kind != acme.Failed {
			t.Errorf("%s: %v, want not found", name, err)
		}
	}
}

func TestFinalizeBeforeTheOrderIsReady(t *testing.T) {
	t.Parallel()
	j := begin(t, testca.Start(t, testca.Options{}), acme.KeyECDSAP256)
	order := j.order(acme.OrderRequest{Identifiers: names("early.example.com")})
	csr, _ := j.request(order)
	if _, err := j.client.Finalize(j.ctx, order.FinalizeURL, csr); !acme.IsOrderNotReady(err) {
		t.Errorf("error %v, want orderNotReady", err)
	}
}
