package issuers

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// oneOrder is a client of an API server that has room for one Order.
type oneOrder struct {
	client.Client

	order *acmev1.Order
}

func (c *oneOrder) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if c.order == nil || client.ObjectKeyFromObject(c.order) != key {
		return apierrors.NewNotFound(acmev1.GroupVersion.WithResource("orders").GroupResource(), key.Name)
	}
	c.order.DeepCopyInto(into.(*acmev1.Order))
	return nil
}

func (c *oneOrder) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	c.order = o.(*acmev1.Order).DeepCopy()
	return nil
}

func (c *oneOrder) Delete(context.Context, client.Object, ...client.DeleteOption) error {
	c.order = nil
	return nil
}

func acmeIssuer() *cmv1.Issuer {
	return &cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "acme"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{Profile: "shortlived"}}},
	}
}

func acmeRequest(t *testing.T) Input {
	t.Helper()
	in := request(t, newKey(t, pki.ECDSA), pki.Request{
		Subject: pkix.Name{CommonName: "b.example.com"}, DNSNames: []string{"b.example.com", "*.a.example.com"}, IPAddresses: []net.IP{net.ParseIP("2001:db8::1")},
	})
	in.Issuer = acmeIssuer()
	in.Request.Spec.IssuerRef = cmmeta.IssuerReference{Name: "acme"}
	in.Request.Spec.Duration = &metav1.Duration{Duration: 48 * time.Hour}
	in.Request.Labels = map[string]string{"app": "shop"}
	in.Request.Annotations = map[string]string{acmev1.ACMECertificateHTTP01IngressNameOverride: "web"}
	return in
}

func TestCertificateForClientsOnlyIsNotOrderedOfLetsEncrypt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		sentence string
		server   string
		usages   []cmv1.KeyUsage
		ordered  bool
	}{
		{"clients only", "https://acme-v02.api.letsencrypt.org/directory", []cmv1.KeyUsage{cmv1.UsageDigitalSignature, cmv1.UsageClientAuth}, false},
		{"clients and servers", "https://acme-v02.api.letsencrypt.org/directory", []cmv1.KeyUsage{cmv1.UsageClientAuth, cmv1.UsageServerAuth}, true},
		{"nothing said", "https://acme-v02.api.letsencrypt.org/directory", nil, true},
		{"a CA of one's own", "https://ca.example.com/directory", []cmv1.KeyUsage{cmv1.UsageClientAuth}, true},
	} {
		in, store := acmeRequest(t), &oneOrder{}
		in.Issuer.GetSpec().ACME.Server = row.server
		in.Request.Spec.Usages = row.usages
		outcome := sign(t, &acmeSigner{client: store}, in)
		if ordered := store.order != nil; ordered != row.ordered {
			t.Errorf("%s: ordered %t", row.sentence, ordered)
		}
		if failed, ok := outcome.(lifecycle.OutcomeFailed); ok == row.ordered || (ok && !strings.Contains(failed.Message, `add the usage "server auth"`)) {
			t.Errorf("%s: outcome %#v", row.sentence, outcome)
		}
	}
}

func TestRequestBecomesAnOrder(t *testing.T) {
	t.Parallel()
	in, store := acmeRequest(t), &oneOrder{}
	s := &acmeSigner{client: store}
	if got, want := sign(t, s, in), (lifecycle.OutcomePending{Reason: "OrderCreated"}); got != want {
		t.Fatalf("outcome %#v, want %#v", got, want)
	}
	want := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: store.order.Name, Labels: in.Request.Labels, Annotations: in.Request.Annotations,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "cert-manager.io/v1", Kind: "CertificateRequest", Name: "web-1", UID: "uid-web-1",
				Controller: new(true), BlockOwnerDeletion: new(true),
			}},
		},
		Spec: acmev1.OrderSpec{
			Request: in.Request.Spec.Request, IssuerRef: cmmeta.IssuerReference{Name: "acme"},
			CommonName: "b.example.com", DNSNames: []string{"b.example.com", "*.a.example.com"}, IPAddresses: []string{"2001:db8::1"}, Profile: "shortlived",
		},
	}
	if diff := cmp.Diff(want, store.order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(store.order.Name, "web-1-") {
		t.Errorf("name %q", store.order.Name)
	}
	if got, want := sign(t, s, in), (lifecycle.OutcomePending{Reason: "OrderPending"}); got != want {
		t.Errorf("outcome %#v, want %#v", got, want)
	}
}

