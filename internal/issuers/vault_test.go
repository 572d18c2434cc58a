package issuers

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/vaultserver"
)

func TestVaultSignsTheNamesOfTheRequest(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	in := request(t, newKey(t, pki.ECDSA), pki.Request{
		Subject:  pkix.Name{CommonName: "shop.example.com"},
		DNSNames: []string{"www.example.com", "shop.example.com"}, IPAddresses: []net.IP{net.ParseIP("192.0.2.1")},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/shop"}},
	})
	in.Issuer, in.Request.Spec.Duration = w.issuer, &metav1.Duration{Duration: 36*time.Hour + time.Millisecond}
	got := issued(t, sign(t, w.signer, in))
	chain := decodeChain(t, got.Chain)
	leaf := chain[0]
	type facts struct {
		CommonName string
		DNSNames   []string
		IP, URI    string
		Until      time.Time
		Chain      []string
		SameKey    bool
	}
	want := facts{
		"shop.example.com", []string{"www.example.com", "shop.example.com"}, "[192.0.2.1]", "[spiffe://example.com/shop]", testNow.Add(36 * time.Hour),
		[]string{"shop.example.com", "Vault intermediate"}, true,
	}
	var names []string
	for _, cert := range chain {
		names = append(names, cert.Subject.CommonName)
	}
	if diff := cmp.Diff(want, facts{
		leaf.Subject.CommonName, leaf.DNSNames, fmt.Sprint(leaf.IPAddresses), fmt.Sprint(leaf.URIs), leaf.NotAfter, names, pki.SameKey(leaf.PublicKey, in.CSR.PublicKey),
	}); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}
	if !bytes.Equal(got.CA, pki.EncodeCertificates(w.Root())) {
		t.Error("ca is not the root")
	}
	w.expectRequests(t, "one certificate", "login sign")
}

// clientCertificate puts a certificate for a client into a Secret.
func (w *vaultWorld) clientCertificate(t *testing.T, namespace, name string) *x509.CertPool {
	t.Helper()
	ca := newAuthority(t, "clients", nil, nil)
	client := newAuthority(t, "operator", ca, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.ExtKeyUsage = false, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	})
	w.secrets.put(namespace, name, client.secret(t))
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	return roots
}

