package issuers

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers/vault"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/vaultserver"
)

func TestVaultTokenIsRenewedBeforeItRunsOut(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.TokenMaxTTL = 3 * time.Hour
	verdict := w.check(t, w.issuer)
	w.expectRequests(t, "the first check", "login health")
	if want := testNow.Add(40 * time.Minute); !verdict.Wake.Equal(want) {
		t.Errorf("looked at again at %s, want %s", verdict.Wake, want)
	}
	w.clock.pass(39 * time.Minute)
	w.issue(t)
	w.expectRequests(t, "before two thirds of its life", "sign")
	w.clock.pass(time.Minute)
	w.issue(t)
	w.expectRequests(t, "after two thirds of its life", "renew sign")
	w.issue(t)
	w.expectRequests(t, "the next one", "sign")
	w.clock.pass(40 * time.Minute)
	w.check(t, w.issuer)
	w.expectRequests(t, "a check when it is due", "renew health")
	w.clock.pass(2 * time.Hour)
	w.issue(t)
	w.expectRequests(t, "a token that ran out unnoticed", "login sign")
	for range 5 { // up to the end of the longest life
		w.clock.pass(40 * time.Minute)
		w.issue(t)
	}
	if got := w.asked(); !strings.Contains(got, "login") {
		t.Errorf("at the end of the longest life: requests %q, want a login", got)
	}
}

func TestVaultTokenThatCanNotBeRenewedIsReplaced(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.NotRenewable = true
	w.issue(t)
	w.clock.pass(40 * time.Minute)
	w.issue(t)
	w.expectRequests(t, "two certificates", "login login sign sign")
}

func TestVaultTokenOutlivesARenewalThatFails(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.check(t, w.issuer)
	w.Requests()
	w.clock.pass(40 * time.Minute)
	w.Change(func(s *vaultserver.Server) { s.Broken = http.StatusInternalServerError })
	if verdict := w.check(t, w.issuer); verdict.Ready {
		t.Error("the issuer is ready while Vault is not")
	}
	w.expectRequests(t, "while Vault is down", "renew health")
	w.Change(func(s *vaultserver.Server) { s.Broken = 0 })
	w.clock.pass(30 * time.Second)
	w.issue(t)
	w.expectRequests(t, "less than a minute later", "sign")
	w.clock.pass(time.Minute)
	w.issue(t)
	w.expectRequests(t, "a minute later", "renew sign")
}

func TestVaultTokenWithFewUsesIsReplacedInTime(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.TokenUses = 2
	for range 4 {
		w.issue(t)
	}
	w.expectRequests(t, "four certificates", "login login sign sign sign sign")
}

func TestVaultLogsInAgainWhenItsTokenIsGone(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.issue(t)
	w.clock.pass(2 * time.Minute)
	w.RevokeTokens()
	w.issue(t)
	w.expectRequests(t, "a token that was revoked", "login login sign sign sign")
}

func TestVaultRoleThatForbidsIsNotALoginForEachRequest(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.Policy = nil
	for range 3 {
		outcome := sign(t, w.signer, w.request(t, "www.example.com"))
		want := lifecycle.OutcomeFailed{Reason: "SigningError", Message: "sign certificate: Vault at 127.0.0.1 answered 403 Forbidden: permission denied"}
		if diff := cmp.Diff(lifecycle.Outcome(want), outcome); diff != "" {
			t.Errorf("outcome (-want +got):\n%s", diff)
		}
	}
	w.expectRequests(t, "three certificates", "login sign sign sign")
	w.clock.pass(2 * time.Minute)
	w.Change(func(s *vaultserver.Server) { s.Policy = []string{vaultserver.SignPath} })
	w.issue(t)
	w.expectRequests(t, "after the policy was mended", "sign")
}

// given is a world whose issuer has a token in a Secret.
func given(t *testing.T) *vaultWorld {
	t.Helper()
	w := newVaultWorld(t)
	w.secrets.put("shop", "token", map[string][]byte{"token": []byte("hvs.s3cr3t")})
	ref := secretKey("token", "")
	w.edit(func(spec *cmv1.VaultIssuer) { spec.Auth = cmv1.VaultAuth{TokenSecretRef: &ref} })
	return w
}

func TestVaultTokenOfAPersonIsRenewedToo(t *testing.T) {
	t.Parallel()
	w := given(t)
	w.AddToken("hvs.s3cr3t", time.Hour, true)
	verdict := w.check(t, w.issuer)
	if want := testNow.Add(40 * time.Minute); !verdict.Ready || !verdict.Wake.Equal(want) {
		t.Errorf("verdict %+v, want it to wake at %s", verdict, want)
	}
	w.clock.pass(40 * time.Minute)
	w.check(t, w.issuer)
	w.clock.pass(40 * time.Minute)
	w.issue(t)
	w.expectRequests(t, "80 minutes with a token for 60", "lookup renew renew health health sign")
}

