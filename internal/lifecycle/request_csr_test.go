package lifecycle_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func TestSignerNamesAreThoseOfIssuers(t *testing.T) {
	t.Parallel()
	rows := []struct {
		signer    string
		kind      string
		namespace string
		name      string
	}{
		{"issuers.cert-manager.io/shop.ca", "Issuer", "shop", "ca"},
		{"issuers.cert-manager.io/shop.ca.with.dots", "Issuer", "shop", "ca.with.dots"},
		{"clusterissuers.cert-manager.io/ca", "ClusterIssuer", "", "ca"},
		{"clusterissuers.cert-manager.io/shop.ca", "ClusterIssuer", "", "shop.ca"},
	}
	for _, row := range rows {
		ref, namespace, ok := lifecycle.IssuerOfSigner(row.signer)
		want := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: row.kind, Name: row.name}
		if !ok || !lifecycle.IsOurSigner(row.signer) || ref != want || namespace != row.namespace {
			t.Errorf("%s is %+v in %q, %t", row.signer, ref, namespace, ok)
		}
		if back := lifecycle.SignerName(ref, namespace); back != row.signer {
			t.Errorf("%s comes back as %s", row.signer, back)
		}
	}
	for signer, ours := range map[string]bool{
		"issuers.cert-manager.io/ca": true, "issuers.cert-manager.io/.ca": true, "issuers.cert-manager.io/shop.": true, "clusterissuers.cert-manager.io/": true,
		"kubernetes.io/kube-apiserver-client": false, "issuers.cert-manager.io.example.com/shop.ca": false, "example.com/issuers.cert-manager.io": false,
	} {
		if _, _, ok := lifecycle.IssuerOfSigner(signer); ok || lifecycle.IsOurSigner(signer) != ours {
			t.Errorf("%s: an issuer %t, ours %t, want ours %t", signer, ok, lifecycle.IsOurSigner(signer), ours)
		}
	}
}

// plainCSR is approved and to be signed.
func plainCSR() *certificatesv1.CertificateSigningRequest {
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "web-uid", Labels: map[string]string{"team": "shop"}},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			SignerName: "issuers.cert-manager.io/shop.ca", Request: []byte("PEM"),
			Usages:   []certificatesv1.KeyUsage{certificatesv1.UsageServerAuth, certificatesv1.UsageDigitalSignature},
			Username: "jane", UID: "jane-uid", Groups: []string{"developers"},
		},
		Status: certificatesv1.CertificateSigningRequestStatus{Conditions: []certificatesv1.CertificateSigningRequestCondition{
			{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue},
		}},
	}
}

func TestOnlyApprovedRequestsOfOurSignersAreToBeSigned(t *testing.T) {
	t.Parallel()
	add := func(kind certificatesv1.RequestConditionType) func(*certificatesv1.CertificateSigningRequest) {
		return func(c *certificatesv1.CertificateSigningRequest) {
			c.Status.Conditions = append(c.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: kind, Status: corev1.ConditionTrue})
		}
	}
	rows := []struct {
		sentence string
		change   func(*certificatesv1.CertificateSigningRequest)
		want     bool
	}{
		{"an approved request is", func(*certificatesv1.CertificateSigningRequest) {}, true},
		{"one that nobody approved is not", func(c *certificatesv1.CertificateSigningRequest) { c.Status.Conditions = nil }, false},
		{"a denied one is not", add(certificatesv1.CertificateDenied), false},
		{"a failed one is not", add(certificatesv1.CertificateFailed), false},
		{"a signed one is not", func(c *certificatesv1.CertificateSigningRequest) { c.Status.Certificate = []byte("CHAIN") }, false},
		{"one of another signer is not", func(c *certificatesv1.CertificateSigningRequest) {
			c.Spec.SignerName = "kubernetes.io/kubelet-serving"
		}, false},
		{"one that is being deleted is not", func(c *certificatesv1.CertificateSigningRequest) {
			c.DeletionTimestamp = &metav1.Time{Time: requestNow}
		}, false},
	}
	for _, row := range rows {
		csr := plainCSR()
		row.change(csr)
		if got := lifecycle.CSRToSign(csr); got != row.want {
			t.Errorf("%s: %t", row.sentence, got)
		}
	}
}

