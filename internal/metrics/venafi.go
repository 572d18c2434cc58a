package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/certwright/certwright/internal/issuers/venafi"
)

var (
	venafiDuration = prometheus.NewSummaryVec(prometheus.SummaryOpts{
		Name:       "certmanager_http_venafi_client_request_duration_seconds",
		Help:       "Duration of requests to CyberArk Certificate Manager, formerly Venafi.",
		Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
	}, []string{"api_call"})

	venafiTokens = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "certmanager_venafi_oauth_token_requests_total",
		Help: "Requests to get or verify credentials of CyberArk Certificate Manager, formerly Venafi.",
	}, []string{"status"})

	venafiTokenDuration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "certmanager_venafi_oauth_token_request_duration_seconds",
		Help:    "Duration of requests to get or verify credentials of CyberArk Certificate Manager, formerly Venafi.",
		Buckets: []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}, // contract, section 4
	})
)

func init() {
	ctrlmetrics.Registry.MustRegister(venafiDuration, venafiTokens, venafiTokenDuration)
}

// ObserveVenafi counts a request to a CyberArk Certificate Manager.
func ObserveVenafi(c venafi.Call) {
	switch c.Name {
	case venafi.CallToken, venafi.CallVerify:
		status := "failure"
		if c.OK {
			status = "success"
		}
		venafiTokens.WithLabelValues(status).Inc()
		venafiTokenDuration.Observe(c.Duration.Seconds())
	default:
		venafiDuration.WithLabelValues(c.Name).Observe(c.Duration.Seconds())
	}
}
