package request

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/operator"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// cluster is a namespace of a real API server on which the controller works.
type cluster struct {
	client.Client

	config    *rest.Config
	namespace string
	counter   *counter
}

// counter counts what the controller asks of the API server: the path's last
// resource, with the verb before it.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counter) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if !r.URL.Query().Has("watch") && !strings.Contains(r.URL.RawQuery, "limit=") {
			c.mu.Lock()
			c.counts[r.Method+" "+resource(r.URL.Path)]++
			c.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// resource is the resource that a path is about, with its subresource.
func resource(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		if part == "namespaces" && i+2 < len(parts) {
			if i+4 < len(parts) {
				return parts[i+2] + "/" + parts[i+4]
			}
			return parts[i+2]
		}
	}
	return parts[len(parts)-1]
}

func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	c.counts = map[string]int{}
	return counts
}

func start(t *testing.T, change func(*Config)) cluster {
	t.Helper()
	restConfig := apiserver.Start(t)
	namespace := apiserver.Namespace(t, restConfig)
	scheme := operator.Scheme(t)
	count := &counter{counts: map[string]int{}}
	watched := rest.CopyConfig(restConfig)
	watched.Wrap(count.wrap)
	o := operator.New(t, watched, scheme, namespace)
	signers, _ := o.Issuers(time.Now)
	cfg := Config{Clock: time.Now, Signers: signers, Secrets: o.Secrets}
	if change != nil {
		change(&cfg)
	}
	if err := Setup(o.Manager, cfg); err != nil {
		t.Fatal(err)
	}
	o.Start()
	c, err := client.New(restConfig, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return cluster{Client: c, config: restConfig, namespace: namespace, counter: count}
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encodeKey(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	text, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// root makes a self-signed CA.
func root(t *testing.T) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (c cluster) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// issuer creates an issuer and says that it is ready, as its controller would.
func (c cluster) issuer(t *testing.T, name string, spec cmv1.IssuerConfig) {
	t.Helper()
	issuer := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, Spec: cmv1.IssuerSpec{IssuerConfig: spec}}
	c.create(t, issuer)
	issuer.Status.Conditions = lifecycle.SetIssuerCondition(nil,
		cmv1.IssuerCondition{Type: cmv1.IssuerConditionReady, Status: cmmeta.ConditionTrue, ObservedGeneration: issuer.Generation}, time.Now())
	if err := c.Status().Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
}

// ca creates the Secret of a CA without our label, as people do.
func (c cluster) ca(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	cert, key := root(t)
	c.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Data:       map[string][]byte{"tls.key": encodeKey(t, key), "tls.crt": pki.EncodeCertificates(cert)},
	})
	return cert
}

// request builds a CertificateRequest for an issuer.
func (c cluster) request(t *testing.T, name, issuer string, key crypto.Signer, change func(*pki.Request)) *cmv1.CertificateRequest {
	t.Helper()
	r := pki.Request{DNSNames: []string{"shop.example.com"}}
	if change != nil {
		change(&r)
	}
	text, err := pki.CreateRequest(rand.Reader, r, key)
	if err != nil {
		t.Fatal(err)
	}
	return &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec:       cmv1.CertificateRequestSpec{Request: text, IssuerRef: cmmeta.IssuerReference{Name: issuer}},
	}
}

// until waits until the conditions of a request are the wanted ones, written as
// "Approved Ready=Pending", and returns the request.
func (c cluster) until(t *testing.T, name, want string) *cmv1.CertificateRequest {
	t.Helper()
	req := &cmv1.CertificateRequest{}
	var got []string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 40*time.Second, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, req); err != nil {
			return false, err
		}
		got = nil
		for _, condition := range req.Status.Conditions {
			text := string(condition.Type)
			if condition.Type == cmv1.CertificateRequestConditionReady {
				text += "=" + condition.Reason
			}
			got = append(got, text)
		}
		return strings.Join(got, " ") == want, nil
	})
	if err != nil {
		t.Fatalf("request %s has conditions %q, want %q: %v", name, got, want, err)
	}
	return req
}

func message(req *cmv1.CertificateRequest) string {
	return lifecycle.FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady).Message
}

