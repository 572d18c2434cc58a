package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The clock of the operator, for alerts that compare it with expiry times. The
// counter is the older one of the two.
var (
	clockCounter = describe("certmanager_clock_time_seconds", "The operator's clock, in seconds since 1970. Use certmanager_clock_time_seconds_gauge.", nil)
	clockGauge   = describe("certmanager_clock_time_seconds_gauge", "The operator's clock, in seconds since 1970.", nil)
)

type clock func() time.Time

// NewClock returns the metrics of a clock (contract, section 4).
func NewClock(now func() time.Time) prometheus.Collector { return clock(now) }

// Describe implements prometheus.Collector.
func (c clock) Describe(ch chan<- *prometheus.Desc) {
	ch <- clockCounter
	ch <- clockGauge
}

// Collect implements prometheus.Collector.
func (c clock) Collect(ch chan<- prometheus.Metric) {
	now := float64(c().Unix())
	ch <- prometheus.MustNewConstMetric(clockCounter, prometheus.CounterValue, now)
	ch <- prometheus.MustNewConstMetric(clockGauge, prometheus.GaugeValue, now)
}
