package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const someMetrics = `# HELP rest_client_requests_total Number of HTTP requests, partitioned by status code, method, and host.
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",host="127.0.0.1:1",method="PUT"} 40
rest_client_requests_total{code="409",host="127.0.0.1:1",method="PUT"} 2
rest_client_requests_total{code="201",host="127.0.0.1:1",method="POST"} 1e+01
# TYPE in_flight gauge
in_flight 3
# TYPE took histogram
took_bucket{le="1"} 1
took_bucket{le="+Inf"} 2
took_sum 3
took_count 2
`

func TestMetricsAreCountersAndGauges(t *testing.T) {
	t.Parallel()
	m, err := parseMetrics(strings.NewReader(someMetrics))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{"PUT": 42, "POST": 10}, m.by("rest_client_requests_total", "method")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]float64{"": 3}, m.by("in_flight", "")); diff != "" {
		t.Error(diff)
	}
	if _, found := m["took"]; found {
		t.Error("a histogram was read as a counter")
	}
}

func TestAMetricThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	m, err := parseMetrics(strings.NewReader(someMetrics))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.has("in_flight", "rest_client_requests_total"); err != nil {
		t.Error(err)
	}
	if err := m.has("in_flight", "renamed_total"); err == nil || !strings.Contains(err.Error(), "renamed_total") {
		t.Errorf("has = %v; want an error that names renamed_total", err)
	}
}

func TestScrapeRefusesWhatIsNoMetrics(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			_, _ = w.Write([]byte(someMetrics))
		case "/garbage":
			_, _ = w.Write([]byte("<html>\n"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	if _, err := scrape(t.Context(), server.Client(), server.URL+"/metrics"); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/garbage", "/absent"} {
		if _, err := scrape(t.Context(), server.Client(), server.URL+path); err == nil {
			t.Errorf("scrape of %s succeeded; want an error", path)
		}
	}
}

func TestSinceLeavesOutWhatDidNotChange(t *testing.T) {
	t.Parallel()
	got := since(map[string]float64{"a": 5, "b": 2, "c": 1}, map[string]float64{"a": 3, "b": 2})
	if diff := cmp.Diff(map[string]float64{"a": 2, "c": 1}, got); diff != "" {
		t.Error(diff)
	}
}
