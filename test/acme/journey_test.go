package acme_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net/netip"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/test/acme/testca"
)

// journey is one subscriber on the way to a certificate.
type journey struct {
	testing.TB
	ctx    context.Context //nolint:containedctx // a test's own, so that the steps read as sentences
	ca     *testca.CA
	client *acme.Client
}

// begin registers an account with a key of the given kind.
func begin(t testing.TB, ca *testca.CA, kind acme.KeyType) *journey {
	t.Helper()
	j := stranger(t, ca, kind)
	account := retry(j, func() (*acme.Account, error) {
		return j.client.NewAccount(j.ctx, acme.AccountRequest{Contact: []string{acme.MailContact("ops@example.com")}, TermsAgreed: true})
	})
	if account.Status != acme.StatusValid {
		t.Fatalf("account %+v, want a valid one", account)
	}
	j.client = j.client.WithAccount(account.URL)
	return j
}

// stranger has a key but no account.
func stranger(t testing.TB, ca *testca.CA, kind acme.KeyType) *journey {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	key, err := acme.GenerateAccountKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	client, err := acme.New(acme.Config{DirectoryURL: ca.DirectoryURL, HTTPClient: ca.HTTPClient, Key: key, UserAgent: "certwright/test"})
	if err != nil {
		t.Fatal(err)
	}
	return &journey{TB: t, ctx: ctx, ca: ca, client: client}
}

// retry does what a controller does with errors of class Retry: the same again, here at once. Any other error ends the test.
func retry[T any](j *journey, do func() (T, error)) T {
	j.Helper()
	for {
		result, err := do()
		switch {
		case err == nil:
			return result
		case acme.Classify(err, time.Now()).Kind != acme.Retry || j.ctx.Err() != nil:
			j.Fatal(err)
		}
	}
}

// poll asks until the answer is settled, or the journey's time is up. It pays no heed to RetryAfter.
func poll[T any](j *journey, do func() (T, error), settled func(T) bool) T {
	j.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		result := retry(j, do)
		if settled(result) {
			return result
		}
		select {
		case <-j.ctx.Done():
			j.Fatalf("not settled in time: %+v", result)
		case <-again.C:
		}
	}
}

// names makes identifiers of DNS names.
func names(list ...string) []acme.Identifier { return acme.IdentifiersFor(list, nil) }

func (j *journey) order(request acme.OrderRequest) *acme.Order {
	j.Helper()
	return retry(j, func() (*acme.Order, error) { return j.client.NewOrder(j.ctx, request) })
}

func (j *journey) getOrder(url string) *acme.Order {
	j.Helper()
	return retry(j, func() (*acme.Order, error) { return j.client.GetOrder(j.ctx, url) })
}

func (j *journey) authorization(url string) *acme.Authorization {
	j.Helper()
	return retry(j, func() (*acme.Authorization, error) { return j.client.GetAuthorization(j.ctx, url) })
}

// authorize proves control of every identifier of an order by HTTP-01, and returns the order when it is ready.
func (j *journey) authorize(order *acme.Order) *acme.Order {
	j.Helper()
	for _, url := range order.Authorizations {
		authorization := j.authorization(url)
		if authorization.Status == acme.StatusValid {
			continue // the server used one of an earlier order again, as it may
		}
		challenge := authorization.Challenge(acme.ChallengeHTTP01)
		if challenge == nil {
			j.Fatalf("%s offers no HTTP-01", url)
		}
		proof, err := j.client.KeyAuthorization(challenge.Token)
		if err != nil {
			j.Fatal(err)
		}
		j.ca.Challenges.AddHTTPOneChallenge(challenge.Token, proof)
		retry(j, func() (*acme.Challenge, error) { return j.client.AcceptChallenge(j.ctx, challenge.URL) })
		done := poll(j, func() (*acme.Authorization, error) { return j.client.GetAuthorization(j.ctx, url) },
			func(a *acme.Authorization) bool { return a.Status != acme.StatusPending })
		if done.Status != acme.StatusValid {
			j.Fatalf("authorization %s: %v", done.Status, done.Problem())
		}
		j.ca.Challenges.DeleteHTTPOneChallenge(challenge.Token)
	}
	return poll(j, func() (*acme.Order, error) { return j.client.GetOrder(j.ctx, order.URL) },
		func(o *acme.Order) bool { return o.Status != acme.StatusPending })
}

// settled waits until an order is valid or invalid.
func (j *journey) settled(orderURL string) *acme.Order {
	j.Helper()
	return poll(j, func() (*acme.Order, error) { return j.client.GetOrder(j.ctx, orderURL) },
		func(o *acme.Order) bool { return o.Status == acme.StatusValid || o.Status == acme.StatusInvalid })
}

// finalize sends a CSR for a fresh key, which it returns, and waits for the order to be valid.
func (j *journey) finalize(order *acme.Order) (*acme.Order, crypto.Signer) {
	j.Helper()
	csr, key := j.request(order)
	retry(j, func() (*acme.Order, error) { return j.client.Finalize(j.ctx, order.FinalizeURL, csr) })
	valid := j.settled(order.URL)
	if valid.Status != acme.StatusValid {
		j.Fatalf("order %s: %v", valid.Status, valid.Error)
	}
	return valid, key
}

// request makes a CSR for an order's identifiers.
func (j *journey) request(order *acme.Order) ([]byte, crypto.Signer) {
	j.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		j.Fatal(err)
	}
	template := &x509.CertificateRequest{}
	for _, identifier := range order.Identifiers {
		switch identifier.Type {
		case acme.IdentifierDNS:
			template.DNSNames = append(template.DNSNames, identifier.Value)
		case acme.IdentifierIP:
			template.IPAddresses = append(template.IPAddresses, netip.MustParseAddr(identifier.Value).AsSlice())
		}
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		j.Fatal(err)
	}
	return csr, key
}

// certificate fetches a valid order's chain and checks it: the key, the names, the way to the CA's root.
func (j *journey) certificate(order *acme.Order, key crypto.Signer) *acme.Chain {
	j.Helper()
	chain := retry(j, func() (*acme.Chain, error) { return j.client.Certificate(j.ctx, order.CertificateURL) })
	j.verify(chain, order, key, j.ca.Roots[0])
	return chain
}

func (j *journey) verify(chain *acme.Chain, order *acme.Order, key crypto.Signer, root *x509.Certificate) {
	j.Helper()
	if !chain.Leaf().PublicKey.(*ecdsa.PublicKey).Equal(key.Public()) {
		j.Error("the certificate is for another key")
	}
	for _, identifier := range order.Identifiers {
		if err := chain.Leaf().VerifyHostname(identifier.Value); err != nil {
			j.Error(err)
		}
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AddCert(root)
	for _, intermediate := range chain.Certificates[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	if _, err := chain.Leaf().Verify(options); err != nil {
		j.Errorf("chain does not lead to %s: %v", root.Subject, err)
	}
	if got, want := chain.TopIssuer(), root.Subject.CommonName; got != want {
		j.Errorf("top issuer = %q, want %q", got, want)
	}
}

// issue goes the whole way.
func (j *journey) issue(request acme.OrderRequest) *acme.Chain {
	j.Helper()
	ready := j.authorize(j.order(request))
	if ready.Status != acme.StatusReady {
		j.Fatalf("order %s: %v", ready.Status, ready.Error)
	}
	valid, key := j.finalize(ready)
	return j.certificate(valid, key)
}
