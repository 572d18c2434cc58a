package request

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/operator"
)

// csrCluster is one on which the controller of Kubernetes' own requests works.
type csrCluster struct {
	cluster

	clients kubernetes.Interface
	jane    client.Client // may make requests, and nothing else
}

func startCSR(t *testing.T) csrCluster {
	t.Helper()
	restConfig := apiserver.Start(t)
	namespace := apiserver.Namespace(t, restConfig)
	scheme := operator.Scheme(t)
	o := operator.New(t, restConfig, scheme, namespace)
	signers, _ := o.Issuers(time.Now)
	if err := SetupCSR(o.Manager, Config{Clock: time.Now, Signers: signers, Secrets: o.Secrets}, namespace); err != nil {
		t.Fatal(err)
	}
	o.Start()
	c := csrCluster{}
	c.namespace = namespace
	var err error
	if c.Client, err = client.New(restConfig, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	if c.clients, err = kubernetes.NewForConfig(restConfig); err != nil {
		t.Fatal(err)
	}
	asJane := rest.CopyConfig(restConfig)
	asJane.Impersonate = rest.ImpersonationConfig{UserName: "jane-" + namespace, Groups: []string{"developers"}, Extra: map[string][]string{"example.com/scopes": {"one"}}}
	if c.jane, err = client.New(asJane, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "csrs-" + namespace}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"certificates.k8s.io"}, Resources: []string{"certificatesigningrequests"}, Verbs: []string{"create", "get"}},
	}}
	c.create(t, role, &rbacv1.ClusterRoleBinding{
		ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: asJane.Impersonate.UserName}},
	})
	return c
}

// grantReference lets jane refer to signers of a namespace.
func (c csrCluster) grantReference(t *testing.T, names ...string) {
	t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "reference"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{cmv1.GroupName}, Resources: []string{"signers"}, Verbs: []string{"reference"}, ResourceNames: names},
	}}
	c.create(t, role, &rbacv1.RoleBinding{
		ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "developers"}},
	})
}

// ask makes a request as jane, which an administrator approves.
func (c csrCluster) ask(t *testing.T, name, signer string, change func(*certificatesv1.CertificateSigningRequest, *pki.Request)) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	r := pki.Request{DNSNames: []string{"shop.example.com"}}
	csr := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: name + "-" + c.namespace},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			SignerName: signer, Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
		},
	}
	if change != nil {
		change(csr, &r)
	}
	if csr.Spec.Request == nil {
		var err error
		if csr.Spec.Request, err = pki.CreateRequest(rand.Reader, r, newKey(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.jane.Create(t.Context(), csr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), csr); err != nil {
			t.Error(err)
		}
	})
	return csr
}

func (c csrCluster) approve(t *testing.T, csr *certificatesv1.CertificateSigningRequest) {
	t.Helper()
	csr.Status.Conditions = append(csr.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "Test",
	})
	if _, err := c.clients.CertificatesV1().CertificateSigningRequests().UpdateApproval(t.Context(), csr.Name, csr, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// untilOver waits until a request is signed or has failed.
func (c csrCluster) untilOver(t *testing.T, csr *certificatesv1.CertificateSigningRequest) (failed *certificatesv1.CertificateSigningRequestCondition) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 40*time.Second, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(csr), csr); err != nil {
			return false, err
		}
		for i := range csr.Status.Conditions {
			if csr.Status.Conditions[i].Type == certificatesv1.CertificateFailed {
				failed = &csr.Status.Conditions[i]
			}
		}
		return failed != nil || len(csr.Status.Certificate) > 0, nil
	})
	if err != nil {
		t.Fatalf("request %s is neither signed nor has it failed: %+v: %v", csr.Name, csr.Status.Conditions, err)
	}
	return failed
}

// untilEvent waits for an event about a request. Those about what is in no
// namespace are in the namespace default.
func (c csrCluster) untilEvent(t *testing.T, csr *certificatesv1.CertificateSigningRequest, reason, part string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		var list eventsv1.EventList
		if err := c.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault)); err != nil {
			return false, err
		}
		for i := range list.Items {
			if e := &list.Items[i]; e.Regarding.UID == csr.UID && e.Reason == reason && strings.Contains(e.Note, part) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Errorf("no event %s about %s says %q: %v", reason, csr.Name, part, err)
	}
}

