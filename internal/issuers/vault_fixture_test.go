package issuers

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/vaultserver"
)

// testClock is a clock that a test sets.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// serviceAccounts are such, as an API server gives tokens of them. It is a
// client that can do nothing else.
type serviceAccounts struct {
	client.Client

	names  []string // namespace/name
	refuse error

	mu   sync.Mutex
	last authenticationv1.TokenRequestSpec
}

func (a *serviceAccounts) SubResource(name string) client.SubResourceClient {
	if name != "token" {
		return nil
	}
	return tokenClient{accounts: a}
}

type tokenClient struct {
	client.SubResourceClient

	accounts *serviceAccounts
}

// Create makes a token that says in plain text whose it is.
func (c tokenClient) Create(_ context.Context, account, request client.Object, _ ...client.SubResourceCreateOption) error {
	a := c.accounts
	if a.refuse != nil {
		return a.refuse
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range a.names {
		if name != account.GetNamespace()+"/"+account.GetName() {
			continue
		}
		tokens := request.(*authenticationv1.TokenRequest)
		a.last = tokens.Spec
		text, err := json.Marshal(vaultserver.ServiceAccount{Namespace: account.GetNamespace(), Name: account.GetName(), Audiences: tokens.Spec.Audiences})
		tokens.Status.Token = string(text)
		return err
	}
	return apierrors.NewNotFound(schema.GroupResource{Resource: "serviceaccounts"}, account.GetName())
}

// review reads such a token, as Vault has the API server do.
func review(jwt string) (vaultserver.ServiceAccount, bool) {
	var account vaultserver.ServiceAccount
	return account, json.Unmarshal([]byte(jwt), &account) == nil
}

// vaultWorld is a Vault server with what an issuer needs to sign there.
type vaultWorld struct {
	*vaultserver.Server

	t        testing.TB
	clock    *testClock
	secrets  *testSecrets
	accounts *serviceAccounts
	signer   *vaultIssuers
	issuer   *cmv1.Issuer
}

// newVaultWorld has an issuer that logs in with an AppRole, unless a test
// changes it.
func newVaultWorld(t testing.TB, options ...vaultserver.Option) *vaultWorld {
	t.Helper()
	w := &vaultWorld{
		Server: vaultserver.New(t, options...), t: t, clock: &testClock{now: testNow}, secrets: newTestSecrets(),
		accounts: &serviceAccounts{names: []string{"shop/vault", "certwright/vault"}},
	}
	w.Now, w.TokenTTL, w.Policy = w.clock.Now, time.Hour, []string{vaultserver.SignPath, vaultserver.Mount + "/revoke"}
	w.Logins["/v1/auth/approle/login"] = vaultserver.AppRole("role-1", "s3cr3t-id")
	w.secrets.put("shop", "approle", map[string][]byte{"id": []byte("s3cr3t-id\n")})
	registry, _ := New(Config{
		Client: w.accounts, Secrets: w.secrets, ClusterResourceNamespace: "certwright", UserAgent: "certwright-test", Clock: w.clock.Now,
	})
	w.signer = registry.Vault.(*vaultIssuers)
	w.issuer = &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "vault", UID: "uid-vault", Generation: 1},
		Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Vault: &cmv1.VaultIssuer{
			Server: w.URL, Path: vaultserver.SignPath, CABundle: w.Roots,
			Auth: cmv1.VaultAuth{AppRole: &cmv1.VaultAppRole{Path: "approle", RoleId: "role-1", SecretRef: secretKey("approle", "id")}},
		}}},
	}
	return w
}

func secretKey(name, key string) cmmeta.SecretKeySelector {
	return cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name}, Key: key}
}

// edit changes the issuer as a person does.
func (w *vaultWorld) edit(change func(*cmv1.VaultIssuer)) {
	change(w.issuer.Spec.Vault)
	w.issuer.Generation++
}

func (w *vaultWorld) check(t testing.TB, issuer cmv1.GenericIssuer) lifecycle.IssuerVerdict {
	t.Helper()
	verdict, err := w.signer.Check(t.Context(), issuer, w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

func (w *vaultWorld) request(t testing.TB, names ...string) Input {
	t.Helper()
	in := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: names})
	in.Issuer, in.Now = w.issuer, w.clock.Now()
	return in
}

// issue has a certificate signed, and checks that it is one of the server.
func (w *vaultWorld) issue(t testing.TB) *x509.Certificate {
	t.Helper()
	in := w.request(t, "www.example.com")
	got := issued(t, sign(t, w.signer, in))
	chain := decodeChain(t, got.Chain)
	if err := chain[0].CheckSignatureFrom(chain[1]); err != nil {
		t.Error(err)
	}
	return chain[0]
}

func (w *vaultWorld) pending(t testing.TB) lifecycle.OutcomePending {
	t.Helper()
	outcome := sign(t, w.signer, w.request(t, "www.example.com"))
	pending, ok := outcome.(lifecycle.OutcomePending)
	if !ok {
		t.Fatalf("outcome %#v, want it to wait", outcome)
	}
	return pending
}

// expectRequests compares how often each endpoint has been asked. What is not
// named was not asked for.
func (w *vaultWorld) expectRequests(t testing.TB, when, want string) {
	t.Helper()
	if got := w.asked(); got != want {
		t.Errorf("%s: requests %q, want %q", when, got, want)
	}
}

// asked is what has been asked for since the last time, in a word for each.
func (w *vaultWorld) asked() string {
	counts := w.Requests()
	var words []string
	for _, endpoint := range []struct{ suffix, word string }{
		{"/login", "login"}, {"/lookup-self", "lookup"}, {"/renew-self", "renew"}, {"/health", "health"}, {"/sign/web", "sign"}, {"/revoke", "revoke"},
	} {
		for path, n := range counts {
			if strings.HasSuffix(path, endpoint.suffix) {
				for range n {
					words = append(words, endpoint.word)
				}
				delete(counts, path)
			}
		}
	}
	for path := range counts {
		words = append(words, path)
	}
	return strings.Join(words, " ")
}
