package issuers

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
)

const (
	byAccount = "revoke by account for 4"
	byKey     = "revoke by key for 4"
)

// revocation is a certificate with its key, and an account that is registered.
func (r *registrar) revocation(how v1alpha1.RevocationAuthorization) RevokeInput {
	r.t.Helper()
	r.check()
	r.server.take()
	leaf := newAuthority(r.t, "leaf", nil, nil)
	return RevokeInput{Issuer: r.issuer, Certificate: leaf.cert, Reason: v1alpha1.Superseded, Authorization: how, Key: leaf.key, Now: testNow}
}

// revoke asks the CA by the revoker that the registry has for the issuer.
func (r *registrar) revoke(in RevokeInput) (lifecycle.RevokeOutcome, error) {
	r.t.Helper()
	revoker, err := Registry{ACMERevoker: &acmeRevoker{accounts: r.accounts}}.RevokerFor(in.Issuer)
	if err != nil {
		r.t.Fatal(err)
	}
	return revoker.Revoke(r.t.Context(), in)
}

// refuseAll makes the server answer these with a problem.
func (r *registrar) refuseAll(status int, kind string, header http.Header, what ...string) {
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	r.server.refuse = func(asked string) (int, string, http.Header) {
		for _, w := range what {
			if asked == w {
				return status, kind, header
			}
		}
		return 0, "", nil
	}
}

func TestRevocationIsSignedAsItIsAskedFor(t *testing.T) {
	t.Parallel()
	const account, key = v1alpha1.AuthorizationAccountKey, v1alpha1.AuthorizationCertificateKey
	for _, row := range []struct {
		sentence string
		how      v1alpha1.RevocationAuthorization
		refused  []string
		asked    string
		want     lifecycle.RevokeOutcome
	}{
		{"the account comes first", v1alpha1.AuthorizationAuto, nil, byAccount, lifecycle.Revoked{At: testNow, SignedWith: account}},
		{"the key is the way out", v1alpha1.AuthorizationAuto, []string{byAccount}, byAccount + ", " + byKey, lifecycle.Revoked{At: testNow, SignedWith: key}},
		{"the key alone", key, nil, byKey, lifecycle.Revoked{At: testNow, SignedWith: key}},
		{"the account alone", account, nil, byAccount, lifecycle.Revoked{At: testNow, SignedWith: account}},
		{"the account alone, in vain", account, []string{byAccount}, byAccount, lifecycle.RevokeRefused{
			Reason:  v1alpha1.ReasonNotAuthorized,
			Message: "revoke certificate: not today (unauthorized); create another Revocation with authorization CertificateKey",
		}},
		{"neither", v1alpha1.AuthorizationAuto, []string{byAccount, byKey}, byAccount + ", " + byKey, lifecycle.RevokeRefused{
			Reason:  v1alpha1.ReasonNotAuthorized,
			Message: "revoke certificate: not today (unauthorized); the CA takes neither this issuer's account nor the certificate's own key: see that issuerRef names the issuer whose CA has issued the certificate",
		}},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			r := newRegistrar(t)
			in := r.revocation(row.how)
			r.refuseAll(http.StatusForbidden, "unauthorized", nil, row.refused...)
			got, err := r.revoke(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			r.expectAsked(row.asked)
		})
	}
}

func TestRevocationFallsBackToTheKeyWhenTheAccountIsLost(t *testing.T) {
	t.Parallel()
	for sentence, lose := range map[string]func(*registrar){
		"the CA does not know it": func(r *registrar) {
			r.refuseAll(http.StatusBadRequest, "accountDoesNotExist", nil, byAccount)
		},
		"its key is gone":       func(r *registrar) { r.secrets.delete("shop", "account") },
		"it was not registered": func(r *registrar) { r.issuer.Status.ACME = nil },
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			r := newRegistrar(t)
			in := r.revocation(v1alpha1.AuthorizationAuto)
			lose(r)
			got, err := r.revoke(in)
			if done, _ := got.(lifecycle.Revoked); err != nil || done.SignedWith != v1alpha1.AuthorizationCertificateKey {
				t.Errorf("outcome %+v, %v", got, err)
			}
			in.Key = nil
			if got, err := r.revoke(in); err == nil {
				t.Errorf("without the key: outcome %+v", got)
			}
		})
	}
}

