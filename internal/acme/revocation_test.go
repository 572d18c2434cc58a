package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// offerRevocation makes the server's directory name a resource for it.
func (s *scriptedServer) offerRevocation(path string) reply {
	return reply{body: s.expand(`{"newNonce":"$URL/nonce","newAccount":"$URL/new-account","newOrder":"$URL/new-order","revokeCert":"$URL` + path + `"}`)}
}

// certificateOf is a certificate for a key.
func certificateOf(t *testing.T, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"a.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestRevocationIsSignedByTheAccount(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/directory", s.offerRevocation("/revoke"))
	s.on("/revoke", reply{})
	certificate := certificateOf(t, testKey(t))
	encoded := base64.RawURLEncoding.EncodeToString(certificate.Raw)
	for reason, want := range map[int]string{0: `{"certificate":"` + encoded + `"}`, 4: `{"certificate":"` + encoded + `","reason":4}`} {
		if err := c.RevokeCertificate(t.Context(), RevocationRequest{Certificate: certificate, Reason: reason}); err != nil {
			t.Fatal(err)
		}
		asked := s.requests("/revoke")
		last := asked[len(asked)-1]
		if last.payload != want || last.keyID != c.AccountURL() || last.embeddedKey {
			t.Errorf("reason %d: payload %s, kid %q", reason, last.payload, last.keyID)
		}
	}
}

func TestRevocationIsSignedByTheKeyOfTheCertificate(t *testing.T) {
	t.Parallel()
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-256": testKey(t), "P-521": p521, "Ed25519": ed, "RSA": rsa2048} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The client has neither account nor key: both may be lost.
			c, s := newTestClient(t, func(c *Config) { c.Key, c.AccountURL = nil, "" })
			s.on("/directory", s.offerRevocation("/revoke"))
			var body string
			s.on("/revoke", reply{})
			s.verify = false
			c.http.Transport = tapped{c.http.Transport, &body}
			certificate := certificateOf(t, key)
			for range 5 {
				if err := c.RevokeCertificate(t.Context(), RevocationRequest{Certificate: certificate, Reason: 1, Key: key}); err != nil {
					t.Fatal(err)
				}
				object, err := jose.ParseSignedJSON(body, []jose.SignatureAlgorithm{jose.ES256, jose.ES512, jose.EdDSA, jose.RS256})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := object.Verify(key.Public()); err != nil {
					t.Fatalf("verify: %v", err)
				}
			}
			if asked := s.requests("/revoke")[0]; !asked.embeddedKey || asked.keyID != "" {
				t.Errorf("kid %q", asked.keyID)
			}
		})
	}
}

// tapped writes down the bodies of signed requests.
type tapped struct {
	next http.RoundTripper
	body *string
}

func (p tapped) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		text, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		sent, err := io.ReadAll(text)
		if err != nil {
			return nil, err
		}
		*p.body = string(sent)
	}
	return p.next.RoundTrip(r)
}

func TestRevocationIsNotAskedForWithAKeyThatCanNotSignIt(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/directory", s.offerRevocation("/revoke"))
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, request := range map[string]RevocationRequest{
		"the key is not that of the certificate": {Certificate: certificateOf(t, testKey(t)), Key: testKey(t)},
		"a key of this kind can not sign":        {Certificate: certificateOf(t, p224), Key: p224},
	} {
		if err := c.RevokeCertificate(t.Context(), request); err == nil || !strings.HasPrefix(err.Error(), "revoke certificate: "+name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := len(s.requests("/revoke")); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestAnswersToARevocationAreToldApart(t *testing.T) {
	t.Parallel()
	type told struct{ already, reason, unauthorized bool }
	for name, row := range map[string]struct {
		answer reply
		want   told
		class  Kind
	}{
		"revoked before":      {problemReply(http.StatusBadRequest, "alreadyRevoked", "x"), told{already: true}, Failed},
		"reason":              {problemReply(http.StatusBadRequest, "badRevocationReason", "x"), told{reason: true}, Failed},
		"account of another":  {problemReply(http.StatusForbidden, "unauthorized", "x"), told{unauthorized: true}, Failed},
		"account is gone":     {problemReply(http.StatusBadRequest, "accountDoesNotExist", "x"), told{unauthorized: true}, Stalled},
		"account deactivated": {problemReply(http.StatusForbidden, "unauthorized", "account is deactivated"), told{unauthorized: true}, Stalled},
		"a limit":             {problemReply(http.StatusTooManyRequests, "rateLimited", "x").with("Retry-After", "120"), told{}, Wait},
		"overload":            {problemReply(http.StatusServiceUnavailable, "rateLimited", "x").with("Retry-After", "5"), told{}, Wait},
		"trouble":             {problemReply(http.StatusInternalServerError, "serverInternal", "x"), told{}, Retry},
		"a page":              {reply{status: http.StatusForbidden, body: pageOfAProxy}, told{}, Retry},
		"not of this CA":      {problemReply(http.StatusNotFound, "malformed", "no such certificate"), told{}, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := newTestClient(t)
			s.on("/directory", s.offerRevocation("/revoke"))
			s.on("/revoke", row.answer)
			err := c.RevokeCertificate(t.Context(), RevocationRequest{Certificate: certificateOf(t, testKey(t))})
			if got := (told{IsAlreadyRevoked(err), IsRevocationReasonRefused(err), IsRevocationUnauthorized(err)}); got != row.want {
				t.Errorf("%v: told %+v, want %+v", err, got, row.want)
			}
			if got := Classify(err, testNow).Kind; got != row.class {
				t.Errorf("%v: class %s, want %s", err, got, row.class)
			}
		})
	}
	if IsRevocationUnauthorized(problemError(ActionGetOrder, http.StatusForbidden)) || IsRevocationUnauthorized(errors.New("x")) {
		t.Error("another failure was taken for it")
	}
}

func TestRevocationGoesWhereTheDirectorySaysNow(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/directory", s.offerRevocation("/old"), s.offerRevocation("/new"))
	s.on("/old", problemReply(http.StatusNotFound, "malformed", "no such resource"))
	s.on("/new", reply{})
	if err := c.RevokeCertificate(t.Context(), RevocationRequest{Certificate: certificateOf(t, testKey(t))}); err != nil {
		t.Fatal(err)
	}
	if len(s.requests("/old")) != 1 || len(s.requests("/new")) != 1 {
		t.Errorf("asked %d and %d times", len(s.requests("/old")), len(s.requests("/new")))
	}
}

func TestCAWithoutRevocationIsRecognised(t *testing.T) {
	t.Parallel()
	c, _ := newTestClient(t)
	if err := c.RevokeCertificate(t.Context(), RevocationRequest{Certificate: certificateOf(t, testKey(t))}); !errors.Is(err, ErrNoRevocation) {
		t.Errorf("error %v", err)
	}
}