func TestVaultTokenThatRunsOutIsToldOf(t *testing.T) {
	t.Parallel()
	w := given(t)
	w.AddToken("hvs.s3cr3t", time.Hour, false)
	verdict := w.check(t, w.issuer)
	if want := vaultVerifiedMessage + "; the token runs out at 2026-11-24T09:00:00Z and can not be renewed"; !verdict.Ready || verdict.Message != want {
		t.Errorf("verdict %+v, want %q", verdict, want)
	}
	w.clock.pass(45 * time.Minute)
	w.issue(t)
	w.expectRequests(t, "while it is good", "lookup health sign")
	w.clock.pass(time.Hour)
	verdict = w.check(t, w.issuer)
	const want = "the token of tokenSecretRef is not valid, or not any more: look up token: Vault at 127.0.0.1 answered 403 Forbidden: permission denied; invalid token"
	if verdict.Ready || verdict.Message != want || verdict.Fault == nil || verdict.Fault.Kind != lifecycle.Retry {
		t.Errorf("verdict %+v, want %q", verdict, want)
	}
	if pending := w.pending(t); pending.Message != want+vaultRetried {
		t.Errorf("the request says %q", pending.Message)
	}
	w.AddToken("hvs.another", 0, false)
	w.secrets.put("shop", "token", map[string][]byte{"token": []byte("hvs.another")})
	if verdict := w.check(t, w.issuer); !verdict.Ready {
		t.Errorf("with another token: %+v", verdict)
	}
	w.issue(t)
}

func TestVaultTokenMayBeUnableToAskAboutItself(t *testing.T) {
	t.Parallel()
	w := given(t)
	w.AddSilentToken("hvs.s3cr3t")
	if verdict := w.check(t, w.issuer); !verdict.Ready || !verdict.Wake.IsZero() {
		t.Errorf("verdict %+v", verdict)
	}
	w.issue(t)
	w.expectRequests(t, "a check and a certificate", "lookup health sign")
}

func TestVaultIsAskedOnceForAllRequestsWhileItIsDown(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.Sealed = true
	const sealed = "log in: Vault at 127.0.0.1 answered 503 Service Unavailable: Vault is sealed" + vaultRetried
	var wg sync.WaitGroup
	for range 20 {
		in := w.request(t, "www.example.com")
		wg.Go(func() {
			outcome, err := w.signer.Sign(t.Context(), in)
			pending, waits := outcome.(lifecycle.OutcomePending)
			if err != nil || !waits || pending.Message != sealed || pending.Reason != cmv1.IssuerReasonVaultError || !pending.Wake.Equal(testNow.Add(5*time.Second)) {
				t.Errorf("outcome %#v, error %v", outcome, err)
			}
		})
	}
	wg.Wait()
	w.expectRequests(t, "twenty requests", "login")
	last := testNow
	for i := range 9 {
		pending := w.pending(t)
		pause := pending.Wake.Sub(last)
		if most := vaultBackoff.Most; pause > most || (i == 8 && pause != most) {
			t.Errorf("pause %d is %s, want up to %s", i, pause, most)
		}
		last = pending.Wake
		w.clock.pass(pause)
		w.pending(t)
	}
	w.Change(func(s *vaultserver.Server) { s.Sealed = false })
	w.clock.pass(vaultBackoff.Most)
	w.issue(t)
}

