package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// workload is a ServiceAccount that asks for certificates itself, as a CSI
// driver does: its keys are never in the cluster.
type workload struct {
	*peer

	user    string
	api     client.Client
	clients kubernetes.Interface
}

// newWorkload makes a ServiceAccount with a CA beside it, and the rights.
func newWorkload(t *testing.T, rules ...rbacv1.PolicyRule) *workload {
	t.Helper()
	p := &peer{journey: newJourney(t)}
	p.newCA()
	w := &workload{peer: p, user: "system:serviceaccount:" + p.namespace + ":workload"}
	meta := metav1.ObjectMeta{Namespace: p.namespace, Name: "workload"}
	p.create(&corev1.ServiceAccount{ObjectMeta: meta})
	p.create(&rbacv1.Role{ObjectMeta: meta, Rules: rules})
	p.create(&rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: p.namespace, Name: meta.Name}},
	})
	config := rest.CopyConfig(p.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: w.user, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + p.namespace, "system:authenticated"}}
	var err error
	if w.api, err = client.New(config, client.Options{Scheme: p.api.Scheme()}); err != nil {
		t.Fatal(err)
	}
	if w.clients, err = kubernetes.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	return w
}

// signing makes a key and its signing request.
func (w *workload) signing(host string) (*ecdsa.PrivateKey, []byte) {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{host}}, key)
	if err != nil {
		w.Fatal(err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// check checks a certificate against the key and the CA.
func (w *workload) check(chain []byte, key *ecdsa.PrivateKey, host string) {
	w.Helper()
	leaf, err := testbed.Leaf(chain)
	if err != nil {
		w.Fatal(err)
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		w.Error("the certificate is for another key")
	}
	if err := leaf.VerifyHostname(host); err != nil {
		w.Error(err)
	}
	if err := leaf.CheckSignatureFrom(w.root); err != nil {
		w.Error(err)
	}
}

func TestWorkloadGetsACertificateByARequestOfItsOwnAndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorkload(t, rbacv1.PolicyRule{
		APIGroups: []string{cmv1.GroupName}, Resources: []string{"certificaterequests"}, Verbs: []string{"create", "get", "list", "watch", "delete"},
	})
	for i := range 3 { // as often as its pods are started
		host := fmt.Sprintf("pod-%d.%s", i, w.host())
		key, text := w.signing(host)
		req := &cmv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "volume-"},
			Spec: cmv1.CertificateRequestSpec{
				Request: text, IssuerRef: cmmeta.IssuerReference{Name: "ca", Kind: cmv1.IssuerKind, Group: cmv1.GroupName},
				Duration: &metav1.Duration{Duration: time.Hour}, Usages: []cmv1.KeyUsage{cmv1.UsageServerAuth, cmv1.UsageDigitalSignature},
			},
		}
		if err := w.api.Create(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if req.Spec.Username != "" && req.Spec.Username != w.user {
			t.Errorf("the request says that %s made it", req.Spec.Username)
		}
		w.until("the request is issued", time.Minute, func(ctx context.Context) (bool, string, error) {
			err := w.api.Get(ctx, client.ObjectKeyFromObject(req), req)
			return len(req.Status.Certificate) > 0, fmt.Sprintf("%+v", req.Status.Conditions), err
		})
		w.check(req.Status.Certificate, key, host)
		if err := w.api.Delete(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		w.until("the request is gone", 30*time.Second, func(ctx context.Context) (bool, string, error) {
			err := w.api.Get(ctx, client.ObjectKeyFromObject(req), req)
			return apierrors.IsNotFound(err), "it is there", client.IgnoreNotFound(err)
		})
	}
	// It may ask, and not decide.
	_, text := w.signing(w.host())
	own := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "own"},
		Spec:       cmv1.CertificateRequestSpec{Request: text, IssuerRef: cmmeta.IssuerReference{Name: "missing"}},
	}
	if err := w.api.Create(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	own.Status.Conditions = []cmv1.CertificateRequestCondition{{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue}}
	if err := w.api.Status().Update(t.Context(), own); !apierrors.IsForbidden(err) {
		t.Errorf("a workload can approve its own request: %v", err)
	}
	secrets, err := w.names(t.Context(), &corev1.SecretList{}, client.InNamespace(w.namespace))
	if err != nil || len(secrets) != 1 {
		t.Errorf("Secrets are %v, %v, want that of the CA alone", secrets, err)
	}
}

func TestKubernetesOwnRequestsAreSignedByAnIssuer(t *testing.T) {
	t.Parallel()
	w := newWorkload(t, rbacv1.PolicyRule{APIGroups: []string{cmv1.GroupName}, Resources: []string{"signers"}, Verbs: []string{"reference"}, ResourceNames: []string{"ca"}})
	everywhere := metav1.ObjectMeta{Name: w.namespace}
	role := &rbacv1.ClusterRole{ObjectMeta: everywhere, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"certificates.k8s.io"}, Resources: []string{"certificatesigningrequests"}, Verbs: []string{"create", "get"}},
	}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: everywhere, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: w.namespace},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: "workload"}},
	}
	host := w.host()
	key, text := w.signing(host)
	csr := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: everywhere,
		Spec: certificatesv1.CertificateSigningRequestSpec{
			SignerName: "issuers.cert-manager.io/" + w.namespace + ".ca", Request: text, ExpirationSeconds: ptr.To[int32](3600),
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
		},
	}
	for _, o := range []client.Object{role, binding} {
		w.create(o)
	}
	t.Cleanup(func() {
		for _, o := range []client.Object{role, binding, csr} {
			if err := client.IgnoreNotFound(w.journey.api.Delete(context.Background(), o)); err != nil {
				t.Error(err)
			}
		}
	})
	if err := w.api.Create(t.Context(), csr); err != nil {
		t.Fatal(err)
	}
	csr.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "E2E"}}
	if _, err := w.journey.clients.CertificatesV1().CertificateSigningRequests().UpdateApproval(t.Context(), csr.Name, csr, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("the request is signed", time.Minute, func(ctx context.Context) (bool, string, error) {
		err := w.api.Get(ctx, client.ObjectKeyFromObject(csr), csr)
		return len(csr.Status.Certificate) > 0, fmt.Sprintf("%+v", csr.Status.Conditions), err
	})
	w.check(csr.Status.Certificate, key, host)
}
