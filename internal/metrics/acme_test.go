package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/metrics"
)

func TestRequestsToACMEServersAreCountedAndTimed(t *testing.T) {
	t.Parallel()
	for _, duration := range []time.Duration{time.Second, 2 * time.Second} {
		metrics.ObserveACME(acme.Request{Scheme: "https", Host: "ca.example", Action: "new_order", Method: "POST", Status: 201, Duration: duration})
	}
	metrics.ObserveACME(acme.Request{Scheme: "https", Host: "ca.example", Action: "new_order", Method: "POST", Status: 429, Duration: time.Second, Problem: "rateLimited"})
	const want = `
# HELP certwright_acme_problems_total Answers of ACME servers that were problems, by kind (RFC 8555, section 6.7).
# TYPE certwright_acme_problems_total counter
certwright_acme_problems_total{action="new_order",host="ca.example",problem="rateLimited"} 1
# HELP certmanager_http_acme_client_request_count HTTP requests to ACME servers.
# TYPE certmanager_http_acme_client_request_count counter
certmanager_http_acme_client_request_count{action="new_order",host="ca.example",method="POST",scheme="https",status="201"} 2
certmanager_http_acme_client_request_count{action="new_order",host="ca.example",method="POST",scheme="https",status="429"} 1
# HELP certmanager_http_acme_client_request_duration_seconds Duration of HTTP requests to ACME servers.
# TYPE certmanager_http_acme_client_request_duration_seconds summary
certmanager_http_acme_client_request_duration_seconds{action="new_order",host="ca.example",method="POST",scheme="https",status="201",quantile="0.5"} 1
certmanager_http_acme_client_request_duration_seconds{action="new_order",host="ca.example",method="POST",scheme="https",status="201",quantile="0.9"} 2
certmanager_http_acme_client_request_duration_seconds{action="new_order",host="ca.example",method="POST",scheme="https",status="201",quantile="0.99"} 2
certmanager_http_acme_client_request_duration_seconds_sum{action="new_order",host="ca.example",method="POST",scheme="https",status="201"} 3
certmanager_http_acme_client_request_duration_seconds_count{action="new_order",host="ca.example",method="POST",scheme="https",status="201"} 2
certmanager_http_acme_client_request_duration_seconds{action="new_order",host="ca.example",method="POST",scheme="https",status="429",quantile="0.5"} 1
certmanager_http_acme_client_request_duration_seconds{action="new_order",host="ca.example",method="POST",scheme="https",status="429",quantile="0.9"} 1
certmanager_http_acme_client_request_duration_seconds{action="new_order",host="ca.example",method="POST",scheme="https",status="429",quantile="0.99"} 1
certmanager_http_acme_client_request_duration_seconds_sum{action="new_order",host="ca.example",method="POST",scheme="https",status="429"} 1
certmanager_http_acme_client_request_duration_seconds_count{action="new_order",host="ca.example",method="POST",scheme="https",status="429"} 1
`
	if err := testutil.GatherAndCompare(ctrlmetrics.Registry, strings.NewReader(want),
		"certmanager_http_acme_client_request_count", "certmanager_http_acme_client_request_duration_seconds", "certwright_acme_problems_total"); err != nil {
		t.Error(err)
	}
}
