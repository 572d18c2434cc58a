package certificates

import (
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/cyberark"
)

// untilIssuer waits until the issuer has a reason for how it is.
func (w *world) untilIssuer(name, reason string) string {
	w.Helper()
	var message string
	w.eventually("issuer "+name+" "+reason, func() (bool, string) {
		issuer := &cmv1.Issuer{}
		if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, issuer); err != nil {
			w.Fatal(err)
		}
		for _, c := range issuer.Status.Conditions {
			if c.Type == cmv1.IssuerConditionReady {
				message = c.Message
				return c.Reason == reason, c.Reason + ": " + c.Message
			}
		}
		return false, "no condition"
	})
	return message
}

func TestCyberArkIssuesRenewsAndOutlivesTheOperator(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	server := cyberark.Start(t, time.Now)
	server.Pending = 1
	credentials := &corev1.Secret{ObjectMeta: w.named("tpp"), StringData: map[string]string{"username": cyberark.Username, "password": "wrong"}}
	issuer := &cmv1.Issuer{ObjectMeta: w.named("cyberark"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Venafi: &cmv1.VenafiIssuer{
		Zone: `Shops\Web`,
		TPP:  &cmv1.VenafiTPP{URL: server.URL + "/vedsdk", CredentialsRef: cmmeta.LocalObjectReference{Name: "tpp"}, CABundle: server.CA},
	}}}}
	w.create(credentials, issuer)
	w.run(nil)
	if got, want := w.untilIssuer("cyberark", "AuthFailed"), "get a token: 127.0.0.1 answered 400 Bad Request: invalid_grant; Username/password combination not valid"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	credentials.StringData = map[string]string{"password": cyberark.Password}
	if err := w.Update(t.Context(), credentials); err != nil {
		t.Fatal(err)
	}
	w.untilIssuer("cyberark", "IsReady")

	_, secret := w.issued("shop", func(crt *cmv1.Certificate) {
		crt.Spec.IssuerRef.Name = "cyberark"
		crt.Spec.CommonName = "shop.example.com"
		crt.Annotations = map[string]string{cmv1.VenafiCustomFieldsAnnotationKey: `[{"name":"Cost center","value":"1234"}]`}
	})
	first := leaf(t, secret)
	if first.Subject.CommonName != "shop.example.com" || string(secret.Data["ca.crt"]) != string(server.Root()) {
		t.Errorf("issued for %s, CA %s", first.Subject, secret.Data["ca.crt"])
	}
	request, _ := w.request("shop", 1)
	if id := request.Annotations[cmv1.VenafiPickupIDAnnotationKey]; id != `\VED\Policy\Shops\Web\shop.example.com` {
		t.Errorf("pickup id %q", id)
	}

	// The operator ends while the server is at work on the next one.
	server.Change(func(s *cyberark.Server) {
		s.Override = func(out http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/vedsdk/certificates/retrieve" {
				return false
			}
			cyberark.Reply(out, http.StatusAccepted, map[string]any{"Stage": 400, "Status": "Post CSR"})
			return true
		}
	})
	w.renew("shop")
	w.eventually("the second request is known by its id", func() (bool, string) {
		req := &cmv1.CertificateRequest{}
		err := w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "shop-2"}, req)
		if client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		return req.Annotations[cmv1.VenafiPickupIDAnnotationKey] != "", "no annotation"
	})
	w.stop()
	server.Change(func(s *cyberark.Server) { s.Override = nil })
	w.run(nil)
	w.revision("shop", 2)
	if second := leaf(t, w.secret("shop")); second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Error("the certificate is the old one")
	}
	server.Change(func(s *cyberark.Server) {
		if len(s.Received) != 2 || s.Logins != 2 {
			t.Errorf("%d requests and %d tokens for two certificates by two operators", len(s.Received), s.Logins)
		}
		for i, request := range s.Received {
			if fields, ok := request["CustomFields"].([]any); !ok || len(fields) != 1 {
				t.Errorf("request %d has the custom fields %v", i+1, request["CustomFields"])
			}
		}
	})
}

func TestCyberArkThatRefusesFailsTheRequest(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	server := cyberark.Start(t, time.Now)
	server.Policy["WhitelistedDomains"] = []string{"example.org"}
	w.create(
		&corev1.Secret{ObjectMeta: w.named("tpp"), StringData: map[string]string{"access-token": cyberark.AccessToken}},
		&corev1.Secret{ObjectMeta: w.named("trust"), Data: map[string][]byte{"ca.crt": server.CA}},
		&cmv1.Issuer{ObjectMeta: w.named("cyberark"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{Venafi: &cmv1.VenafiIssuer{
			Zone: `Shops\Web`,
			TPP: &cmv1.VenafiTPP{
				URL: server.URL, CredentialsRef: cmmeta.LocalObjectReference{Name: "tpp"},
				CABundleSecretRef: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "trust"}},
			},
		}}}},
	)
	w.run(nil)
	w.create(w.certificate("shop", func(crt *cmv1.Certificate) { crt.Spec.IssuerRef.Name = "cyberark" }))
	w.says("shop", cmmeta.ConditionFalse, `the policy of the policy folder \VED\Policy\Shops\Web does not allow the DNS name "shop.example.com"`)
	server.Change(func(s *cyberark.Server) {
		if len(s.Received) != 0 {
			t.Errorf("%d requests were submitted", len(s.Received))
		}
	})
}
