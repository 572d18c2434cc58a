package issuers

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers/vault"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/test/vaultserver"
)

func TestVaultMountIsWhatIsBeforeTheSignEndpoint(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"pki/sign/web":                      "pki",
		"/team/pki/sign/web/":               "team/pki",
		"pki/sign/sign":                     "pki",
		"pki/sign-verbatim":                 "pki",
		"pki/sign-verbatim/web":             "pki",
		"pki/issuer/next/sign/web":          "pki",
		"pki/issuer/next/sign-verbatim/web": "pki",
		"pki/root/sign-intermediate":        "pki",
		"pki/issuer/next/sign-intermediate": "pki",
		"sign/web":                          "",
		"pki/issue/web":                     "",
		"gateway":                           "",
	} {
		if got := vaultMount(path); got != want {
			t.Errorf("mount of %q is %q, want %q", path, got, want)
		}
	}
}

func TestVaultRevokes(t *testing.T) {
	t.Parallel()
	for _, noStore := range []bool{false, true} {
		w := newVaultWorld(t)
		w.NoStore = noStore
		cert := w.issue(t)
		revoke := func() lifecycle.RevokeOutcome {
			t.Helper()
			outcome, err := w.signer.Revoke(t.Context(), RevokeInput{Issuer: w.issuer, Certificate: cert, Now: w.clock.Now()})
			if err != nil {
				t.Fatal(err)
			}
			return outcome
		}
		want := lifecycle.RevokeOutcome(lifecycle.Revoked{At: testNow})
		if diff := cmp.Diff(want, revoke()); diff != "" || !w.Revoked(cert).Equal(testNow) {
			t.Errorf("no store %t: revoked at %s (-want +got):\n%s", noStore, w.Revoked(cert), diff)
		}
		w.clock.pass(time.Hour)
		if diff := cmp.Diff(want, revoke()); diff != "" {
			t.Errorf("no store %t: once more (-want +got):\n%s", noStore, diff)
		}
	}
}

func TestVaultRefusesToRevokeInWords(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	cert := w.issue(t)
	in := RevokeInput{Issuer: w.issuer, Certificate: cert, Now: testNow}
	revoke := func() (lifecycle.RevokeOutcome, error) { return w.signer.Revoke(t.Context(), in) }

	w.Change(func(s *vaultserver.Server) { s.Policy = []string{vaultserver.SignPath} })
	want := lifecycle.RevokeOutcome(lifecycle.RevokeRefused{Reason: "NotAuthorized", Message: "revoke certificate: Vault at 127.0.0.1 answered 403 Forbidden: permission denied; " +
		`the policy of Issuer "vault" in Vault must allow update on team/pki/revoke`})
	outcome, err := revoke()
	if diff := cmp.Diff(want, outcome); diff != "" || err != nil {
		t.Errorf("a policy without it: error %v (-want +got):\n%s", err, diff)
	}

	w.Change(func(s *vaultserver.Server) { s.Broken = http.StatusBadGateway })
	outcome, err = revoke()
	if !vault.IsPassing(err) {
		t.Errorf("Vault is down: outcome %#v, error %v", outcome, err)
	}
	outcome, err = revoke()
	if wait, ok := outcome.(lifecycle.RevokeWait); !ok || err != nil || !wait.Until.Equal(testNow.Add(5*time.Second)) {
		t.Errorf("Vault has just been down: outcome %#v, error %v", outcome, err)
	}

	w.secrets.delete("shop", "approle")
	outcome, err = revoke()
	want = lifecycle.RevokeWait{Until: testNow.Add(time.Minute), Message: `Secret "approle" does not exist in namespace "shop"`}
	if diff := cmp.Diff(want, outcome); diff != "" || err != nil {
		t.Errorf("no Secret: error %v (-want +got):\n%s", err, diff)
	}
}

func TestVaultIssuerHasARevokerIfItsMountIsKnown(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	registry := Registry{VaultRevoker: w.signer}
	if revoker, err := registry.RevokerFor(w.issuer); revoker != w.signer || err != nil {
		t.Errorf("revoker %v, error %v", revoker, err)
	}
	w.edit(func(spec *cmv1.VaultIssuer) { spec.Path = "gateway" })
	const want = `Issuer "vault" signs at a path of which it can not be told where its engine is mounted: revoke the certificate with the tools of Vault`
	if revoker, err := registry.RevokerFor(w.issuer); revoker != nil || err == nil || err.Error() != want {
		t.Errorf("revoker %v, error %v", revoker, errors.Join(err))
	}
}