func TestCSRIsReadAsTheRequestThatItWouldBe(t *testing.T) {
	t.Parallel()
	csr := plainCSR()
	csr.Annotations = map[string]string{
		"experimental.cert-manager.io/request-duration":        "1h",
		"experimental.cert-manager.io/request-is-ca":           "true",
		"experimental.cert-manager.io/private-key-secret-name": "key",
		"venafi.experimental.cert-manager.io/custom-fields":    "[]",
		"acme.cert-manager.io/http01-override-ingress-name":    "not-theirs",
		"cert-manager.io/private-key-secret-name":              "not-this-way",
	}
	got, fault := lifecycle.RequestOfCSR(csr, "shop", "", requestNow)
	if fault != nil {
		t.Fatal(*fault)
	}
	at := metav1.NewTime(requestNow)
	want := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web", UID: "web-uid", Labels: map[string]string{"team": "shop"},
			Annotations: map[string]string{"cert-manager.io/private-key-secret-name": "key", "venafi.cert-manager.io/custom-fields": "[]"},
		},
		Spec: cmv1.CertificateRequestSpec{
			Request: []byte("PEM"), IsCA: true, Duration: &metav1.Duration{Duration: time.Hour},
			Usages:    []cmv1.KeyUsage{cmv1.UsageServerAuth, cmv1.UsageDigitalSignature},
			IssuerRef: cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: "ca"},
			Username:  "jane", UID: "jane-uid", Groups: []string{"developers"},
		},
		Status: cmv1.CertificateRequestStatus{Conditions: []cmv1.CertificateRequestCondition{
			{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, LastTransitionTime: &at},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestLifetimeOfACSRIsItsFieldThenItsAnnotation(t *testing.T) {
	t.Parallel()
	seconds := func(n int32) *int32 { return &n }
	rows := []struct {
		field      *int32
		annotation string
		want       time.Duration
		fault      string
	}{
		{nil, "", 0, ""},
		{seconds(3600), "", time.Hour, ""},
		{seconds(3600), "2h", time.Hour, ""},
		{nil, "2h", 2 * time.Hour, ""},
		{nil, "600s", 10 * time.Minute, ""},
		{nil, "599s", 0, `asks for 9m59s, and 10m0s is the least`},
		{nil, "-1h", 0, `asks for -1h0m0s`},
		{nil, "90d", 0, `is "90d", not a duration such as 2160h`},
	}
	for _, row := range rows {
		csr := plainCSR()
		csr.Spec.ExpirationSeconds = row.field
		csr.Annotations = map[string]string{cmv1.CertificateSigningRequestDurationAnnotationKey: row.annotation}
		req, fault := lifecycle.RequestOfCSR(csr, "shop", "", requestNow)
		var got time.Duration
		if req.Spec.Duration != nil {
			got = req.Spec.Duration.Duration
		}
		switch {
		case row.fault == "" && fault != nil:
			t.Errorf("%+v: %s", row, fault.Message)
		case row.fault != "" && (fault == nil || fault.Reason != lifecycle.CSRReasonInvalidDuration || !strings.Contains(fault.Message, row.fault)):
			t.Errorf("%+v: fault %+v", row, fault)
		case got != row.want:
			t.Errorf("%+v: %s", row, got)
		}
	}
}

func TestCSRThatAsksForNonsenseIsFaulty(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]func(*certificatesv1.CertificateSigningRequest){
		lifecycle.CSRReasonInvalidSignerName: func(c *certificatesv1.CertificateSigningRequest) { c.Spec.SignerName = "issuers.cert-manager.io/ca" },
		lifecycle.CSRReasonInvalidIsCA: func(c *certificatesv1.CertificateSigningRequest) {
			c.Annotations = map[string]string{cmv1.CertificateSigningRequestIsCAAnnotationKey: "yes"}
		},
	} {
		csr := plainCSR()
		change(csr)
		if _, fault := lifecycle.RequestOfCSR(csr, "shop", "", requestNow); fault == nil || fault.Reason != reason {
			t.Errorf("fault %+v, want %s", fault, reason)
		}
	}
}

// describeCSR is what comes of a CSR, in words.
func describeCSR(csr *certificatesv1.CertificateSigningRequest, d lifecycle.RequestDecision) string {
	var b strings.Builder
	said, changed := lifecycle.WriteToCSR(csr, d, requestNow)
	fmt.Fprintf(&b, "said %q, changed %t\n", said, changed)
	for _, c := range csr.Status.Conditions[1:] {
		fmt.Fprintf(&b, "%s=%s %s: %s at %s\n", c.Type, c.Status, c.Reason, c.Message, c.LastTransitionTime.UTC().Format(time.TimeOnly))
	}
	if len(csr.Status.Certificate) > 0 {
		fmt.Fprintf(&b, "certificate %s\n", csr.Status.Certificate)
	}
	for _, e := range d.Events {
		fmt.Fprintf(&b, "%s %s\n", e.Type, e.Reason)
	}
	return b.String()
}

func TestDecisionsGoBackIntoTheCSR(t *testing.T) {
	t.Parallel()
	rows := []struct {
		sentence string
		said     string
		change   func(*lifecycle.RequestSeen)
		want     string
	}{
		{"what is signed gets its certificate, and no more", "",
			func(s *lifecycle.RequestSeen) {
				s.Outcome = lifecycle.OutcomeIssued{Chain: []byte("CHAIN"), CA: []byte("ROOT")}
			},
			"said \"\", changed true\ncertificate CHAIN\nNormal CertificateIssued\n"},
		{"a failure is a condition", "",
			func(s *lifecycle.RequestSeen) {
				s.Outcome = lifecycle.OutcomeFailed{Reason: "OrderFailed", Message: "refused"}
			},
			"said \"\", changed true\nFailed=True OrderFailed: refused at 08:00:00\nWarning OrderFailed\n"},
		{"a fault is a failure before the issuer is looked at", "",
			func(s *lifecycle.RequestSeen) {
				s.Fault, s.Issuer = &lifecycle.RequestFault{Reason: "DeniedReference", Message: "no"}, nil
			},
			"said \"\", changed true\nFailed=True DeniedReference: no at 08:00:00\nWarning DeniedReference\n"},
		{"garbage fails", "", func(s *lifecycle.RequestSeen) { s.CSR, s.CSRErr = nil, fmt.Errorf("no PEM") },
			"said \"\", changed true\nFailed=True RequestParsingError: spec.request: no PEM at 08:00:00\nWarning RequestParsingError\n"},
		{"a missing issuer is told, and changes nothing", "", func(s *lifecycle.RequestSeen) { s.Issuer = nil },
			"said \"Issuer \\\"ca\\\" does not exist\", changed false\nWarning IssuerNotFound\n"},
		{"a missing issuer is told once", `Issuer "ca" does not exist`, func(s *lifecycle.RequestSeen) { s.Issuer = nil },
			"said \"Issuer \\\"ca\\\" does not exist\", changed false\n"},
		{"progress is told once", "The certificate has been ordered", func(s *lifecycle.RequestSeen) { s.Outcome = lifecycle.OutcomePending{Reason: "OrderPending"} },
			"said \"The certificate has been ordered\", changed false\n"},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			csr := plainCSR()
			seen := plainRequest(t)
			seen.Request, seen.Fault = lifecycle.RequestOfCSR(csr, "shop", row.said, requestNow)
			row.change(&seen)
			if diff := cmp.Diff(row.want, describeCSR(csr, lifecycle.NextRequest(seen, requestNow))); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}
