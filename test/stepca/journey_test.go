package stepca

import (
	"crypto/rand"
	"crypto/x509"
	"net/netip"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
)

// account registers with a CA.
func (s *stepCA) account(t *testing.T, kind acme.KeyType) *acme.Client {
	t.Helper()
	key, err := acme.GenerateAccountKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	client, err := acme.New(acme.Config{DirectoryURL: s.directory, HTTPClient: s.http, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.NewAccount(t.Context(), acme.AccountRequest{OnlyReturnExisting: true}); !acme.IsAccountDoesNotExist(err) {
		t.Fatalf("account before it is made: %v", err)
	}
	account, err := client.NewAccount(t.Context(), acme.AccountRequest{Contact: []string{acme.MailContact("ops@example.com")}, TermsAgreed: true})
	if err != nil || account.Status != acme.StatusValid {
		t.Fatalf("account %+v, %v", account, err)
	}
	found, err := client.NewAccount(t.Context(), acme.AccountRequest{OnlyReturnExisting: true})
	if err != nil || found.URL != account.URL {
		t.Fatalf("found %+v, %v, want %s", found, err, account.URL)
	}
	return client.WithAccount(account.URL)
}

// issue goes the whole way of an order.
func (s *stepCA) issue(t *testing.T, client *acme.Client, request acme.OrderRequest) *x509.Certificate {
	t.Helper()
	order, err := client.NewOrder(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range order.Authorizations {
		s.prove(t, client, url)
	}
	if order, err = client.GetOrder(t.Context(), order.URL); err != nil || order.Status != acme.StatusReady {
		t.Fatalf("order %+v, %v, want it ready", order, err)
	}
	key := newKey(t)
	template := &x509.CertificateRequest{}
	for _, identifier := range order.Identifiers {
		if identifier.Type == acme.IdentifierIP {
			template.IPAddresses = append(template.IPAddresses, netip.MustParseAddr(identifier.Value).AsSlice())
			continue
		}
		template.DNSNames = append(template.DNSNames, identifier.Value)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	if order, err = client.Finalize(t.Context(), order.FinalizeURL, csr); err != nil || order.Status != acme.StatusValid {
		t.Fatalf("order %+v, %v, want it valid", order, err)
	}
	chain, err := client.Certificate(t.Context(), order.CertificateURL)
	if err != nil {
		t.Fatal(err)
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AddCert(s.root)
	for _, above := range chain.Certificates[1:] {
		options.Intermediates.AddCert(above)
	}
	if _, err := chain.Leaf().Verify(options); err != nil {
		t.Errorf("chain of %d: %v", len(chain.Certificates), err)
	}
	if !key.PublicKey.Equal(chain.Leaf().PublicKey) {
		t.Error("the certificate is for another key")
	}
	for _, identifier := range order.Identifiers {
		if err := chain.Leaf().VerifyHostname(identifier.Value); err != nil && identifier.Value[0] != '*' {
			t.Error(err)
		}
	}
	return chain.Leaf()
}

// prove proves control of one name: by DNS-01 if it is a wildcard, else by
// HTTP-01.
func (s *stepCA) prove(t *testing.T, client *acme.Client, authorizationURL string) {
	t.Helper()
	authorization, err := client.GetAuthorization(t.Context(), authorizationURL)
	if err != nil {
		t.Fatal(err)
	}
	kind := acme.ChallengeHTTP01
	if authorization.Wildcard {
		kind = acme.ChallengeDNS01
	}
	challenge := authorization.Challenge(kind)
	if challenge == nil {
		t.Fatalf("%s offers no %s", authorization.Name(), kind)
	}
	proof, err := client.KeyAuthorization(challenge.Token)
	if err != nil {
		t.Fatal(err)
	}
	s.web.add("http://"+authorization.Identifier.Value+"/.well-known/acme-challenge/"+challenge.Token, proof)
	s.web.add("_acme-challenge."+authorization.Identifier.Value, acme.DNS01Value(proof))
	if _, err := client.AcceptChallenge(t.Context(), challenge.URL); err != nil {
		t.Fatal(err)
	}
	if authorization, err = client.GetAuthorization(t.Context(), authorizationURL); err != nil || authorization.Status != acme.StatusValid {
		t.Fatalf("authorization %+v, %v, want it valid", authorization, err)
	}
}

func TestCertificateIsIssuedByACAOfAnotherMake(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, kind := range []acme.KeyType{acme.KeyECDSAP256, acme.KeyECDSAP384, acme.KeyRSA2048} {
		client := s.account(t, kind)
		s.issue(t, client, acme.OrderRequest{Identifiers: acme.IdentifiersFor([]string{"a.example.com", "*.example.com"}, nil)})
		s.issue(t, client, acme.OrderRequest{Identifiers: acme.IdentifiersFor(nil, []netip.Addr{netip.MustParseAddr("192.0.2.7")})})
	}
}

func TestEndOfLifeIsAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t)
	end := time.Now().Add(30 * time.Hour).Truncate(time.Second)
	leaf := s.issue(t, s.account(t, acme.KeyECDSAP256), acme.OrderRequest{Identifiers: acme.IdentifiersFor([]string{"a.example.com"}, nil), NotAfter: end})
	if difference := leaf.NotAfter.Sub(end).Abs(); difference > time.Minute {
		t.Errorf("it ends at %s, want %s", leaf.NotAfter, end)
	}
}

func TestWhatTheCADoesNotHaveIsKnown(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := s.account(t, acme.KeyECDSAP256)
	directory, err := client.Directory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if directory.RenewalInfo != "" || directory.Meta.Profiles != nil {
		t.Errorf("directory %+v: want neither renewal information nor profiles", directory)
	}
	key, err := acme.GenerateAccountKey(acme.KeyECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.KeyChange(t.Context(), key); !acme.IsKeyChangeUnsupported(err) {
		t.Errorf("change of the account key: %v, want that it is not supported", err)
	}
	// The old key stays the account's. A renewal says what it replaces, and that is passed over.
	leaf := s.issue(t, client, acme.OrderRequest{Identifiers: acme.IdentifiersFor([]string{"a.example.com"}, nil)})
	if id, err := acme.CertificateID(leaf); err == nil {
		s.issue(t, client, acme.OrderRequest{Identifiers: acme.IdentifiersFor([]string{"a.example.com"}, nil), Replaces: id, Profile: "shortlived"})
	}
}

func TestRefusalsOfTheCAAreClassed(t *testing.T) {
	t.Parallel()
	s := start(t)
	client := s.account(t, acme.KeyECDSAP256)
	now := time.Now()
	order, err := client.NewOrder(t.Context(), acme.OrderRequest{Identifiers: acme.IdentifiersFor([]string{"a.example.com"}, nil)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Finalize(t.Context(), order.FinalizeURL, []byte("no CSR")); acme.Classify(err, now).Kind == acme.Stalled {
		t.Errorf("finalize without a CSR: %v", err)
	}
	if _, err := client.GetOrder(t.Context(), order.URL+"x"); acme.Classify(err, now).Kind == acme.Stalled {
		t.Errorf("order that is none: %v", err)
	}
	account, err := client.DeactivateAccount(t.Context())
	if err != nil || account.Status != acme.StatusDeactivated {
		t.Fatalf("account %+v, %v", account, err)
	}
	// It has one answer, unauthorized, for this and for an order of another account: only the order can be given up.
	if _, err := client.GetOrder(t.Context(), order.URL); acme.Classify(err, now).Kind != acme.Failed {
		t.Errorf("request of a deactivated account: %v, want failed", err)
	}
}
