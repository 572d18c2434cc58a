package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/template"
)

const (
	chartFolder   = "../../charts/certwright"
	rulesFile     = chartFolder + "/files/alerts.yaml"
	dashboardFile = chartFolder + "/files/dashboard.json"
)

// readRules reads a rule file as Prometheus does.
func readRules(t *testing.T, path string) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(path, false, model.UTF8Validation, language, slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatalf("%v", errs)
	}
	var rules []rulefmt.Rule
	for _, group := range groups.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

// alert is one that an expression has an answer for, or had.
type alert struct {
	labels, annotations map[string]string
	since               time.Time
	firing              bool
	quietSince          time.Time // zero while there is an answer
}

// alerting is an alert rule at work. It goes on as Prometheus says: pending for
// a time, then firing, and firing for another time when the cause is gone.
type alerting struct {
	rule   rulefmt.Rule
	active map[string]*alert
}

// evaluate does what Prometheus does at each interval.
func (a *alerting) evaluate(ctx context.Context, engine *promql.Engine, from storage.Queryable, now time.Time) error {
	answer, err := ask(ctx, engine, from, a.rule.Expr, now)
	if err != nil {
		return fmt.Errorf("evaluate %s: %w", a.rule.Alert, err)
	}
	answered := map[string]bool{}
	for _, sample := range answer {
		next, err := a.describe(ctx, sample, now)
		if err != nil {
			return err
		}
		key := labels.FromMap(next.labels).String()
		if answered[key] {
			return fmt.Errorf("evaluate %s: two answers have the labels %s", a.rule.Alert, key)
		}
		answered[key] = true
		if before := a.active[key]; before != nil {
			next.since, next.firing = before.since, before.firing
		}
		next.firing = next.firing || now.Sub(next.since) >= time.Duration(a.rule.For)
		a.active[key] = next
	}
	for key, old := range a.active {
		if answered[key] {
			continue
		}
		if old.quietSince.IsZero() {
			old.quietSince = now
		}
		if !old.firing || now.Sub(old.quietSince) >= time.Duration(a.rule.KeepFiringFor) {
			delete(a.active, key)
		}
	}
	return nil
}

// describe makes an alert of a sample.
func (a *alerting) describe(ctx context.Context, sample promql.Sample, now time.Time) (*alert, error) {
	out := &alert{labels: sample.Metric.Map(), annotations: map[string]string{}, since: now}
	delete(out.labels, labels.MetricName)
	data := template.AlertTemplateData(sample.Metric.Map(), nil, "", sample)
	expand := func(text string) (string, error) {
		return template.NewTemplateExpander(ctx, "{{$labels := .Labels}}{{$value := .Value}}"+text, a.rule.Alert, data,
			model.Time(timestamp.FromTime(now)), nil, &url.URL{}, nil).Expand()
	}
	for name, text := range a.rule.Labels {
		value, err := expand(text)
		if err != nil {
			return nil, fmt.Errorf("expand label %s of %s: %w", name, a.rule.Alert, err)
		}
		out.labels[name] = value
	}
	for name, text := range a.rule.Annotations {
		value, err := expand(text)
		if err != nil {
			return nil, fmt.Errorf("expand annotation %s of %s: %w", name, a.rule.Alert, err)
		}
		out.annotations[name] = value
	}
	return out, nil
}

func TestAlertsAreOfOneForm(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, rule := range readRules(t, rulesFile) {
		if seen[rule.Alert] || !strings.HasPrefix(rule.Alert, "Certwright") {
			t.Errorf("%s: the name is there twice, or says not whose it is", rule.Alert)
		}
		seen[rule.Alert] = true
		if severity := rule.Labels["severity"]; len(rule.Labels) != 1 || severity != "warning" && severity != "critical" {
			t.Errorf("%s: labels are %v", rule.Alert, rule.Labels)
		}
		for _, name := range []string{"summary", "description", "runbook_url"} {
			if rule.Annotations[name] == "" {
				t.Errorf("%s: no annotation %s", rule.Alert, name)
			}
		}
	}
}

func TestAlertIsPendingThenFiringAndGoesLater(t *testing.T) {
	t.Parallel()
	m := memory{{labels.FromStrings(labels.MetricName, "broken", "name", "x"), nil, nil}}
	for minute, value := range []float64{0, 1, 1, 1, 0, 1, 0, 0, 0, 0} {
		m[0].times = append(m[0].times, int64(minute)*60_000)
		m[0].values = append(m[0].values, value)
	}
	a := &alerting{active: map[string]*alert{}, rule: rulefmt.Rule{
		Alert: "Broken", Expr: "broken > 0", For: model.Duration(2 * time.Minute), KeepFiringFor: model.Duration(2 * time.Minute),
		Annotations: map[string]string{"summary": "{{ $labels.name }} is {{ $value }}"},
	}}
	got := ""
	for minute := range 10 {
		if err := a.evaluate(t.Context(), newEngine(), m, time.Unix(int64(minute)*60, 0)); err != nil {
			t.Fatal(err)
		}
		switch {
		case len(a.active) == 0:
			got += "-"
		case a.active[`{name="x"}`].firing:
			got += "F"
		default:
			got += "p"
		}
		for _, active := range a.active {
			if active.annotations["summary"] != "x is 1" {
				t.Errorf("annotations are %v", active.annotations)
			}
		}
	}
	if want := "-ppFFFFF--"; got != want {
		t.Errorf("states are %s, want %s", got, want)
	}
}
