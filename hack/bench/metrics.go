package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample is one value of a counter or gauge.
type sample struct {
	labels map[string]string
	value  float64
}

// samples are the counters and gauges of a process at one time, by name.
type samples map[string][]sample

// scrape reads the metrics of a process.
func scrape(ctx context.Context, client *http.Client, url string) (samples, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil) //nolint:gosec // on loopback
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	resp, err := client.Do(req) //nolint:gosec // on loopback
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metrics: the answer is %s", resp.Status)
	}
	return parseMetrics(resp.Body)
}

// parseMetrics reads counters and gauges in the Prometheus text format, and leaves the rest out.
func parseMetrics(from io.Reader) (samples, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(from)
	if err != nil {
		return nil, fmt.Errorf("parse metrics: %w", err)
	}
	all := samples{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			var value float64
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				value = metric.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				value = metric.GetGauge().GetValue()
			default:
				continue
			}
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			all[name] = append(all[name], sample{labels, value})
		}
	}
	return all, nil
}

// by adds the samples of a name up by one of their labels.
func (s samples) by(name, label string) map[string]float64 {
	sums := map[string]float64{}
	for _, one := range s[name] {
		sums[one.labels[label]] += one.value
	}
	return sums
}

// has makes sure that a metric is there: one that was renamed would read as zero otherwise, which is within any budget.
func (s samples) has(names ...string) error {
	var missing []error
	for _, name := range names {
		if len(s[name]) == 0 {
			missing = append(missing, fmt.Errorf("there is no metric %s", name))
		}
	}
	return errors.Join(missing...)
}

// since subtracts an earlier state of counters. What did not change is left out.
func since[K comparable](after, before map[K]float64) map[K]float64 {
	change := map[K]float64{}
	for key, value := range after {
		if d := value - before[key]; d != 0 {
			change[key] = d
		}
	}
	return change
}

func sum[K comparable](counts map[K]float64) float64 {
	var total float64
	for _, n := range counts {
		total += n
	}
	return total
}
