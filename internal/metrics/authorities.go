package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
)

// authorityExpiry is kept, other than the metrics of objects: no object tells
// until when the CA in a Secret is valid.
var authorityExpiry = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "certwright_issuer_ca_not_after_timestamp_seconds",
	Help: "Until when the certificate is valid by which a CA issuer signs, in seconds since 1970.",
}, []string{"issuer_kind", "name", "namespace"})

func init() {
	ctrlmetrics.Registry.MustRegister(authorityExpiry)
}

// ObserveAuthority tells until when the CA of an issuer is valid. The zero time
// means that it has none, or is gone.
func ObserveAuthority(kind, namespace, name string, notAfter time.Time) {
	if notAfter.IsZero() {
		authorityExpiry.DeleteLabelValues(kind, name, namespace)
		return
	}
	authorityExpiry.WithLabelValues(kind, name, namespace).Set(float64(notAfter.Unix()))
}