func TestVaultTakesEachWayToAuthenticate(t *testing.T) {
	t.Parallel()
	account := vaultserver.ServiceAccount{Namespace: "shop", Name: "vault", Audiences: []string{"vault://shop/vault"}}
	rows := []struct {
		sentence string
		set      func(*testing.T, *vaultWorld, *cmv1.VaultAuth)
		requests string
	}{
		{"a token", func(_ *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.AddToken("hvs.given", 0, false)
			w.secrets.put("shop", "token", map[string][]byte{"token": []byte("hvs.given\n")})
			ref := secretKey("token", "")
			a.TokenSecretRef = &ref
		}, "lookup"},
		{"an AppRole at another mount", func(_ *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/team/approle/login"] = vaultserver.AppRole("role-2", "s3cr3t-id")
			a.AppRole = &cmv1.VaultAppRole{Path: "team/approle", RoleId: "role-2", SecretRef: secretKey("approle", "id")}
		}, "login"},
		{"a token of a service account in a Secret", func(_ *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/kubernetes/login"] = vaultserver.Kubernetes("issuer", vaultserver.ServiceAccount{Namespace: "shop", Name: "old"}, review)
			w.secrets.put("shop", "old-token", map[string][]byte{"token": []byte(`{"Namespace":"shop","Name":"old"}`)})
			a.Kubernetes = &cmv1.VaultKubernetesAuth{Role: "issuer", SecretRef: secretKey("old-token", "")}
		}, "login"},
		{"a service account, for this issuer", func(_ *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/kubernetes/login"] = vaultserver.Kubernetes("issuer", account, review)
			a.Kubernetes = &cmv1.VaultKubernetesAuth{Role: "issuer", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault"}}
		}, "login"},
		{"a service account at another mount, for more", func(_ *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/k8s/login"] = vaultserver.Kubernetes("issuer", vaultserver.ServiceAccount{Namespace: "shop", Name: "vault", Audiences: []string{"team", w.URL}}, review)
			a.Kubernetes = &cmv1.VaultKubernetesAuth{Role: "issuer", Path: "/v1/auth/k8s", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault", TokenAudiences: []string{"team"}}}
		}, "login"},
		{"a certificate", func(t *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/cert/login"] = vaultserver.Certificate("operators", w.clientCertificate(t, "shop", "client"))
			a.ClientCertificate = &cmv1.VaultClientCertificateAuth{SecretName: "client"}
		}, "login"},
		{"a certificate by its role at another mount", func(t *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/tls/login"] = vaultserver.Certificate("operators", w.clientCertificate(t, "shop", "client"))
			a.ClientCertificate = &cmv1.VaultClientCertificateAuth{SecretName: "client", Path: "/v1/auth/tls", Name: "operators"}
		}, "login"},
		{"the certificate of the connection", func(t *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/cert/login"] = vaultserver.Certificate("operators", w.clientCertificate(t, "shop", "client"))
			crt, key := secretKey("client", ""), secretKey("client", "")
			w.issuer.Spec.Vault.ClientCertSecretRef, w.issuer.Spec.Vault.ClientKeySecretRef = &crt, &key
			a.ClientCertificate = &cmv1.VaultClientCertificateAuth{}
		}, "login"},
		{"an AWS role that a service account may assume", func(t *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/aws/login"] = vaultserver.AWS(vaultserver.AWSIdentity{
				Role: "issuer", AccessKeyID: "ASIATEST", SecretKey: "s3cr3t", SessionToken: "session", Region: "eu-central-1", ServerID: "vault.example.com",
			})
			w.signer.stsEndpoint = testSTS(t, "arn:aws:iam::1:role/vault", vaultserver.ServiceAccount{Namespace: "shop", Name: "vault", Audiences: []string{"sts.amazonaws.com"}})
			a.AWS = &cmv1.VaultAWSAuth{
				Role: "issuer", Region: "eu-central-1", VaultHeaderValue: "vault.example.com",
				ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault"}, IAMRoleARN: "arn:aws:iam::1:role/vault",
			}
		}, "login"},
		{"the operator's own AWS identity", func(_ *testing.T, w *vaultWorld, a *cmv1.VaultAuth) {
			w.Logins["/v1/auth/cloud/login"] = vaultserver.AWS(vaultserver.AWSIdentity{Role: "issuer", AccessKeyID: "AKIATEST", SecretKey: "s3cr3t", Region: "us-west-2"})
			w.signer.ambientIssuers = true
			w.signer.aws.Getenv = environment("AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=s3cr3t", "AWS_REGION=us-west-2")
			a.AWS = &cmv1.VaultAWSAuth{Role: "issuer", MountPath: "/v1/auth/cloud"}
		}, "login"},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			w := newVaultWorld(t)
			w.edit(func(spec *cmv1.VaultIssuer) {
				spec.Auth.AppRole = nil
				row.set(t, w, &spec.Auth)
			})
			if verdict := w.check(t, w.issuer); !verdict.Ready || verdict.Reason != cmv1.IssuerReasonVaultVerified || verdict.Message != vaultVerifiedMessage {
				t.Fatalf("verdict %+v", verdict)
			}
			w.issue(t)
			w.issue(t)
			w.expectRequests(t, "a check and two certificates", row.requests+" health sign sign")
		})
	}
}

// environment is that of a process.
func environment(variables ...string) func(string) string {
	return func(name string) string {
		for _, variable := range variables {
			if value, found := strings.CutPrefix(variable, name+"="); found {
				return value
			}
		}
		return ""
	}
}

// testSTS exchanges the token of a service account for credentials, and is as
// strict as AWS: an audience that it does not expect is refused.
func testSTS(t testing.TB, role string, account vaultserver.ServiceAccount) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, good := review(r.PostFormValue("WebIdentityToken"))
		if r.Method != http.MethodPost || r.PostFormValue("Action") != "AssumeRoleWithWebIdentity" || r.PostFormValue("Version") != "2011-06-15" ||
			r.PostFormValue("RoleSessionName") == "" || r.PostFormValue("RoleArn") != role || !good || !cmp.Equal(got, account) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprint(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIATEST</AccessKeyId>`+
			`<SecretAccessKey>s3cr3t</SecretAccessKey><SessionToken>session</SessionToken></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestTokenOfAServiceAccountIsShortAndForThisIssuer(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.edit(func(spec *cmv1.VaultIssuer) {
		spec.Auth = cmv1.VaultAuth{Kubernetes: &cmv1.VaultKubernetesAuth{Role: "issuer", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "vault", TokenAudiences: []string{"team"}}}}
	})
	of := func(namespace string) vaultserver.Login {
		return vaultserver.Kubernetes("issuer", vaultserver.ServiceAccount{Namespace: namespace, Name: "vault"}, review)
	}
	w.Logins["/v1/auth/kubernetes/login"] = of("shop")
	if verdict := w.check(t, w.issuer); !verdict.Ready {
		t.Fatalf("verdict %+v", verdict)
	}
	if want := []string{"team", "vault://shop/vault", w.URL}; !slices.Equal(w.accounts.last.Audiences, want) || *w.accounts.last.ExpirationSeconds != 600 {
		t.Errorf("token request %+v, want 600 s for %q", w.accounts.last, want)
	}
	w.Change(func(s *vaultserver.Server) { s.Logins["/v1/auth/kubernetes/login"] = of("certwright") })
	cluster := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "corporate"}, Spec: w.issuer.Spec}
	if verdict := w.check(t, cluster); !verdict.Ready {
		t.Fatalf("verdict of the ClusterIssuer %+v", verdict)
	}
	if want := []string{"team", "vault://corporate", w.URL}; !slices.Equal(w.accounts.last.Audiences, want) {
		t.Errorf("audiences %q, want %q", w.accounts.last.Audiences, want)
	}
}