func TestRequestsOfACAAreApprovedAndIssuedInOneWriteEach(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	ca := c.ca(t, "ca")
	c.issuer(t, "ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.create(t, c.request(t, "first", "ca", newKey(t), nil))
	c.until(t, "first", "Approved Ready=Issued")
	c.untilEvents(t, "first", "CertificateIssued", "cert-manager.io")
	c.counter.take() // of starting up: discovery, the permission, the CA's Secret

	const many = 20
	crt := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "web"},
		Spec:       cmv1.CertificateSpec{SecretName: "web", DNSNames: []string{"shop.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
	}
	c.create(t, crt)
	owner := *metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))
	for i := range many {
		req := c.request(t, fmt.Sprintf("web-%d", i), "ca", newKey(t), nil)
		req.OwnerReferences = []metav1.OwnerReference{owner}
		c.create(t, req)
	}
	for i := range many {
		req := c.until(t, fmt.Sprintf("web-%d", i), "Approved Ready=Issued")
		chain, err := pki.DecodeCertificates(req.Status.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if err := chain[0].CheckSignatureFrom(ca); err != nil {
			t.Errorf("%s: %v", req.Name, err)
		}
	}
	if diff := cmp.Diff(map[string]int{"PUT certificaterequests/status": many}, c.counter.take()); diff != "" {
		t.Errorf("API requests (-want +got):\n%s", diff)
	}

	// Events come in their order: those of the last request would be preceded
	// by any of the others.
	c.create(t, c.request(t, "last", "ca", newKey(t), nil))
	c.untilEvents(t, "last", "CertificateIssued", "cert-manager.io")
	var list eventsv1.EventList
	if err := c.List(t.Context(), &list, client.InNamespace(c.namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if e := &list.Items[i]; strings.HasPrefix(e.Regarding.Name, "web-") {
			t.Errorf("event %s of a request that a Certificate made", e.Reason)
		}
	}
}

// untilEvents waits for the events of a request to have the given reasons.
func (c cluster) untilEvents(t *testing.T, name string, want ...string) {
	t.Helper()
	got := map[string]bool{}
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		var list eventsv1.EventList
		if err := c.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
			return false, err
		}
		for i := range list.Items {
			if list.Items[i].Regarding.Name == name {
				got[list.Items[i].Reason] = true
			}
		}
		for _, reason := range want {
			if !got[reason] {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil || len(got) != len(want) {
		t.Errorf("events %v, want %v: %v", got, want, err)
	}
}

func TestDeniedRequestIsNotIssued(t *testing.T) {
	t.Parallel()
	c := start(t, func(cfg *Config) { cfg.DisableApproval = true })
	c.ca(t, "ca")
	c.issuer(t, "ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	for name, verdict := range map[string]cmv1.CertificateRequestConditionType{
		"good": cmv1.CertificateRequestConditionApproved, "bad": cmv1.CertificateRequestConditionDenied,
	} {
		req := c.request(t, name, "ca", newKey(t), nil)
		c.create(t, req)
		req.Status.Conditions = lifecycle.SetRequestCondition(nil, cmv1.CertificateRequestCondition{Type: verdict, Status: cmmeta.ConditionTrue, Reason: "policy"}, time.Now())
		if err := c.Status().Update(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	c.until(t, "good", "Approved Ready=Issued")
	if bad := c.until(t, "bad", "Denied Ready=Denied"); bad.Status.FailureTime == nil || len(bad.Status.Certificate) > 0 {
		t.Errorf("status %+v", bad.Status)
	}
}

func TestMissingIssuerIsHealedByCreatingIt(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.create(t, c.request(t, "web", "late", newKey(t), nil))
	if got := message(c.until(t, "web", "Approved Ready=Pending")); got != `Issuer "late" does not exist` {
		t.Errorf("message %q", got)
	}
	c.ca(t, "ca")
	c.issuer(t, "late", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.until(t, "web", "Approved Ready=Issued")
}

func TestRequestThatLiesIsInvalidAndNotApproved(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.create(t,
		c.request(t, "liar", "ca", newKey(t), func(r *pki.Request) { r.IsCA, r.EncodeBasicConstraints = true, true }),
		&cmv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "garbage"},
			Spec:       cmv1.CertificateRequestSpec{Request: []byte("-----BEGIN NOTHING-----"), IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
		})
	for _, name := range []string{"liar", "garbage"} {
		req := c.until(t, name, "InvalidRequest Ready=Failed")
		if req.Status.FailureTime == nil {
			t.Fatalf("%s: no failure time", name)
		}
		// Both are in whole seconds, so one may have just begun.
		if took := req.Status.FailureTime.Sub(req.CreationTimestamp.Time); took > 2*time.Second {
			t.Errorf("%s: invalid only after %s", name, took)
		}
	}
}

func TestRequestThatNobodyApprovesSaysSo(t *testing.T) {
	t.Parallel()
	c := start(t, func(cfg *Config) { cfg.DisableApproval = true })
	c.ca(t, "ca")
	c.issuer(t, "ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.create(t, c.request(t, "web", "ca", newKey(t), nil))
	if got := message(c.until(t, "web", "Ready=Pending")); !strings.Contains(got, "Waiting for approval") {
		t.Errorf("message %q", got)
	}
	c.untilEvents(t, "web", "WaitingForApproval")
}

func TestSelfSignedRequestThatCanNotBeSignedFailsForGood(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.issuer(t, "self", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}})
	c.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "key"}, Data: map[string][]byte{"tls.key": encodeKey(t, newKey(t))}})
	other := c.request(t, "other-key", "self", newKey(t), nil)
	other.Annotations = map[string]string{cmv1.CertificateRequestPrivateKeyAnnotationKey: "key"}
	c.create(t, c.request(t, "no-key", "self", newKey(t), nil), other)
	for name, reason := range map[string]string{"no-key": "MissingAnnotation", "other-key": "ErrorKeyMatch"} {
		if req := c.until(t, name, "Approved Ready=Failed"); req.Status.FailureTime == nil {
			t.Errorf("%s: no failure time", name)
		}
		c.untilEvents(t, name, "cert-manager.io", reason)
	}
}

