package main

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func certificateThatSays(status cmmeta.ConditionStatus, message string, more ...cmv1.CertificateCondition) *cmv1.Certificate {
	return &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: "hello-tls", Generation: 2},
		Status: cmv1.CertificateStatus{Conditions: append([]cmv1.CertificateCondition{{
			Type: cmv1.CertificateConditionReady, Status: status, Message: message, ObservedGeneration: 2,
		}}, more...)},
	}
}

func TestCertificateIsReadyOnlyForItsPresentSpec(t *testing.T) {
	t.Parallel()
	p := &progress{now: func() time.Duration { return time.Second }}
	old := certificateThatSays(cmmeta.ConditionTrue, "up to date")
	old.Generation = 3
	p.take(change{object: old})
	if p.ready {
		t.Error("ready, though the condition is about an older spec")
	}
	p.take(change{object: certificateThatSays(cmmeta.ConditionTrue, "up to date")})
	if !p.ready {
		t.Error("not ready")
	}
}

func TestFailureIsToldInTheCertificatesWords(t *testing.T) {
	t.Parallel()
	p := &progress{now: func() time.Duration { return time.Second }}
	p.take(change{object: certificateThatSays(cmmeta.ConditionFalse, "denied; next attempt at noon", cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionFalse, Message: "denied",
	})})
	if p.failed != "denied; next attempt at noon" {
		t.Errorf("failed: %q", p.failed)
	}
	waiting := &progress{now: func() time.Duration { return time.Second }}
	if got := waiting.trouble("hello-tls"); !strings.Contains(got, "nobody has made") {
		t.Errorf("without a Certificate: %q", got)
	}
	waiting.take(change{object: certificateThatSays(cmmeta.ConditionFalse, "no such host")})
	if got := waiting.trouble("hello-tls"); !strings.Contains(got, "no such host") || waiting.failed != "" {
		t.Errorf("with a Certificate in trouble: %q, failed %q", got, waiting.failed)
	}
}

func TestRowStaysAndItsClockStopsWhenTheObjectIsDone(t *testing.T) {
	t.Parallel()
	now := time.Duration(0)
	p := &progress{now: func() time.Duration { return now }}
	challenge := &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Name: "c"},
		Spec:       acmev1.ChallengeSpec{DNSName: "a.example"},
	}
	lines := []string{p.take(change{object: challenge})}
	now = time.Second
	challenge = challenge.DeepCopy()
	challenge.Status.Presented = true
	lines = append(lines, p.take(change{object: challenge}), p.take(change{object: challenge}))
	now = 2 * time.Second
	challenge = challenge.DeepCopy()
	challenge.Status.State = acmev1.Valid
	lines = append(lines, p.take(change{object: challenge}))
	now = 9 * time.Second
	lines = append(lines, p.take(change{object: challenge, gone: true}))

	for i, want := range []string{"solver for a.example starts", "answer is in place", "", "a.example is proven", ""} {
		if want == "" && lines[i] != "" || !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	table := p.table()
	if len(table) != 1 || !strings.Contains(table[0], "✓") || !strings.Contains(table[0], "2.0s") || !strings.Contains(table[0], "a.example is proven") {
		t.Errorf("table: %q", table)
	}
}

func TestObjectThatGoesUnfinishedIsSaidToBeRemoved(t *testing.T) {
	t.Parallel()
	p := &progress{now: func() time.Duration { return time.Second }}
	order := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Name: "o"}, Status: acmev1.OrderStatus{URL: "https://ca.example/o/1"}}
	p.take(change{object: order})
	if got := p.take(change{object: order, gone: true}); !strings.Contains(got, "removed") {
		t.Errorf("line: %q", got)
	}
}

func TestStatesOfRequestsAndOrders(t *testing.T) {
	t.Parallel()
	request := func(conditions ...cmv1.CertificateRequestCondition) *cmv1.CertificateRequest {
		return &cmv1.CertificateRequest{Status: cmv1.CertificateRequestStatus{Conditions: conditions}}
	}
	approved := cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue}
	ready := cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Message: "fetched"}
	pending := cmv1.CertificateRequestCondition{Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Message: "no issuer"}
	for _, row := range []struct {
		name   string
		change change
		want   string
		done   bool
	}{
		{"a request that nobody has approved", change{object: request()}, "waiting for approval", false},
		{"an approved request", change{object: request(approved)}, "approved", false},
		{"a request in trouble", change{object: request(approved, pending)}, "no issuer", false},
		{"an issued request", change{object: request(approved, ready)}, "issued", true},
		{"a new order", change{object: &acmev1.Order{}}, "placing it at the CA", false},
		{"a placed order", change{object: &acmev1.Order{Status: acmev1.OrderStatus{URL: "u"}}}, "placed at the CA", false},
		{"an order with names to prove", change{object: &acmev1.Order{Status: acmev1.OrderStatus{URL: "u", Authorizations: make([]acmev1.ACMEAuthorization, 2)}}}, "waiting for proof of 2 names", false},
		{"an order in trouble", change{object: &acmev1.Order{Status: acmev1.OrderStatus{URL: "u", Reason: "429"}}}, "429", false},
		{"a valid order", change{object: &acmev1.Order{Status: acmev1.OrderStatus{URL: "u", State: acmev1.Valid}}}, "certificate received", true},
	} {
		if _, state, done := describe(row.change); state != row.want || done != row.done {
			t.Errorf("%s: %q, done %t; want %q, %t", row.name, state, done, row.want, row.done)
		}
	}
}