func TestVaultIssuerReadsNothingOfOtherNamespaces(t *testing.T) {
	t.Parallel()
	w := newVaultWorld(t)
	w.AddToken("hvs.given", 0, false)
	w.Logins["/v1/auth/kubernetes/login"] = vaultserver.Kubernetes("issuer", vaultserver.ServiceAccount{Namespace: "certwright", Name: "corporate"}, review)
	w.accounts.names = []string{"certwright/corporate"}
	w.secrets.put("certwright", "token", map[string][]byte{"token": []byte("hvs.given")})
	token := secretKey("token", "")
	rows := []struct{ sentence, message string }{
		{"a Secret", `Secret "token" does not exist in namespace "shop"`},
		{"a service account", `service account "corporate" does not exist in namespace "shop"`},
	}
	auths := []cmv1.VaultAuth{
		{TokenSecretRef: &token},
		{Kubernetes: &cmv1.VaultKubernetesAuth{Role: "issuer", ServiceAccountRef: &cmv1.ServiceAccountRef{Name: "corporate"}}},
	}
	for i, row := range rows {
		w.edit(func(spec *cmv1.VaultIssuer) { spec.Auth = auths[i] })
		verdict := w.check(t, w.issuer)
		if verdict.Ready || verdict.Reason != cmv1.IssuerReasonVaultError || verdict.Message != row.message {
			t.Errorf("%s of an Issuer: %+v", row.sentence, verdict)
		}
		if pending := w.pending(t); strings.TrimSuffix(pending.Message, vaultRetried) != row.message {
			t.Errorf("%s of a request to an Issuer: %q", row.sentence, pending.Message)
		}
		cluster := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "corporate", Generation: int64(i)}, Spec: w.issuer.Spec}
		if verdict := w.check(t, cluster); !verdict.Ready {
			t.Errorf("%s of a ClusterIssuer: %+v", row.sentence, verdict)
		}
	}
}

func TestAmbientAWSIdentityFollowsTheFlagOfItsKindOfIssuer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ issuers, clusterIssuers bool }{{false, true}, {true, false}} {
		w := newVaultWorld(t)
		w.Logins["/v1/auth/aws/login"] = vaultserver.AWS(vaultserver.AWSIdentity{Role: "issuer", AccessKeyID: "AKIATEST", SecretKey: "s3cr3t", Region: "us-east-1"})
		w.signer.aws.Getenv = environment("AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=s3cr3t")
		w.signer.ambientIssuers, w.signer.ambientClusterIssuers = row.issuers, row.clusterIssuers
		w.edit(func(spec *cmv1.VaultIssuer) { spec.Auth = cmv1.VaultAuth{AWS: &cmv1.VaultAWSAuth{Role: "issuer"}} })
		of := w.check(t, w.issuer)
		cluster := w.check(t, &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "corporate"}, Spec: w.issuer.Spec})
		if of.Ready != row.issuers || cluster.Ready != row.clusterIssuers {
			t.Errorf("flags %+v: Issuer %q, ClusterIssuer %q", row, of.Message, cluster.Message)
		}
		for _, verdict := range []string{of.Message, cluster.Message} {
			if verdict != vaultVerifiedMessage && !strings.Contains(verdict, "may not use the operator's own AWS identity") {
				t.Errorf("message %q", verdict)
			}
		}
	}
}