func TestMissingSecretOfACAIsTold(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.issuer(t, "ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.create(t, c.request(t, "web", "ca", newKey(t), nil))
	if got, want := message(c.until(t, "web", "Approved Ready=Pending")), fmt.Sprintf("Secret %q does not exist in namespace %q", "ca", c.namespace); got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	c.untilEvents(t, "web", "cert-manager.io", "SecretMissing")
}

func TestMissingKeyOfASelfSignedCertificateIsHealedByCreatingIt(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.issuer(t, "self", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}})
	key := newKey(t)
	req := c.request(t, "web", "self", key, func(r *pki.Request) { r.Subject.CommonName = "web" })
	req.Annotations = map[string]string{cmv1.CertificateRequestPrivateKeyAnnotationKey: "web-key"}
	c.create(t, req)
	if got := message(c.until(t, "web", "Approved Ready=Pending")); got != `Secret "web-key" with the private key does not exist` {
		t.Errorf("message %q", got)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "web-key"}, Data: map[string][]byte{"tls.key": []byte("garbage")}}
	c.create(t, secret)
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		return strings.Contains(message(c.until(t, "web", "Approved Ready=Pending")), "has no usable tls.key"), nil
	})
	if err != nil {
		t.Error("garbage is not noticed")
	}
	secret.Data["tls.key"] = encodeKey(t, key)
	if err := c.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.until(t, "web", "Approved Ready=Issued")
}

func TestRequestOfAnExternalIssuerIsApprovedAndLeftToIt(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	// Any kind that is served will do as the kind of an external issuer.
	req := c.request(t, "web", "remote", newKey(t), nil)
	req.Spec.IssuerRef.Group, req.Spec.IssuerRef.Kind = "apps", "Deployment"
	c.create(t, req)
	c.until(t, "web", "Approved")
	unknown := c.request(t, "unknown", "remote", newKey(t), nil)
	unknown.Spec.IssuerRef.Group, unknown.Spec.IssuerRef.Kind = "issuers.example.com", "RemoteCA"
	c.create(t, unknown)
	second := c.request(t, "second", "remote", newKey(t), nil)
	second.Spec.IssuerRef = req.Spec.IssuerRef
	c.create(t, second)
	c.until(t, "second", "Approved")
	c.until(t, "unknown", "")
}

func TestRequestOfAnACMEIssuerFollowsItsOrder(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.issuer(t, "acme", cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
		Server:     "https://acme.example.com/directory",
		PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
	}})
	req := c.request(t, "web", "acme", newKey(t), nil)
	c.create(t, req)
	if _, trouble := lifecycle.RequestTrouble(c.until(t, "web", "Approved Ready=Pending")); trouble {
		t.Error("progress is called trouble")
	}
	order := c.onlyOrder(t)
	order.Status = acmev1.OrderStatus{State: acmev1.Pending, URL: "https://acme.example.com/order/1", Reason: "the CA is down"}
	c.updateOrder(t, order)
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		return message(c.until(t, "web", "Approved Ready=Pending")) == fmt.Sprintf("Order %q: the CA is down", order.Name), nil
	})
	if err != nil {
		t.Error("the trouble of the order is not passed on")
	}
	cert, key := root(t)
	csr, err := pki.DecodeRequest(req.Spec.Request)
	if err != nil {
		t.Fatal(err)
	}
	template, err := pki.Template(csr, pki.Profile{Duration: time.Hour}, big.NewInt(2), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.Sign(rand.Reader, template, cert, csr.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	order.Status.State, order.Status.Reason, order.Status.Certificate = acmev1.Valid, "", pki.EncodeCertificates(leaf)
	c.updateOrder(t, order)
	if got := c.until(t, "web", "Approved Ready=Issued"); string(got.Status.Certificate) != string(order.Status.Certificate) || len(got.Status.CA) > 0 {
		t.Errorf("certificate %s, ca %s", got.Status.Certificate, got.Status.CA)
	}
}

// onlyOrder is the one Order of the namespace.
func (c cluster) onlyOrder(t *testing.T) *acmev1.Order {
	t.Helper()
	var list acmev1.OrderList
	if err := c.List(t.Context(), &list, client.InNamespace(c.namespace)); err != nil || len(list.Items) != 1 {
		t.Fatalf("%d orders, %v, want one", len(list.Items), err)
	}
	return &list.Items[0]
}

func (c cluster) updateOrder(t *testing.T, order *acmev1.Order) {
	t.Helper()
	if err := c.Status().Update(t.Context(), order); err != nil && !apierrors.IsConflict(err) {
		t.Fatal(err)
	}
}
