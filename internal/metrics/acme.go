package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/certwright/certwright/internal/acme"
)

var (
	acmeLabels = []string{"scheme", "host", "action", "method", "status"}

	acmeRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certmanager_http_acme_client_request_count", //nolint:promlinter // wire fact
		Help: "HTTP requests to ACME servers.",
	}, acmeLabels)

	acmeDuration = prometheus.NewSummaryVec(prometheus.SummaryOpts{
		Name:       "certmanager_http_acme_client_request_duration_seconds",
		Help:       "Duration of HTTP requests to ACME servers.",
		Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
	}, acmeLabels)

	acmeProblems = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certwright_acme_problems_total",
		Help: "Answers of ACME servers that were problems, by kind (RFC 8555, section 6.7).",
	}, []string{"host", "action", "problem"})
)

func init() {
	ctrlmetrics.Registry.MustRegister(acmeRequests, acmeDuration, acmeProblems)
}

// ObserveACME counts a request to an ACME server.
func ObserveACME(r acme.Request) {
	labels := []string{r.Scheme, r.Host, string(r.Action), r.Method, strconv.Itoa(r.Status)}
	acmeRequests.WithLabelValues(labels...).Inc()
	acmeDuration.WithLabelValues(labels...).Observe(r.Duration.Seconds())
	if r.Problem != "" {
		acmeProblems.WithLabelValues(r.Host, string(r.Action), r.Problem).Inc()
	}
}
