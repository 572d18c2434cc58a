package metrics_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/metrics"
)

func TestChallengesTellTheirState(t *testing.T) {
	t.Parallel()
	w := &cached{challenges: []acmev1.Challenge{
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "c"},
			Spec:       acmev1.ChallengeSpec{DNSName: "www.example.com", Type: acmev1.ACMEChallengeTypeHTTP01},
			Status:     acmev1.ChallengeStatus{State: acmev1.Pending, Processing: true, Reason: "no answer"},
		},
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "new"}, Spec: acmev1.ChallengeSpec{DNSName: "example.com", Type: acmev1.ACMEChallengeTypeDNS01}},
	}}
	var lines []string
	for _, c := range []struct{ labels, is string }{
		{`domain="example.com",name="new",namespace="shop",processing="false",reason="",status="%",type="DNS-01"`, "unknown"},
		{`domain="www.example.com",name="c",namespace="shop",processing="true",reason="no answer",status="%",type="HTTP-01"`, "pending"},
	} {
		for _, state := range []string{"errored", "expired", "invalid", "pending", "processing", "ready", "unknown", "valid"} {
			value := " 0"
			if state == c.is {
				value = " 1"
			}
			lines = append(lines, "certmanager_certificate_challenge_status{"+strings.Replace(c.labels, "%", state, 1)+"}"+value)
		}
	}
	want := "# HELP certmanager_certificate_challenge_status The state of a Challenge: 1 for the state that it has, 0 for the others.\n" +
		"# TYPE certmanager_certificate_challenge_status gauge\n" + strings.Join(lines, "\n") + "\n"
	if err := testutil.CollectAndCompare(metrics.NewCollector(w, elected()), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func requestThat(created int64, issuer string, conditions ...cmv1.CertificateRequestCondition) cmv1.CertificateRequest {
	return cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", CreationTimestamp: *at(created)},
		Spec:       cmv1.CertificateRequestSpec{IssuerRef: cmmeta.IssuerReference{Name: issuer}},
		Status:     cmv1.CertificateRequestStatus{Conditions: conditions},
	}
}

func TestRequestsAreCountedByIssuerAndState(t *testing.T) {
	t.Parallel()
	is := func(kind cmv1.CertificateRequestConditionType, status cmmeta.ConditionStatus, reason string) cmv1.CertificateRequestCondition {
		return cmv1.CertificateRequestCondition{Type: kind, Status: status, Reason: reason}
	}
	approved := is(cmv1.CertificateRequestConditionApproved, cmmeta.ConditionTrue, "cert-manager.io")
	ready := is(cmv1.CertificateRequestConditionReady, cmmeta.ConditionTrue, cmv1.CertificateRequestReasonIssued)
	w := &cached{requests: []cmv1.CertificateRequest{
		requestThat(1700000300, "ca"),
		requestThat(1700000200, "ca", approved, is(cmv1.CertificateRequestConditionReady, cmmeta.ConditionFalse, cmv1.CertificateRequestReasonPending)),
		requestThat(1700000000, "ca", approved, ready),
		requestThat(1700000000, "ca", approved, ready),
		requestThat(1700000000, "ca", is(cmv1.CertificateRequestConditionDenied, cmmeta.ConditionTrue, "no")),
		requestThat(1700000000, "other", approved, is(cmv1.CertificateRequestConditionReady, cmmeta.ConditionFalse, cmv1.CertificateRequestReasonFailed)),
	}}
	const want = `
# HELP certwright_certificaterequest_oldest_pending_timestamp_seconds When the oldest CertificateRequest of an issuer was created that is not decided yet, in seconds since 1970.
# TYPE certwright_certificaterequest_oldest_pending_timestamp_seconds gauge
certwright_certificaterequest_oldest_pending_timestamp_seconds{issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="ca",namespace="shop"} 1.7000002e+09
# HELP certwright_certificaterequests CertificateRequests of an issuer in a state.
# TYPE certwright_certificaterequests gauge
certwright_certificaterequests{issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="ca",namespace="shop",state="denied"} 1
certwright_certificaterequests{issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="ca",namespace="shop",state="issued"} 2
certwright_certificaterequests{issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="ca",namespace="shop",state="pending"} 1
certwright_certificaterequests{issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="ca",namespace="shop",state="unapproved"} 1
certwright_certificaterequests{issuer_group="cert-manager.io",issuer_kind="Issuer",issuer_name="other",namespace="shop",state="failed"} 1
`
	if err := testutil.CollectAndCompare(metrics.NewCollector(w, elected()), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestClockIsToldUnderBothNames(t *testing.T) {
	t.Parallel()
	const want = `
# HELP certmanager_clock_time_seconds The operator's clock, in seconds since 1970. Use certmanager_clock_time_seconds_gauge.
# TYPE certmanager_clock_time_seconds counter
certmanager_clock_time_seconds 1.7e+09
# HELP certmanager_clock_time_seconds_gauge The operator's clock, in seconds since 1970.
# TYPE certmanager_clock_time_seconds_gauge gauge
certmanager_clock_time_seconds_gauge 1.7e+09
`
	c := metrics.NewClock(func() time.Time { return time.Unix(1700000000, 0) })
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestPassesOfAControllerAreCounted(t *testing.T) {
	t.Parallel()
	fails := false
	counted := metrics.Counted("test", reconcile.Func(func(context.Context, ctrl.Request) (ctrl.Result, error) {
		if fails {
			return ctrl.Result{}, errors.New("it does not work")
		}
		return ctrl.Result{RequeueAfter: time.Minute}, nil
	}))
	for _, fails = range []bool{false, true, false} {
		result, err := counted.Reconcile(t.Context(), ctrl.Request{})
		if (err != nil) != fails || !fails && result.RequeueAfter != time.Minute {
			t.Errorf("result %v, error %v", result, err)
		}
	}
	const want = `
# HELP certmanager_controller_sync_call_count Passes of a controller.
# TYPE certmanager_controller_sync_call_count counter
certmanager_controller_sync_call_count{controller="test"} 3
# HELP certmanager_controller_sync_error_count Passes of a controller that ended with an error.
# TYPE certmanager_controller_sync_error_count counter
certmanager_controller_sync_error_count{controller="test"} 1
`
	if err := testutil.GatherAndCompare(ctrlmetrics.Registry, strings.NewReader(want),
		"certmanager_controller_sync_call_count", "certmanager_controller_sync_error_count"); err != nil {
		t.Error(err)
	}
}

func TestCAsTellWhenTheyExpire(t *testing.T) {
	t.Parallel()
	const name = "certwright_issuer_ca_not_after_timestamp_seconds"
	metrics.ObserveAuthority("Issuer", "shop", "ca", time.Unix(1800000000, 0))
	metrics.ObserveAuthority("ClusterIssuer", "", "gone", time.Unix(1800000000, 0))
	metrics.ObserveAuthority("ClusterIssuer", "", "gone", time.Time{})
	const want = `
# HELP certwright_issuer_ca_not_after_timestamp_seconds Until when the certificate is valid by which a CA issuer signs, in seconds since 1970.
# TYPE certwright_issuer_ca_not_after_timestamp_seconds gauge
certwright_issuer_ca_not_after_timestamp_seconds{issuer_kind="Issuer",name="ca",namespace="shop"} 1.8e+09
`
	if err := testutil.GatherAndCompare(ctrlmetrics.Registry, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
}
