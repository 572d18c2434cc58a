package lifecycle_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

var requestNow = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// signingRequest is the parsed signing request for r.
func signingRequest(t *testing.T, r pki.Request) *x509.CertificateRequest {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	text, err := pki.CreateRequest(rand.New(rand.NewSource(1)), r, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.DecodeRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// plainRequest is what the rows start from: a request of a minute ago, which
// somebody has approved, for a CA issuer that is ready.
func plainRequest(t *testing.T) lifecycle.RequestSeen {
	t.Helper()
	return lifecycle.RequestSeen{
		Request: &cmv1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "web-1", CreationTimestamp: metav1.NewTime(requestNow.Add(-time.Minute)),
				OwnerReferences: []metav1.OwnerReference{{Kind: cmv1.CertificateKind, Name: "web", Controller: new(true)}},
			},
			Spec: cmv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: "ca"}},
			Status: cmv1.CertificateRequestStatus{Conditions: []cmv1.CertificateRequestCondition{
				{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: "by.hand"},
			}},
		},
		CSR:    signingRequest(t, pki.Request{DNSNames: []string{"shop.example.com"}}),
		Issuer: &lifecycle.SeenIssuer{Type: "ca", Ready: true},
	}
}

func undecided(s *lifecycle.RequestSeen) { s.Request.Status.Conditions = nil }

func foreign(s *lifecycle.RequestSeen) {
	s.Request.Spec.IssuerRef = cmmeta.IssuerReference{Group: "issuers.example.com", Kind: "RemoteCA", Name: "ca"}
	s.Issuer = nil
}

func bare(s *lifecycle.RequestSeen) { s.Request.OwnerReferences = nil }

func newborn(s *lifecycle.RequestSeen) {
	s.Request.CreationTimestamp = metav1.NewTime(requestNow.Add(-time.Second))
}

func selfSigned(s *lifecycle.RequestSeen) { s.Issuer.Type = lifecycle.TypeSelfSigned }

func mayApprove(s *lifecycle.RequestSeen) { s.MayApprove = true }

func condition(t cmv1.CertificateRequestConditionType, status cmmeta.ConditionStatus, reason, message string) func(*lifecycle.RequestSeen) {
	return func(s *lifecycle.RequestSeen) {
		s.Request.Status.Conditions = lifecycle.SetRequestCondition(s.Request.Status.Conditions,
			cmv1.CertificateRequestCondition{Type: t, Status: status, Reason: reason, Message: message}, requestNow.Add(-time.Second))
	}
}

func answer(o lifecycle.Outcome) func(*lifecycle.RequestSeen) {
	return func(s *lifecycle.RequestSeen) { s.Outcome = o }
}