func TestRevocationWithTheKeyNeedsTheKey(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	in := r.revocation(v1alpha1.AuthorizationCertificateKey)
	in.Key = nil
	got, err := r.revoke(in)
	if refused, _ := got.(lifecycle.RevokeRefused); err != nil || refused.Reason != v1alpha1.ReasonNotAuthorized {
		t.Errorf("outcome %+v, %v", got, err)
	}
	r.expectAsked("")
}

func TestAnswersOfACAsToARevocation(t *testing.T) {
	t.Parallel()
	retryAfter := http.Header{"Retry-After": {"120"}}
	for _, row := range []struct {
		status int
		kind   string
		header http.Header
		want   lifecycle.RevokeOutcome // nil for an error
	}{
		{400, "alreadyRevoked", nil, lifecycle.Revoked{At: testNow, Already: true, SignedWith: v1alpha1.AuthorizationAccountKey, Answer: "revoke certificate: not today (alreadyRevoked)"}},
		{400, "badRevocationReason", nil, lifecycle.RevokeRefused{
			Reason:  v1alpha1.ReasonReasonRefused,
			Message: "revoke certificate: not today (badRevocationReason); public CAs take unspecified, keyCompromise, superseded and cessationOfOperation; create another Revocation with one of them",
		}},
		{404, "malformed", nil, lifecycle.RevokeRefused{Reason: v1alpha1.ReasonRefused, Message: "revoke certificate: not today (malformed)"}},
		{429, "rateLimited", retryAfter, lifecycle.RevokeWait{Until: testNow.Add(2 * time.Minute), Message: "revoke certificate: not today (rateLimited)"}},
		{503, "serverInternal", retryAfter, lifecycle.RevokeWait{Until: testNow.Add(2 * time.Minute), Message: "revoke certificate: not today (serverInternal)"}},
		{503, "serverInternal", nil, nil},
		{500, "serverInternal", nil, nil},
		{403, "", nil, nil}, // a proxy's page
	} {
		r := newRegistrar(t)
		in := r.revocation(v1alpha1.AuthorizationAuto)
		in.Key = nil
		r.refuseAll(row.status, row.kind, row.header, byAccount)
		got, err := r.revoke(in)
		if (err != nil) != (row.want == nil) {
			t.Errorf("%d %s: error %v", row.status, row.kind, err)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%d %s: outcome (-want +got):\n%s", row.status, row.kind, diff)
		}
	}
}

func TestIssuersThatCanNotRevokeSaySoAndWhatToDo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		spec cmv1.IssuerConfig
		want string
	}{
		{cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}}, "set spec.ca.crl in it"},
		{cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}, "nobody can revoke a self-signed certificate"},
		{cmv1.IssuerConfig{}, "does not say how it signs"},
		{cmv1.IssuerConfig{CA: &cmv1.CAIssuer{}, ACME: &acmev1.ACMEIssuer{}}, "does not say how it signs"},
		{cmv1.IssuerConfig{Vault: &cmv1.VaultIssuer{Path: "gateway"}}, "revoke the certificate with the tools of Vault"},
		{cmv1.IssuerConfig{Venafi: &cmv1.VenafiIssuer{}}, "revoke the certificate with the tools of CyberArk Certificate Manager"},
	} {
		issuer := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ca"}, Spec: cmv1.IssuerSpec{IssuerConfig: row.spec}}
		if _, err := (Registry{}).RevokerFor(issuer); err == nil || !strings.Contains(err.Error(), row.want) || !strings.HasPrefix(err.Error(), `Issuer "ca" `) {
			t.Errorf("error %v, want %q", err, row.want)
		}
	}
}
