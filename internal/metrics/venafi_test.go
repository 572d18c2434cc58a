package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/certwright/certwright/internal/issuers/venafi"
)

func TestRequestsToCyberArkAreCounted(t *testing.T) {
	t.Parallel()
	for _, call := range []venafi.Call{
		{Name: venafi.CallRequest, Duration: 2 * time.Second, OK: true},
		{Name: venafi.CallToken, Duration: time.Second, OK: true},
		{Name: venafi.CallVerify, Duration: time.Second},
	} {
		ObserveVenafi(call)
	}
	families, err := ctrlmetrics.Registry.(prometheus.Gatherer).Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if !strings.Contains(family.GetName(), "venafi") {
			continue
		}
		for _, metric := range family.GetMetric() {
			key := family.GetName()
			for _, label := range metric.GetLabel() {
				key += " " + label.GetName() + "=" + label.GetValue()
			}
			switch family.GetType() {
			case dto.MetricType_SUMMARY:
				got[key] = metric.GetSummary().GetSampleSum()
			case dto.MetricType_HISTOGRAM:
				got[key] = metric.GetHistogram().GetSampleSum()
			default:
				got[key] = metric.GetCounter().GetValue()
			}
		}
	}
	for key, want := range map[string]float64{
		"certmanager_http_venafi_client_request_duration_seconds api_call=request_certificate": 2,
		"certmanager_venafi_oauth_token_requests_total status=success":                         1,
		"certmanager_venafi_oauth_token_requests_total status=failure":                         1,
		"certmanager_venafi_oauth_token_request_duration_seconds":                              2,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("got %v", got)
	}
}
