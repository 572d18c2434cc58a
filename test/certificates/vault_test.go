package certificates

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/vaultserver"
)

// review has the API server say whose token it is, as Vault does. The audiences
// are those that it says it is for.
func (w *world) review(jwt string, audiences ...string) (vaultserver.ServiceAccount, bool) {
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: jwt, Audiences: audiences}}
	if err := w.Create(context.Background(), review); err != nil || !review.Status.Authenticated {
		return vaultserver.ServiceAccount{}, false
	}
	parts := strings.Split(review.Status.User.Username, ":") // system:serviceaccount:namespace:name
	if len(parts) != 4 {
		return vaultserver.ServiceAccount{}, false
	}
	return vaultserver.ServiceAccount{Namespace: parts[2], Name: parts[3], Audiences: review.Status.Audiences}, true
}

// issuerReady waits until an Issuer is as wanted, and returns what it says.
func (w *world) issuerReady(name string, status cmmeta.ConditionStatus) string {
	w.Helper()
	var message string
	w.eventually("Issuer "+name+" Ready="+string(status), func() (bool, string) {
		issuer := &cmv1.Issuer{}
		if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, issuer); err != nil {
			w.Fatal(err)
		}
		ready := lifecycle.IssuerReady(issuer)
		if ready == nil || ready.Status != status {
			return false, "another"
		}
		message = ready.Reason + ": " + ready.Message
		return true, message
	})
	return message
}

func TestVaultIssuesForAServiceAccountOfTheNamespace(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	server := vaultserver.New(t)
	server.Policy, server.TokenTTL = []string{vaultserver.SignPath}, time.Hour
	own := "vault://" + w.namespace + "/vault"
	server.Logins["/v1/auth/kubernetes/login"] = vaultserver.Kubernetes("issuer",
		vaultserver.ServiceAccount{Namespace: w.namespace, Name: "vault-issuer", Audiences: []string{own}},
		func(jwt string) (vaultserver.ServiceAccount, bool) { return w.review(jwt, own) })
	w.create(
		&corev1.ServiceAccount{ObjectMeta: w.named("vault-issuer")},
		&cmv1.Issuer{ObjectMeta: w.named("vault"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Vault: &cmv1.VaultIssuer{
			Server: server.URL, Path: vaultserver.SignPath, CABundle: server.Roots,
			Auth: cmv1.VaultAuth{Kubernetes: &cmv1.VaultKubernetesAuth{Role: "issuer", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault-issuer"}}},
		}}}},
	)
	w.run(nil)
	by := func(crt *cmv1.Certificate) { crt.Spec.IssuerRef.Name = "vault" }
	_, secret := w.issued("web", by)
	chain, err := pki.DecodeCertificates(secret.Data["tls.crt"])
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(secret.Data["ca.crt"]) || !slices.ContainsFunc(chain, func(c *x509.Certificate) bool { return c.Subject.CommonName == "Vault intermediate" }) {
		t.Fatalf("chain of %d, ca.crt %q", len(chain), secret.Data["ca.crt"])
	}
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: "web.example.com", Roots: roots, Intermediates: between}); err != nil {
		t.Error(err)
	}
	if got, want := w.issuerReady("vault", cmmeta.ConditionTrue), "VaultVerified: Vault is there and takes the credentials"; got != want {
		t.Errorf("the Issuer says %q, want %q", got, want)
	}
	w.issued("api", by)
	if n := server.Requests()["POST /v1/auth/kubernetes/login"]; n != 1 {
		t.Errorf("%d logins for one issuer and two certificates, want 1", n)
	}
	server.Change(func(s *vaultserver.Server) { s.Domain = "example.org" })
	w.create(w.certificate("refused", by))
	w.says("refused", cmmeta.ConditionFalse, "subject alternate name refused.example.com not allowed by this role")
}

func TestVaultIssuerNoticesItsSecret(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	server := vaultserver.New(t)
	server.AddToken("hvs.given", 0, false)
	w.create(&cmv1.Issuer{ObjectMeta: w.named("vault"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Vault: &cmv1.VaultIssuer{
		Server: server.URL, Path: vaultserver.SignPath, CABundle: server.Roots,
		Auth: cmv1.VaultAuth{TokenSecretRef: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "token"}}},
	}}}})
	w.run(nil)
	if got, want := w.issuerReady("vault", cmmeta.ConditionFalse), `VaultError: Secret "token" does not exist in namespace "`+w.namespace+`"`; got != want {
		t.Errorf("without a Secret the Issuer says %q, want %q", got, want)
	}
	w.create(&corev1.Secret{ObjectMeta: w.named("token"), StringData: map[string]string{"token": "hvs.given"}})
	w.issuerReady("vault", cmmeta.ConditionTrue)
}