func TestOrderAsksForADurationOnlyIfTheIssuerSaysSo(t *testing.T) {
	t.Parallel()
	in := acmeRequest(t)
	in.Issuer.GetSpec().ACME.EnableDurationFeature = true
	order, err := buildOrder(in)
	if err != nil || order.Spec.Duration == nil || order.Spec.Duration.Duration != 48*time.Hour {
		t.Errorf("duration %v, %v", order.Spec.Duration, err)
	}
}

func TestOrderNameDoesNotDependOnTheKey(t *testing.T) {
	t.Parallel()
	a, errA := buildOrder(acmeRequest(t))
	b, errB := buildOrder(acmeRequest(t))
	if errA != nil || errB != nil || a.Name != b.Name {
		t.Errorf("%q and %q, %v, %v", a.Name, b.Name, errA, errB)
	}
}

func TestNamesThatNoACMECAIssuesForAreRefused(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		request  pki.Request
		want     string
	}{
		{"a common name that is not among the names", pki.Request{Subject: pkix.Name{CommonName: "c"}, DNSNames: []string{"a.example.com"}},
			`The common name "c" must be one of the DNS names or IP addresses as well`},
		{"a common name alone", pki.Request{Subject: pkix.Name{CommonName: "c.example.com"}}, "An ACME certificate needs at least one DNS name or IP address"},
		{"a common name that is an address", pki.Request{Subject: pkix.Name{CommonName: "192.0.2.1"}, IPAddresses: []net.IP{net.ParseIP("192.0.2.1")}}, ""},
		{"no common name", pki.Request{DNSNames: []string{"a.example.com"}}, ""},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			in, store := request(t, newKey(t, pki.ECDSA), row.request), &oneOrder{}
			in.Issuer = acmeIssuer()
			outcome := sign(t, &acmeSigner{client: store}, in)
			failed, refused := outcome.(lifecycle.OutcomeFailed)
			if failed.Message != row.want || refused != (row.want != "") || refused != (store.order == nil) || refused && failed.Reason != "InvalidOrder" {
				t.Errorf("outcome %#v, order %v, want %q", outcome, store.order, row.want)
			}
		})
	}
}