func TestApprovedCSRIsSignedByTheCAOfAnIssuer(t *testing.T) {
	t.Parallel()
	c := startCSR(t)
	ca := c.ca(t, "ca")
	c.issuer(t, "ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.grantReference(t, "ca")
	signer := "issuers.cert-manager.io/" + c.namespace + ".ca"
	csr := c.ask(t, "web", signer, func(csr *certificatesv1.CertificateSigningRequest, _ *pki.Request) {
		csr.Spec.ExpirationSeconds = ptr.To[int32](3600)
	})
	waiting := c.ask(t, "waiting", signer, nil)
	c.approve(t, csr)
	if failed := c.untilOver(t, csr); failed != nil {
		t.Fatalf("failed: %s: %s", failed.Reason, failed.Message)
	}
	c.untilEvent(t, csr, cmv1.CertificateRequestEventCertificateIssued, "")
	chain, err := pki.DecodeCertificates(csr.Status.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	leaf := chain[0]
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		t.Error(err)
	}
	if got := leaf.NotAfter.Sub(leaf.NotBefore); got != time.Hour {
		t.Errorf("valid for %s", got)
	}
	if len(leaf.ExtKeyUsage) != 1 || leaf.DNSNames[0] != "shop.example.com" {
		t.Errorf("usages %v, names %v", leaf.ExtKeyUsage, leaf.DNSNames)
	}
	// The other one was there before, and nobody approved it.
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(waiting), waiting); err != nil {
		t.Fatal(err)
	}
	if len(waiting.Status.Certificate) > 0 || len(waiting.Status.Conditions) > 0 {
		t.Errorf("a request that nobody approved has status %+v", waiting.Status)
	}
}

func TestCSROfSomebodyWhoMayNotReferToTheIssuerFails(t *testing.T) {
	t.Parallel()
	c := startCSR(t)
	c.ca(t, "ca")
	c.issuer(t, "ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.grantReference(t, "another")
	csr := c.ask(t, "web", "issuers.cert-manager.io/"+c.namespace+".ca", nil)
	c.approve(t, csr)
	failed := c.untilOver(t, csr)
	if failed == nil || failed.Reason != "DeniedReference" || !strings.Contains(failed.Message, "grant the verb reference on signers.cert-manager.io") {
		t.Errorf("failed %+v, certificate %s", failed, csr.Status.Certificate)
	}
	c.untilEvent(t, csr, "DeniedReference", "may not have requests signed")
}

func TestCSRThatCanNotBeFulfilledFailsAndSaysWhy(t *testing.T) {
	t.Parallel()
	c := startCSR(t)
	c.issuer(t, "self", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}})
	c.grantReference(t, "*")
	signer := "issuers.cert-manager.io/" + c.namespace + ".self"
	rows := []struct {
		name, signer, reason, part string
		change                     func(*certificatesv1.CertificateSigningRequest, *pki.Request)
	}{
		{"no-key", signer, "MissingAnnotation", "experimental.cert-manager.io/private-key-secret-name", nil},
		{"nowhere", "issuers.cert-manager.io/self", "InvalidSignerName", "<namespace>.<name>", nil},
		{"short", signer, "ErrorParsingDuration", "10m0s is the least", func(csr *certificatesv1.CertificateSigningRequest, _ *pki.Request) {
			csr.Annotations = map[string]string{cmv1.CertificateSigningRequestDurationAnnotationKey: "1m"}
		}},
		{"liar", signer, "InvalidRequest", "isCA", func(csr *certificatesv1.CertificateSigningRequest, r *pki.Request) {
			csr.Annotations = map[string]string{cmv1.CertificateSigningRequestPrivateKeyAnnotationKey: "key"}
			r.IsCA, r.EncodeBasicConstraints = true, true
		}},
	}
	for _, row := range rows {
		csr := c.ask(t, row.name, row.signer, row.change)
		c.approve(t, csr)
		if failed := c.untilOver(t, csr); failed == nil || failed.Reason != row.reason || !strings.Contains(failed.Message, row.part) {
			t.Errorf("%s: failed %+v, want %s and %q", row.name, failed, row.reason, row.part)
		}
	}
}

