package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// standIn is a server with a handler, and a client of it.
func standIn(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := New(Config{Server: server.URL + "/behind", UserAgent: "certwright-test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPathOfTheServerGoesBeforeThatOfTheAPI(t *testing.T) {
	t.Parallel()
	c := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/behind/v1/auth/token/lookup-self" || r.Header.Get("User-Agent") != "certwright-test" {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, `{"data":{"ttl":60,"renewable":true}}`)
	})
	token, err := c.Lookup(t.Context(), "t")
	if want := (Token{Value: "t", TTL: time.Minute, Renewable: true}); token != want || err != nil {
		t.Errorf("token %#v, error %v", token, err)
	}
}

func TestStandbyNodeSendsToTheActiveOne(t *testing.T) {
	t.Parallel()
	active := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("X-Vault-Token") != "t" {
			w.WriteHeader(http.StatusForbidden)
		}
		fmt.Fprint(w, `{"auth":{"client_token":"t","lease_duration":60}}`)
	}))
	t.Cleanup(active.Close)
	c := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, active.URL+strings.TrimPrefix(r.URL.Path, "/behind"), http.StatusTemporaryRedirect)
	})
	if _, err := c.Renew(t.Context(), "t"); err != nil {
		t.Error(err)
	}
}

func TestTokenDoesNotGoFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request went on without TLS") }))
	t.Cleanup(plain.Close)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c.http.Transport = server.Client().Transport
	_, err = c.Renew(t.Context(), "t")
	if e, ok := errors.AsType[*Error](err); !ok || e.Status != http.StatusTemporaryRedirect || !IsPassing(err) {
		t.Errorf("error %v", err)
	}
}

func TestErrorsHoldNoSecretsAndNothingThatChanges(t *testing.T) {
	t.Parallel()
	c := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"errors":["2 errors occurred:\n\t* no user jwt.s3cr3t at 10.0.0.1:41234->10.0.0.2:8200\n\t* dial 10.0.0.3:8200 of 6f3e0a52-0a1b-4a57-9df5-0f4c4f5a5b10\n\n","-----BEGIN RSA PRIVATE KEY----- s3cr3t"]}`)
	})
	_, err := c.Login(t.Context(), Kubernetes("/v1/auth/kubernetes", "issuer", "jwt.s3cr3t"))
	const want = "log in: Vault at 127.0.0.1 answered 403 Forbidden: no user ... at 10.0.0.2; dial 10.0.0.3 of; ..."
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	token := Token{Value: "s3cr3t"}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(format, token); strings.Contains(text, "s3cr3t") {
			t.Errorf("%s prints %q", format, text)
		}
	}
}

func TestAnswersOfNoUseSaySo(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence, answer string
		ask              func(context.Context, *Client) error
		want             string
		passing          bool
	}{
		{"something else that answers", "<html>", func(ctx context.Context, c *Client) error { _, err := c.Lookup(ctx, "t"); return err },
			"look up token: Vault at 127.0.0.1 answered 200 OK: the answer is not JSON: is this a Vault server?", true},
		{"a login with a second factor", `{"auth":{"client_token":"","mfa_requirement":{}}}`, func(ctx context.Context, c *Client) error {
			_, err := c.Login(ctx, AppRole("approle", "a", "b"))
			return err
		}, errNoToken.Error(), false},
		{"an endpoint that does not sign", `{"data":{"keys":[]}}`, func(ctx context.Context, c *Client) error {
			_, err := c.Sign(ctx, "t", "pki/certs", SignRequest{})
			return err
		}, "sign certificate: Vault answered without a certificate: see that the path is that of a sign endpoint, such as pki/sign/my-role", false},
		{"a token without data", `{}`, func(ctx context.Context, c *Client) error { _, err := c.Lookup(ctx, "t"); return err }, "look up token: the answer of Vault has no data", false},
	}
	for _, row := range rows {
		c := standIn(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, row.answer) })
		err := row.ask(t.Context(), c)
		if err == nil || err.Error() != row.want || IsPassing(err) != row.passing {
			t.Errorf("%s: error %v, passing %t; want %q", row.sentence, err, IsPassing(err), row.want)
		}
	}
}

func TestServerThatDoesNotAnswerIsPassing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := New(Config{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Health(t.Context())
	if want := "check health: no answer from Vault at 127.0.0.1: connection refused"; err == nil || err.Error() != want || !IsPassing(err) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func FuzzAnswersOfVaultAreRead(f *testing.F) {
	for _, seed := range []string{
		`{"auth":{"client_token":"t","lease_duration":9223372036854775807,"renewable":true}}`, `{"errors":["a\n\t* b"]}`, `{"data":{"certificate":"c","ca_chain":null}}`, `[]`, ``,
	} {
		f.Add(seed, http.StatusOK)
		f.Add(seed, http.StatusForbidden)
	}
	f.Fuzz(func(t *testing.T, content string, status int) {
		if status < 200 || status > 599 {
			status = http.StatusOK
		}
		c := &Client{base: &url.URL{Scheme: "http", Host: "vault"}, http: &http.Client{CheckRedirect: mayFollow, Transport: canned{content, status}}}
		token, err := c.Login(t.Context(), AppRole("approle", "a", "s3cr3t"))
		if err == nil && (token.Value == "" || token.TTL < 0) {
			t.Errorf("token %q for %s", token.Value, token.TTL)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cr3t") || strings.ContainsAny(err.Error(), "\n\r\t")) {
			t.Errorf("error %q", err)
		}
		if issued, err := c.Sign(t.Context(), "t", "pki/sign/a", SignRequest{}); err == nil && issued.Certificate == "" {
			t.Error("no certificate and no error")
		}
	})
}

// canned answers everything alike.
type canned struct {
	content string
	status  int
}

func (a canned) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.WriteHeader(a.status)
	fmt.Fprint(w, a.content)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}