func TestRequestFollowsItsOrder(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "acme root", nil, nil)
	certificate := func(in Input) []byte {
		template, err := pki.Template(in.CSR, pki.Profile{Duration: time.Hour}, root.cert.SerialNumber, testNow)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := pki.Sign(rand.Reader, template, root.cert, in.CSR.PublicKey, root.key)
		if err != nil {
			t.Fatal(err)
		}
		return pki.EncodeCertificates(cert, root.cert)
	}
	other := certificate(acmeRequest(t))
	rows := []struct {
		sentence string
		change   func(order *acmev1.Order, in Input)
		want     func(order *acmev1.Order) lifecycle.Outcome
		deleted  bool
	}{
		{"a pending order is progress", func(o *acmev1.Order, _ Input) { o.Status.State = acmev1.Pending },
			func(*acmev1.Order) lifecycle.Outcome { return lifecycle.OutcomePending{Reason: "OrderPending"} }, false},
		{"an order in trouble says so", func(o *acmev1.Order, _ Input) { o.Status.State, o.Status.Reason = acmev1.Pending, "the CA is down" },
			func(o *acmev1.Order) lifecycle.Outcome {
				return lifecycle.OutcomePending{Reason: "OrderPending", Message: `Order "` + o.Name + `": the CA is down`}
			}, false},
		{"a failed order fails", func(o *acmev1.Order, _ Input) { o.Status.State, o.Status.Reason = acmev1.Invalid, "refused" },
			func(o *acmev1.Order) lifecycle.Outcome {
				return lifecycle.OutcomeFailed{Reason: "OrderFailed", Message: `Order "` + o.Name + `" is invalid: refused`}
			}, false},
		{"an order that expired without a word fails", func(o *acmev1.Order, _ Input) { o.Status.State = acmev1.Expired },
			func(o *acmev1.Order) lifecycle.Outcome {
				return lifecycle.OutcomeFailed{Reason: "OrderFailed", Message: `Order "` + o.Name + `" is expired: no reason is known`}
			}, false},
		{"an order that is being deleted is waited for",
			func(o *acmev1.Order, _ Input) {
				o.DeletionTimestamp, o.Status.State = &metav1.Time{Time: testNow}, acmev1.Invalid
			},
			func(*acmev1.Order) lifecycle.Outcome { return lifecycle.OutcomePending{Reason: "OrderPending"} }, false},
		{"the order of another request is in the way", func(o *acmev1.Order, _ Input) { o.OwnerReferences[0].UID = "another" },
			func(o *acmev1.Order) lifecycle.Outcome {
				return lifecycle.OutcomePending{Reason: "OrderCreatingError", Message: `Order "` + o.Name + `" belongs to something else: delete it, if it is a remnant`,
					Wake: testNow.Add(time.Minute)}
			}, false},
		{"an order for another key is made again",
			func(o *acmev1.Order, _ Input) {
				o.Status.State, o.Status.Certificate, o.Spec.Request = acmev1.Valid, other, []byte("another")
			},
			func(o *acmev1.Order) lifecycle.Outcome {
				return lifecycle.OutcomePending{Reason: "OrderPending", Message: `Order "` + o.Name + `" was for another signing request and is made again`}
			}, true},
		{"a CA that issues for another key has failed", func(o *acmev1.Order, _ Input) { o.Status.State, o.Status.Certificate = acmev1.Valid, other },
			func(o *acmev1.Order) lifecycle.Outcome {
				return lifecycle.OutcomeFailed{Reason: "OrderFailed",
					Message: `Order "` + o.Name + `" holds a certificate of no use: check issued certificate: its public key is not that of the request`}
			}, false},
		{"a CA that issues garbage has failed", func(o *acmev1.Order, _ Input) { o.Status.State, o.Status.Certificate = acmev1.Valid, []byte("garbage") },
			func(o *acmev1.Order) lifecycle.Outcome {
				return lifecycle.OutcomeFailed{Reason: "OrderFailed", Message: `Order "` + o.Name + `" holds a certificate of no use: decode certificates: no PEM block found`}
			}, false},
		{"a valid order is issued, without a word about the root",
			func(o *acmev1.Order, in Input) { o.Status.State, o.Status.Certificate = acmev1.Valid, certificate(in) },
			func(o *acmev1.Order) lifecycle.Outcome { return lifecycle.OutcomeIssued{Chain: o.Status.Certificate} }, false},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			in, store := acmeRequest(t), &oneOrder{}
			s := &acmeSigner{client: store}
			sign(t, s, in)
			row.change(store.order, in)
			want := row.want(store.order.DeepCopy())
			if diff := cmp.Diff(want, sign(t, s, in)); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
			if deleted := store.order == nil; deleted != row.deleted {
				t.Errorf("deleted %t, want %t", deleted, row.deleted)
			}
		})
	}
}

// fullQuota refuses every Order.
type fullQuota struct{ oneOrder }

func (*fullQuota) Create(context.Context, client.Object, ...client.CreateOption) error {
	return apierrors.NewForbidden(acmev1.GroupVersion.WithResource("orders").GroupResource(), "web", errors.New("exceeded quota"))
}

func TestOrderThatTheAPIServerRefusesIsSaidAndTriedAgain(t *testing.T) {
	t.Parallel()
	got, ok := sign(t, &acmeSigner{client: &fullQuota{}}, acmeRequest(t)).(lifecycle.OutcomePending)
	if !ok || got.Reason != "OrderCreatingError" || !strings.Contains(got.Message, "exceeded quota") || !got.Wake.Equal(testNow.Add(time.Minute)) {
		t.Errorf("outcome %#v", got)
	}
}