func TestSelfSignedCSRWaitsForItsKey(t *testing.T) {
	t.Parallel()
	c := startCSR(t)
	key := newKey(t)
	text, err := pki.CreateRequest(rand.Reader, pki.Request{DNSNames: []string{"shop.example.com"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	c.grantReference(t, "*")
	csr := c.ask(t, "web", "issuers.cert-manager.io/"+c.namespace+".self", func(csr *certificatesv1.CertificateSigningRequest, _ *pki.Request) {
		csr.Spec.Request = text
		csr.Annotations = map[string]string{cmv1.CertificateSigningRequestPrivateKeyAnnotationKey: "web-key", cmv1.CertificateSigningRequestIsCAAnnotationKey: "true"}
	})
	c.approve(t, csr)
	c.untilEvent(t, csr, cmv1.CertificateRequestEventIssuerNotFound, `Issuer "self" does not exist`)
	c.issuer(t, "self", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}})
	c.untilEvent(t, csr, cmv1.CertificateRequestEventMissingSecret, `Secret "web-key"`)
	c.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "web-key"}, Data: map[string][]byte{"tls.key": encodeKey(t, key)}})
	if failed := c.untilOver(t, csr); failed != nil {
		t.Fatalf("failed: %s: %s", failed.Reason, failed.Message)
	}
	certs, err := pki.DecodeCertificates(csr.Status.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if leaf := certs[0]; !leaf.IsCA || !pki.IsSelfSigned(leaf) {
		t.Errorf("CA %t, issuer %s", leaf.IsCA, leaf.Issuer)
	}
}

func TestCSROfAClusterIssuerFollowsItsOrder(t *testing.T) {
	t.Parallel()
	c := startCSR(t)
	name := "acme-" + c.namespace
	issuer := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
		Server:     "https://acme.example.com/directory",
		PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
	}}}}
	c.create(t, issuer)
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), issuer); err != nil {
			t.Error(err)
		}
	})
	issuer.Status.Conditions = lifecycle.SetIssuerCondition(nil,
		cmv1.IssuerCondition{Type: cmv1.IssuerConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: issuer.Generation}, time.Now())
	if err := c.Status().Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	csr := c.ask(t, "web", "clusterissuers.cert-manager.io/"+name, func(csr *certificatesv1.CertificateSigningRequest, _ *pki.Request) {
		csr.Labels = map[string]string{"solver": "dns"}
		csr.Annotations = map[string]string{acmev1.ACMECertificateHTTP01IngressNameOverride: "somebody-elses"}
	})
	c.approve(t, csr)
	c.untilEvent(t, csr, cmv1.CertificateRequestEventOrderCreated, "")
	order := c.onlyOrder(t)
	owner := metav1.GetControllerOf(order)
	if owner == nil || owner.Kind != "CertificateSigningRequest" || owner.APIVersion != "certificates.k8s.io/v1" || owner.UID != csr.UID {
		t.Errorf("owner %+v", owner)
	}
	if order.Labels["solver"] != "dns" || len(order.Annotations) > 0 {
		t.Errorf("labels %v, annotations %v", order.Labels, order.Annotations)
	}
	ca, caKey := root(t)
	parsed, err := pki.DecodeRequest(csr.Spec.Request)
	if err != nil {
		t.Fatal(err)
	}
	template, err := pki.Template(parsed, pki.Profile{Duration: time.Hour}, big.NewInt(2), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.Sign(rand.Reader, template, ca, parsed.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	order.Status = acmev1.OrderStatus{State: acmev1.Valid, URL: "https://acme.example.com/order/1", Certificate: pki.EncodeCertificates(leaf)}
	c.updateOrder(t, order)
	if failed := c.untilOver(t, csr); failed != nil {
		t.Fatalf("failed: %s: %s", failed.Reason, failed.Message)
	}
	if string(csr.Status.Certificate) != string(order.Status.Certificate) {
		t.Errorf("certificate %s", csr.Status.Certificate)
	}
}