func TestVaultErrorsAreClassed(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		set      func(*vaultserver.Server)
		message  string
		final    bool
		pause    time.Duration
	}{
		{"a role that does not sign such names", func(s *vaultserver.Server) { s.Domain = "example.org" },
			"sign certificate: Vault at 127.0.0.1 answered 400 Bad Request: subject alternate name www.example.com not allowed by this role", true, 0},
		{"an error of the server", func(s *vaultserver.Server) { s.Broken = http.StatusInternalServerError },
			"sign certificate: Vault at 127.0.0.1 answered 500 Internal Server Error: internal error", false, 5 * time.Second},
		{"a rate limit", func(s *vaultserver.Server) { s.Broken, s.RetryAfter = http.StatusTooManyRequests, "60" },
			"sign certificate: Vault at 127.0.0.1 answered 429 Too Many Requests: internal error", false, time.Minute},
		{"a secondary", func(s *vaultserver.Server) { s.Broken = 472 }, "sign certificate: Vault at 127.0.0.1 answered 472: internal error", false, 5 * time.Second},
		{"no such engine", func(s *vaultserver.Server) { s.Broken = http.StatusNotFound }, "sign certificate: Vault at 127.0.0.1 answered 404 Not Found: internal error", true, 0},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			w := newVaultWorld(t)
			w.check(t, w.issuer)
			w.Change(row.set)
			want := lifecycle.Outcome(lifecycle.OutcomeFailed{Reason: cmv1.CertificateRequestEventSigningError, Message: row.message})
			if !row.final {
				want = lifecycle.OutcomePending{Reason: cmv1.IssuerReasonVaultError, Message: row.message + vaultRetried, Wake: testNow.Add(row.pause)}
			}
			if diff := cmp.Diff(want, sign(t, w.signer, w.request(t, "www.example.com"))); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVaultIssuerSaysWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	token := secretKey("approle", "id")
	rows := []struct {
		sentence string
		set      func(*vaultWorld, *cmv1.VaultIssuer)
		message  string
		again    bool // tried again by itself
	}{
		{"two ways to authenticate", func(_ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Auth.TokenSecretRef = &token },
			"vault.auth must have exactly one of tokenSecretRef, appRole, clientCertificate, kubernetes and aws, and has 2", false},
		{"no way", func(_ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Auth.AppRole = nil },
			"vault.auth must have exactly one of tokenSecretRef, appRole, clientCertificate, kubernetes and aws, and has 0", false},
		{"a path that climbs", func(_ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Path = "pki/sign/../../sys/raw" }, `vault.path can not be used: it has a segment ".."`, false},
		{"a path that climbs in disguise", func(_ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Path = "pki/%2e%2e/sys" }, `vault.path can not be used: it has a segment ".."`, false},
		{"a mount that climbs", func(_ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Auth.AppRole.Path = "../sys" }, `vault.auth.appRole.path can not be used: it has a segment ".."`, false},
		{"no Secret", func(w *vaultWorld, _ *cmv1.VaultIssuer) { w.secrets.delete("shop", "approle") }, `Secret "approle" does not exist in namespace "shop"`, false},
		{"an empty Secret", func(w *vaultWorld, _ *cmv1.VaultIssuer) { w.secrets.put("shop", "approle", nil) }, `Secret "approle" in namespace "shop" can not be used: id is missing or empty`, false},
		{"no key of the Secret", func(_ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Auth.AppRole.SecretRef.Key = "" }, `the reference to Secret "approle" must name a key of it`, false},
		{"a secret ID that Vault does not know", func(w *vaultWorld, _ *cmv1.VaultIssuer) {
			w.secrets.put("shop", "approle", map[string][]byte{"id": []byte("old")})
		},
			"log in: Vault at 127.0.0.1 answered 400 Bad Request: invalid role or secret ID", true},
		{"a method that is not mounted", func(_ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Auth.AppRole.Path = "other" },
			"log in: Vault at 127.0.0.1 answered 403 Forbidden: permission denied; invalid token", true},
		{"no certificate to log in with", func(_ *vaultWorld, spec *cmv1.VaultIssuer) {
			spec.Auth = cmv1.VaultAuth{ClientCertificate: &cmv1.VaultClientCertificateAuth{}}
		}, "vault.auth.clientCertificate needs a certificate: set its secretName, or vault.clientCertSecretRef and vault.clientKeySecretRef", false},
		{"an AWS region that leads elsewhere", func(_ *vaultWorld, spec *cmv1.VaultIssuer) {
			spec.Auth = cmv1.VaultAuth{AWS: &cmv1.VaultAWSAuth{Role: "a", Region: "evil.example/"}}
		}, `vault.auth.aws.region: "evil.example/" is not the name of an AWS region, such as eu-central-1`, false},
		{"an AWS role that AWS does not give", func(w *vaultWorld, spec *cmv1.VaultIssuer) {
			w.signer.stsEndpoint = testSTS(w.t, "arn", vaultserver.ServiceAccount{})
			spec.Auth = cmv1.VaultAuth{AWS: &cmv1.VaultAWSAuth{Role: "a", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault"}, IAMRoleARN: "arn"}}
		}, "assume AWS role: AWS answered 403: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity", true},
		{"a service account of which no token may be requested", func(w *vaultWorld, spec *cmv1.VaultIssuer) {
			w.accounts.refuse = apierrors.NewForbidden(corev1.Resource("serviceaccounts"), "vault", errors.New("no"))
			spec.Auth = cmv1.VaultAuth{Kubernetes: &cmv1.VaultKubernetesAuth{Role: "issuer", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault"}}}
		}, `the operator may not request a token of service account "vault": grant its own service account the verb create on serviceaccounts/token for that name in namespace "shop"`, true},
		{"a sealed Vault", func(w *vaultWorld, _ *cmv1.VaultIssuer) { w.Sealed = true }, "log in: Vault at 127.0.0.1 answered 503 Service Unavailable: Vault is sealed", true},
		{"a Vault that is not initialized", func(w *vaultWorld, _ *cmv1.VaultIssuer) {
			w.check(w.t, w.issuer) // it has a token
			w.Uninitialized = true
		}, "check health: Vault at 127.0.0.1 answered 501 Not Implemented: Vault is not initialized", true},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			w := newVaultWorld(t)
			row.set(w, w.issuer.Spec.Vault)
			verdict := w.check(t, w.issuer)
			if verdict.Ready || verdict.Reason != cmv1.IssuerReasonVaultError || verdict.Message != row.message || (verdict.Fault != nil) != row.again {
				t.Errorf("verdict %+v, want %q, tried again: %t", verdict, row.message, row.again)
			}
			if again := w.check(t, w.issuer); again.Message != verdict.Message {
				t.Errorf("the message changes to %q", again.Message)
			}
		})
	}
}

func TestErrorsOfTheAPIServerAreNotVaults(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.edit(func(spec *cmv1.VaultIssuer) {
		spec.Auth = cmv1.VaultAuth{Kubernetes: &cmv1.VaultKubernetesAuth{Role: "issuer", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault"}}}
	})
	down := apierrors.NewInternalError(errors.New("etcd is down"))
	w.accounts.refuse = down
	if verdict, err := w.signer.Check(t.Context(), w.issuer, testNow); !errors.Is(err, down) {
		t.Errorf("verdict %+v, error %v", verdict, err)
	}
	if outcome, err := w.signer.Sign(t.Context(), w.request(t, "www.example.com")); !errors.Is(err, down) {
		t.Errorf("outcome %#v, error %v", outcome, err)
	}
	w.accounts.refuse = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if outcome, err := w.signer.Sign(ended, w.request(t, "www.example.com")); !errors.Is(err, context.Canceled) {
		t.Errorf("when the operator ends: outcome %#v, error %v", outcome, err)
	}
}

func TestVaultRequestsThatFailTogetherAreOneFailure(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.issue(t)
	s, err := w.signer.session(t.Context(), w.issuer)
	if err != nil {
		t.Fatal(err)
	}
	down := &vault.Error{Doing: "sign certificate", Status: http.StatusBadGateway}
	for _, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second} {
		if _, err := s.authenticate(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		w.clock.pass(time.Second)
		for range 5 {
			s.failed(down)
		}
		if got := s.pausedUntil().Sub(w.clock.Now()); got != want {
			t.Errorf("pause of %s, want %s", got, want)
		}
		w.clock.pass(want)
	}
}

func TestVaultAnswerIsTakenOnlyIfItIsTheCertificate(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "root", nil, nil)
	leaf := newAuthority(t, "leaf", root, func(c *x509.Certificate) { c.IsCA = false })
	text := func(a *authority) string { return string(pki.EncodeCertificates(a.cert)) }
	in := request(t, leaf.key, pki.Request{DNSNames: []string{"www.example.com"}})
	other := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: []string{"www.example.com"}})
	rows := []struct {
		sentence  string
		issued    vault.Issued
		in        Input
		chain, ca string // empty if it is not taken
	}{
		{"a certificate of a root", vault.Issued{Certificate: text(leaf), IssuingCA: text(root), CAChain: []string{text(root)}}, in, text(leaf), text(root)},
		{"a certificate without anything else", vault.Issued{Certificate: text(leaf)}, in, text(leaf), ""},
		{"a certificate for another key", vault.Issued{Certificate: text(leaf), IssuingCA: text(root)}, other, "", ""},
		{"a certificate of another CA", vault.Issued{Certificate: text(leaf), IssuingCA: text(newAuthority(t, "root", nil, nil))}, in, "", ""},
		{"garbage", vault.Issued{Certificate: "garbage"}, in, "", ""},
	}
	for _, row := range rows {
		outcome, err := vaultOutcome(row.issued, row.in)
		if row.chain == "" {
			if err == nil {
				t.Errorf("%s is taken", row.sentence)
			}
			continue
		}
		got, ok := outcome.(lifecycle.OutcomeIssued)
		if err != nil || !ok || string(got.Chain) != row.chain || string(got.CA) != row.ca {
			t.Errorf("%s: outcome %#v, error %v", row.sentence, outcome, err)
		}
	}
}