func TestVaultIsReachedAndVerifiedAsTheIssuerSays(t *testing.T) {
	t.Parallel()
	const unknown = "its TLS certificate is signed by an unknown authority: see caBundle and caBundleSecretRef"
	rows := []struct {
		sentence string
		set      func(*testing.T, *vaultWorld, *cmv1.VaultIssuer)
		trouble  string // part of the message; empty if all is well
	}{
		{"a CA bundle in a Secret", func(_ *testing.T, w *vaultWorld, spec *cmv1.VaultIssuer) {
			w.secrets.put("shop", "roots", map[string][]byte{"ca.crt": w.Roots})
			ref := secretKey("roots", "")
			spec.CABundle, spec.CABundleSecretRef = nil, &ref
		}, ""},
		{"a CA bundle under another key", func(_ *testing.T, w *vaultWorld, spec *cmv1.VaultIssuer) {
			w.secrets.put("shop", "roots", map[string][]byte{"roots": w.Roots})
			ref := secretKey("roots", "roots")
			spec.CABundle, spec.CABundleSecretRef = nil, &ref
		}, ""},
		{"the roots of the system do not know it", func(_ *testing.T, _ *vaultWorld, spec *cmv1.VaultIssuer) { spec.CABundle = nil }, unknown},
		{"another CA did not sign it", func(t *testing.T, _ *vaultWorld, spec *cmv1.VaultIssuer) {
			spec.CABundle = pki.EncodeCertificates(newAuthority(t, "other", nil, nil).cert)
		}, unknown},
		{"a CA bundle of no use", func(_ *testing.T, _ *vaultWorld, spec *cmv1.VaultIssuer) { spec.CABundle = []byte("garbage") }, "the CA bundle holds no PEM certificate"},
		{"a name that the certificate has", func(_ *testing.T, _ *vaultWorld, spec *cmv1.VaultIssuer) { spec.ServerName = "example.com" }, ""},
		{"a name that it does not have", func(_ *testing.T, _ *vaultWorld, spec *cmv1.VaultIssuer) { spec.ServerName = "vault.example.org" }, "its TLS certificate is for another name: see serverName"},
		{"a namespace", func(_ *testing.T, w *vaultWorld, spec *cmv1.VaultIssuer) {
			w.Namespace, spec.Namespace = "team/a", "team/a"
		}, ""},
		{"another namespace", func(_ *testing.T, w *vaultWorld, spec *cmv1.VaultIssuer) {
			w.Namespace, spec.Namespace = "team/a", "team/b"
		},
			`404 Not Found: no handler for route "auth/approle/login"`},
		{"no namespace where there is one", func(_ *testing.T, w *vaultWorld, _ *cmv1.VaultIssuer) { w.Namespace = "team/a" }, "404 Not Found: no handler for route"},
		{"a standby node", func(_ *testing.T, w *vaultWorld, _ *cmv1.VaultIssuer) { w.Standby = true }, ""},
		{"no URL", func(_ *testing.T, _ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Server = "vault.example.com:8200" }, "the server is not a URL"},
		{"a name that is not there", func(_ *testing.T, _ *vaultWorld, spec *cmv1.VaultIssuer) { spec.Server = "https://vault.invalid" }, "no answer from Vault at vault.invalid: the name vault.invalid"},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			w := newVaultWorld(t)
			w.edit(func(spec *cmv1.VaultIssuer) { row.set(t, w, spec) })
			verdict := w.check(t, w.issuer)
			if verdict.Ready != (row.trouble == "") || !strings.Contains(verdict.Message, row.trouble) {
				t.Errorf("verdict %+v, want %q in it", verdict, row.trouble)
			}
			if row.trouble == "" {
				w.issue(t)
				return
			}
			if pending := w.pending(t); strings.TrimSuffix(pending.Message, vaultRetried) != verdict.Message || pending.Wake.IsZero() {
				t.Errorf("the request says %+v, the issuer %q", pending, verdict.Message)
			}
		})
	}
}

func TestVaultMayAskForAClientCertificate(t *testing.T) {
	t.Parallel()
	roots := x509.NewCertPool()
	w := newVaultWorld(t, vaultserver.ClientCertificates(roots))
	ca := newAuthority(t, "clients", nil, nil)
	roots.AddCert(ca.cert)
	client := newAuthority(t, "operator", ca, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.ExtKeyUsage = false, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	})
	if verdict := w.check(t, w.issuer); verdict.Ready || !strings.Contains(verdict.Message, "certificate required") {
		t.Errorf("without a certificate: %+v", verdict)
	}
	w.secrets.put("shop", "client", map[string][]byte{"crt": client.secret(t)[tlsCert], "key": client.secret(t)[tlsKey]})
	crt, key := secretKey("client", "crt"), secretKey("client", "key")
	w.edit(func(spec *cmv1.VaultIssuer) { spec.ClientCertSecretRef, spec.ClientKeySecretRef = &crt, &key })
	if verdict := w.check(t, w.issuer); !verdict.Ready {
		t.Errorf("with a certificate: %+v", verdict)
	}
	w.issue(t)
	other := secretKey("client", "crt")
	w.edit(func(spec *cmv1.VaultIssuer) { spec.ClientKeySecretRef = &other })
	if verdict := w.check(t, w.issuer); verdict.Ready || !strings.Contains(verdict.Message, "the client certificate and its key can not be used") {
		t.Errorf("with a key that is none: %+v", verdict)
	}
}
