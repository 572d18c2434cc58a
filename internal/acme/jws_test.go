package acme

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/asn1"
	"io"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequestsAreSignedByEveryKindOfKey(t *testing.T) {
	t.Parallel()
	p256, err := GenerateAccountKey(KeyECDSAP256)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := GenerateAccountKey(KeyECDSAP384)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{
		"ES256": p256, "ES384": p384, "RS256": rsa2048, "held by a device": remoteKey{p256},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := newTestClient(t, func(c *Config) { c.Key = key })
			s.key = key.Public()
			s.on("/order/1", reply{body: `{"status":"pending"}`})
			for range 20 { // an ECDSA signature has a short r or s once in 128 times
				if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// remoteKey hides what kind of key it is, like one in a key service.
type remoteKey struct{ crypto.Signer }

func TestKeyThatReturnsNonsenseIsNotUsed(t *testing.T) {
	t.Parallel()
	zero, err := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(0), big.NewInt(1)})
	if err != nil {
		t.Fatal(err)
	}
	long, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).Lsh(big.NewInt(1), 300), big.NewInt(1)})
	if err != nil {
		t.Fatal(err)
	}
	public := testKey(t).Public().(*ecdsa.PublicKey)
	for name, signature := range map[string][]byte{"not ASN.1": []byte("signature"), "r is zero": zero, "r is too long": long} {
		c, s := newTestClient(t, func(c *Config) { c.Key = brokenKey{public, signature} })
		if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err == nil {
			t.Errorf("%s: signature was taken", name)
		}
		if got := len(s.requests("/order/1")); got != 0 {
			t.Errorf("%s: %d requests were sent", name, got)
		}
	}
}

type brokenKey struct {
	public    *ecdsa.PublicKey
	signature []byte
}

func (k brokenKey) Public() crypto.PublicKey { return k.public }
func (k brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return k.signature, nil
}

func TestPayloadsAreExactlyWhatTheProtocolWants(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	challenge := s.expand(`{"type":"http-01","url":"$URL/challenge/1","status":"processing","token":"abc"}`)
	authorization := `{"status":"deactivated","identifier":{"type":"dns","value":"a.example"}}`
	order := `{"status":"pending"}`
	account := `{"status":"valid"}`
	s.on("/order/1", reply{body: order})
	s.on("/finalize/1", reply{body: order})
	s.on("/challenge/1", reply{body: challenge})
	s.on("/authz/1", reply{body: authorization})
	s.on("/account/1", reply{body: account})
	s.on("/new-account", reply{status: 201, body: account, header: map[string]string{"Location": "/account/1"}})
	s.on("/new-order", reply{status: 201, body: order, header: map[string]string{"Location": s.URL + "/order/1"}})

	ctx := t.Context()
	for _, step := range []struct {
		name    string
		do      func() error
		payload string
	}{
		{"look for account", func() error {
			_, err := c.NewAccount(ctx, AccountRequest{OnlyReturnExisting: true})
			return err
		}, `{"onlyReturnExisting":true}`},
		{"create account", func() error {
			_, err := c.NewAccount(ctx, AccountRequest{Contact: []string{MailContact("a@b.example")}, TermsAgreed: true})
			return err
		}, `{"contact":["mailto:a@b.example"],"termsOfServiceAgreed":true}`},
		{"get account", func() error { _, err := c.GetAccount(ctx); return err }, ""},
		{"remove contacts", func() error { _, err := c.UpdateAccount(ctx, nil); return err }, `{"contact":[]}`},
		{"create plain order", func() error {
			_, err := c.NewOrder(ctx, OrderRequest{Identifiers: []Identifier{{IdentifierDNS, "a.example"}}})
			return err
		}, `{"identifiers":[{"type":"dns","value":"a.example"}]}`},
		{"create full order", func() error {
			_, err := c.NewOrder(ctx, OrderRequest{
				Identifiers: []Identifier{{IdentifierIP, "192.0.2.1"}}, NotAfter: testNow, Profile: "shortlived", Replaces: "a.b",
			})
			return err
		}, `{"identifiers":[{"type":"ip","value":"192.0.2.1"}],"notAfter":"2026-11-23T10:00:00Z","profile":"shortlived","replaces":"a.b"}`},
		{"get order", func() error { _, err := c.GetOrder(ctx, s.URL+"/order/1"); return err }, ""},
		{"get authorization", func() error { _, err := c.GetAuthorization(ctx, s.URL+"/authz/1"); return err }, ""},
		{"deactivate", func() error { _, err := c.DeactivateAuthorization(ctx, s.URL+"/authz/1"); return err }, `{"status":"deactivated"}`},
		{"get challenge", func() error { _, err := c.GetChallenge(ctx, s.URL+"/challenge/1"); return err }, ""},
		{"accept challenge", func() error { _, err := c.AcceptChallenge(ctx, s.URL+"/challenge/1"); return err }, `{}`},
		{"finalize", func() error { _, err := c.Finalize(ctx, s.URL+"/finalize/1", []byte{0xff, 0xfe}); return err }, `{"csr":"__4"}`},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		all := s.requests("")
		if diff := cmp.Diff(step.payload, all[len(all)-1].payload); diff != "" {
			t.Errorf("%s: payload (-want +got):\n%s", step.name, diff)
		}
	}
	for _, r := range s.requests("") {
		if r.method == "POST" && r.embeddedKey != (r.path == "/new-account") {
			t.Errorf("POST %s: jwk sent: %v; only newAccount sends the key itself", r.path, r.embeddedKey)
		}
		if r.header.Get("User-Agent") != "certwright" || r.header.Get("Accept-Language") == "" {
			t.Errorf("%s %s: headers %v", r.method, r.path, r.header)
		}
	}
}