// describe is a decision in words: what to do, what is news in the status, the
// events and the wake.
func describe(before *cmv1.CertificateRequest, d lifecycle.RequestDecision) string {
	var b strings.Builder
	if _, sign := d.Action.(lifecycle.SignRequest); sign {
		b.WriteString("sign\n")
	}
	for _, c := range d.Status.Conditions {
		if old := lifecycle.FindRequestCondition(before.Status.Conditions, c.Type); old != nil && cmp.Equal(*old, c) {
			continue
		}
		fmt.Fprintf(&b, "%s=%s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	if len(d.Status.Certificate) > 0 {
		fmt.Fprintf(&b, "certificate %s, ca %s\n", d.Status.Certificate, d.Status.CA)
	}
	if d.Status.FailureTime != nil && before.Status.FailureTime == nil {
		fmt.Fprintf(&b, "failed at %s\n", d.Status.FailureTime.UTC().Format(time.TimeOnly))
	}
	for _, e := range d.Events {
		fmt.Fprintf(&b, "%s %s\n", e.Type, e.Reason)
	}
	if !d.Wake.IsZero() {
		fmt.Fprintf(&b, "wake in %s\n", d.Wake.Sub(requestNow))
	}
	return b.String()
}

func TestNextRequest(t *testing.T) {
	t.Parallel()
	type change = func(*lifecycle.RequestSeen)
	const (
		approved = cmv1.CertificateRequestConditionApproved
		denied   = cmv1.CertificateRequestConditionDenied
		invalid  = cmv1.CertificateRequestConditionInvalidRequest
		ready    = cmv1.CertificateRequestConditionReady
	)
	issued := lifecycle.OutcomeIssued{Chain: []byte("CHAIN"), CA: []byte("ROOT")}
	rows := []struct {
		sentence string
		given    []change
		want     string
	}{
		{"an approved request is signed", nil, "sign\n"},
		{"a signed request is issued, and the Certificate tells so", []change{answer(issued)},
			"Ready=True Issued: Certificate fetched from issuer successfully\ncertificate CHAIN, ca ROOT\n"},
		{"a signed request of nobody tells so itself", []change{bare, answer(issued)},
			"Ready=True Issued: Certificate fetched from issuer successfully\ncertificate CHAIN, ca ROOT\nNormal CertificateIssued\n"},
		{"a self-signed certificate without a subject is issued with a warning", []change{selfSigned, answer(issued)},
			"Ready=True Issued: Certificate fetched from issuer successfully\ncertificate CHAIN, ca ROOT\nWarning BadConfig\n"},

		{"what the operator may approve is approved and signed in one pass", []change{undecided, mayApprove},
			"sign\nApproved=True cert-manager.io: The operator has the permission to approve requests for this issuer\n"},
		{"approval and certificate are one write", []change{undecided, mayApprove, answer(issued)},
			"Approved=True cert-manager.io: The operator has the permission to approve requests for this issuer\n" +
				"Ready=True Issued: Certificate fetched from issuer successfully\ncertificate CHAIN, ca ROOT\n"},
		{"approval and the trouble of the issuer are one write", []change{undecided, mayApprove, func(s *lifecycle.RequestSeen) { s.Issuer = nil }},
			"Approved=True cert-manager.io: The operator has the permission to approve requests for this issuer\n" +
				"Ready=False Pending: Issuer \"ca\" does not exist\nWarning IssuerNotFound\n"},
		{"a new request is left to an approver for a moment", []change{undecided, newborn}, "wake in 14s\n"},
		{"a request that nobody approves says so", []change{undecided},
			"Ready=False Pending: Waiting for approval: nobody has approved or denied this request\nNormal WaitingForApproval\nwake in 5m0s\n"},
		{"a request that nobody approves says so once",
			[]change{undecided, condition(ready, cmmeta.ConditionFalse, "Pending", "Waiting for approval: nobody has approved or denied this request")},
			"wake in 5m0s\n"},

		{"a denied request is over", []change{undecided, mayApprove, condition(denied, cmmeta.ConditionTrue, "policy", "no")},
			"Ready=False Denied: The CertificateRequest was denied\nfailed at 08:00:00\n"},
		{"an issued request is left alone", []change{condition(ready, cmmeta.ConditionTrue, "Issued", "")}, ""},
		{"a failed request is left alone", []change{condition(ready, cmmeta.ConditionFalse, "Failed", "")}, ""},
		{"a request that was marked as denied is left alone",
			[]change{undecided, condition(denied, cmmeta.ConditionTrue, "", ""), condition(ready, cmmeta.ConditionFalse, "Denied", "")}, ""},
		{"a request that somebody called invalid is left alone", []change{condition(invalid, cmmeta.ConditionTrue, "no", "")}, ""},
		{"a request that is being deleted is left alone",
			[]change{undecided, mayApprove, func(s *lifecycle.RequestSeen) { s.Request.DeletionTimestamp = &metav1.Time{Time: requestNow} }}, ""},

		{"garbage is invalid before it is approved",
			[]change{undecided, mayApprove, func(s *lifecycle.RequestSeen) { s.CSR, s.CSRErr = nil, fmt.Errorf("no PEM block found") }},
			"InvalidRequest=True RequestParsingError: spec.request: no PEM block found\n" +
				"Ready=False Failed: spec.request: no PEM block found\nfailed at 08:00:00\nWarning RequestParsingError\n"},
		{"a key that others know gets no certificate", []change{undecided, mayApprove, func(s *lifecycle.RequestSeen) { s.CompromisedKey = "shop/0123" }},
			"InvalidRequest=True CompromisedKey: no certificate may have this key any more, says CompromisedKey \"shop/0123\"; make another key and another request\n" +
				"Ready=False Failed: no certificate may have this key any more, says CompromisedKey \"shop/0123\"; make another key and another request\n" +
				"failed at 08:00:00\nWarning CompromisedKey\n"},
		{"a signing request that asks for a CA, in a spec that does not, is invalid",
			[]change{undecided, mayApprove, func(s *lifecycle.RequestSeen) {
				s.CSR = signingRequest(t, pki.Request{DNSNames: []string{"shop.example.com"}, IsCA: true, EncodeBasicConstraints: true})
			}},
			"InvalidRequest=True InvalidRequest: spec.request does not agree with the rest of the spec: check certificate request: it asks for isCA true, spec.isCA is false\n" +
				"Ready=False Failed: spec.request does not agree with the rest of the spec: check certificate request: it asks for isCA true, spec.isCA is false\n" +
				"failed at 08:00:00\nWarning InvalidRequest\n"},
		{"a signing request with other usages than the spec is invalid for external issuers too",
			[]change{foreign, undecided, mayApprove, func(s *lifecycle.RequestSeen) {
				s.CSR = signingRequest(t, pki.Request{DNSNames: []string{"a.example.com"}, Usages: []string{"code signing"}, EncodeUsages: true})
				s.Request.Spec.Usages = []cmv1.KeyUsage{cmv1.UsageServerAuth}
			}},
			"InvalidRequest=True InvalidRequest: spec.request does not agree with the rest of the spec: check certificate request: its extended key usages are not those of spec.usages\n" +
				"Ready=False Failed: spec.request does not agree with the rest of the spec: check certificate request: its extended key usages are not those of spec.usages\n" +
				"failed at 08:00:00\nWarning InvalidRequest\n"},

		{"a request of an external issuer is approved and nothing else", []change{foreign, undecided, mayApprove},
			"Approved=True cert-manager.io: The operator has the permission to approve requests for this issuer\n"},
		{"an approved request of an external issuer is left to it", []change{foreign}, ""},
		{"a denied request of an external issuer is left to it", []change{foreign, undecided, condition(denied, cmmeta.ConditionTrue, "", "")}, ""},
		{"a request of an external issuer that nobody approves keeps its Ready", []change{foreign, undecided}, "wake in 5m0s\n"},

		{"a kind of issuer that does not exist is invalid", []change{func(s *lifecycle.RequestSeen) { s.Request.Spec.IssuerRef.Kind, s.Issuer = "Isuer", nil }},
			"InvalidRequest=True IssuerNotFound: issuerRef.kind \"Isuer\" is not a kind of issuer in cert-manager.io: name the group that it belongs to\n" +
				"Ready=False Failed: issuerRef.kind \"Isuer\" is not a kind of issuer in cert-manager.io: name the group that it belongs to\n" +
				"failed at 08:00:00\nWarning IssuerNotFound\n"},
		{"a missing ClusterIssuer is waited for", []change{func(s *lifecycle.RequestSeen) { s.Request.Spec.IssuerRef.Kind, s.Issuer = "ClusterIssuer", nil }},
			"Ready=False Pending: ClusterIssuer \"ca\" does not exist\nWarning IssuerNotFound\n"},
		{"an operator for one namespace says that it has no ClusterIssuers, before anybody is asked for approval",
			[]change{undecided, func(s *lifecycle.RequestSeen) {
				s.Request.Spec.IssuerRef.Kind, s.Issuer, s.NoClusterIssuers = "ClusterIssuer", nil, true
			}},
			"Ready=False Pending: ClusterIssuer \"ca\" can not be used: the operator works in one namespace, without ClusterIssuers; name an Issuer of this namespace\n" +
				"Warning IssuerNotFound\n"},
		{"a missing issuer is reported once",
			[]change{func(s *lifecycle.RequestSeen) { s.Issuer = nil }, condition(ready, cmmeta.ConditionFalse, "Pending", "Issuer \"ca\" does not exist")}, ""},
		{"an issuer without a type is waited for", []change{func(s *lifecycle.RequestSeen) { s.Issuer.Type = "" }},
			"Ready=False Pending: Issuer \"ca\" does not say how it signs\nWarning IssuerTypeMissing\n"},
		{"an issuer that is not ready is waited for, with its reason",
			[]change{func(s *lifecycle.RequestSeen) {
				s.Issuer.Ready, s.Issuer.Message = false, "Secret \"ca\" does not exist"
			}},
			"Ready=False Pending: Issuer \"ca\" is not ready: Secret \"ca\" does not exist\nWarning IssuerNotReady\n"},
		{"an issuer that was not looked at yet is waited for", []change{func(s *lifecycle.RequestSeen) { s.Issuer.Ready = false }},
			"Ready=False Pending: Issuer \"ca\" is not ready\nWarning IssuerNotReady\n"},

		{"progress is written once and told by the Certificate", []change{answer(lifecycle.OutcomePending{Reason: "OrderCreated"})},
			"Ready=False Pending: The certificate has been ordered\n"},
		{"progress of a request of nobody is told", []change{bare, answer(lifecycle.OutcomePending{Reason: "OrderCreated"})},
			"Ready=False Pending: The certificate has been ordered\nNormal OrderCreated\n"},
		{"progress that stands there already is nothing new",
			[]change{bare, condition(ready, cmmeta.ConditionFalse, "Pending", "The certificate has been ordered"), answer(lifecycle.OutcomePending{Reason: "OrderPending"})}, ""},
		{"trouble on the way is told, and looked at again",
			[]change{answer(lifecycle.OutcomePending{Reason: "SecretMissing", Message: "gone", Wake: requestNow.Add(time.Minute)})},
			"Ready=False Pending: gone\nWarning SecretMissing\nwake in 1m0s\n"},
		{"trouble that is over leaves progress",
			[]change{condition(ready, cmmeta.ConditionFalse, "Pending", "gone"), answer(lifecycle.OutcomePending{Reason: "OrderPending"})},
			"Ready=False Pending: The certificate has been ordered\n"},
		{"a failure is final", []change{answer(lifecycle.OutcomeFailed{Reason: "OrderFailed", Message: "refused"})},
			"Ready=False Failed: refused\nfailed at 08:00:00\nWarning OrderFailed\n"},
		{"what others wrote about the request stays", []change{condition(approved, cmmeta.ConditionTrue, "policy", "fine"), answer(issued)},
			"Ready=True Issued: Certificate fetched from issuer successfully\ncertificate CHAIN, ca ROOT\n"},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			seen := plainRequest(t)
			for _, change := range row.given {
				change(&seen)
			}
			before := seen.Request.DeepCopy()
			if diff := cmp.Diff(row.want, describe(before, lifecycle.NextRequest(seen, requestNow))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, seen.Request); diff != "" {
				t.Errorf("the request itself was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestRequestDecisionsAreStable(t *testing.T) {
	t.Parallel()
	// Whatever is decided once is decided again: nothing changes but for a
	// new answer, or else the controller would write without end.
	for _, outcome := range []lifecycle.Outcome{
		lifecycle.OutcomePending{Reason: "OrderCreated"},
		lifecycle.OutcomePending{Reason: "SecretMissing", Message: "gone"},
		lifecycle.OutcomeFailed{Reason: "SigningError", Message: "no"},
		lifecycle.OutcomeIssued{Chain: []byte("CHAIN")},
	} {
		seen := plainRequest(t)
		undecided(&seen)
		seen.MayApprove, seen.Outcome = true, outcome
		first := lifecycle.NextRequest(seen, requestNow)
		seen.Request.Status = first.Status
		second := lifecycle.NextRequest(seen, requestNow.Add(time.Hour))
		if diff := cmp.Diff(first.Status, second.Status); diff != "" || len(second.Events) > 0 {
			t.Errorf("%#v: second pass (-first +second):\n%s\nevents %v", outcome, diff, second.Events)
		}
	}
}

func TestRequestTroubleIsWhatHoldsARequestUp(t *testing.T) {
	t.Parallel()
	decide := func(outcome lifecycle.Outcome) *cmv1.CertificateRequest {
		seen := plainRequest(t)
		seen.Outcome = outcome
		seen.Request.Status = lifecycle.NextRequest(seen, requestNow).Status
		return seen.Request
	}
	rows := []struct {
		sentence string
		request  *cmv1.CertificateRequest
		want     string
	}{
		{"a new request has none", &cmv1.CertificateRequest{}, ""},
		{"an order that is on its way is none", decide(lifecycle.OutcomePending{Reason: "OrderCreated"}), ""},
		{"a missing Secret is one", decide(lifecycle.OutcomePending{Reason: "SecretMissing", Message: "Secret is missing"}), "Secret is missing"},
		{"an issued request has none", decide(lifecycle.OutcomeIssued{Chain: []byte("CHAIN")}), ""},
		{"a failure is more than that", decide(lifecycle.OutcomeFailed{Reason: "OrderFailed", Message: "refused"}), ""},
	}
	for _, row := range rows {
		message, trouble := lifecycle.RequestTrouble(row.request)
		if message != row.want || trouble != (row.want != "") {
			t.Errorf("%s: %q, %t, want %q", row.sentence, message, trouble, row.want)
		}
	}
}

func TestEmptySubjectIsNoticedOnlyIfItIsEmpty(t *testing.T) {
	t.Parallel()
	seen := plainRequest(t)
	selfSigned(&seen)
	seen.CSR = signingRequest(t, pki.Request{Subject: pkix.Name{CommonName: "shop"}})
	seen.Outcome = lifecycle.OutcomeIssued{Chain: []byte("CHAIN")}
	if d := lifecycle.NextRequest(seen, requestNow); len(d.Events) > 0 {
		t.Errorf("events %v, want none", d.Events)
	}
}
