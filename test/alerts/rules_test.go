package alerts

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"
)

// testFile is a file of promtool test rules, as far as ours use the format.
type testFile struct {
	RuleFiles          []string    `json:"rule_files"`
	EvaluationInterval string      `json:"evaluation_interval"`
	Tests              []testGroup `json:"tests"`
}

type testGroup struct {
	Name        string `json:"name"`
	Interval    string `json:"interval"`
	InputSeries []struct {
		Series string `json:"series"`
		Values string `json:"values"`
	} `json:"input_series"`
	AlertRuleTest []struct {
		EvalTime  string     `json:"eval_time"`
		Alertname string     `json:"alertname"`
		ExpAlerts []expected `json:"exp_alerts"`
	} `json:"alert_rule_test"`
}

type expected struct {
	ExpLabels      map[string]string `json:"exp_labels"`
	ExpAnnotations map[string]string `json:"exp_annotations"`
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := model.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(d)
}

// samples are the series of a test.
func (g *testGroup) samples(t *testing.T) memory {
	t.Helper()
	step := duration(t, g.Interval).Milliseconds()
	var out memory
	for _, input := range g.InputSeries {
		name, values, err := language.ParseSeriesDesc(input.Series + " " + input.Values)
		if err != nil {
			t.Fatalf("%s: %v", input.Series, err)
		}
		s := series{labels: name}
		for i, value := range values {
			if !value.Omitted {
				s.times, s.values = append(s.times, int64(i)*step), append(s.values, value.Value)
			}
		}
		out = append(out, s)
	}
	return out
}

func readTests(t *testing.T) map[string]testFile {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("tests are %v, error %v", paths, err)
	}
	out := map[string]testFile{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file testFile
		if err := yaml.UnmarshalStrict(content, &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out[path] = file
	}
	return out
}

// TestAlertsFireWhenTheyShouldAndOnlyThen runs the files in testdata.
func TestAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	t.Parallel()
	for path, file := range readTests(t) {
		interval := duration(t, file.EvaluationInterval)
		for _, group := range file.Tests {
			t.Run(group.Name, func(t *testing.T) {
				t.Parallel()
				run(t, filepath.Join(filepath.Dir(path), file.RuleFiles[0]), interval, group)
			})
		}
	}
}

// run evaluates the rules that a test asks for from the time 0 on.
func run(t *testing.T, rules string, interval time.Duration, group testGroup) {
	t.Helper()
	engine, data := newEngine(), group.samples(t)
	tested, end := map[string]*alerting{}, time.Duration(0)
	for _, row := range group.AlertRuleTest {
		tested[row.Alertname] = nil
		end = max(end, duration(t, row.EvalTime))
	}
	for _, rule := range readRules(t, rules) {
		if _, ok := tested[rule.Alert]; ok {
			tested[rule.Alert] = &alerting{rule: rule, active: map[string]*alert{}}
		}
	}
	for offset := time.Duration(0); offset <= end; offset += interval {
		for name, a := range tested {
			if a == nil {
				t.Fatalf("no alert is called %s", name)
			}
			if err := a.evaluate(t.Context(), engine, data, time.Unix(0, 0).Add(offset)); err != nil {
				t.Fatal(err)
			}
		}
		for _, row := range group.AlertRuleTest {
			if at := duration(t, row.EvalTime); at < offset || at >= offset+interval {
				continue
			}
			var got []expected
			for _, active := range tested[row.Alertname].active {
				if active.firing {
					got = append(got, expected{active.labels, active.annotations})
				}
			}
			byLabels := cmpopts.SortSlices(func(a, b expected) bool { return text(a.ExpLabels) < text(b.ExpLabels) })
			if diff := cmp.Diff(row.ExpAlerts, got, byLabels, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s at %s: %s", row.Alertname, row.EvalTime, diff)
			}
		}
	}
}

func text(labels map[string]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out.WriteString(name + "=" + labels[name] + " ")
	}
	return out.String()
}

// TestEveryAlertIsTestedFiringAndSilent keeps new alerts from being untested.
func TestEveryAlertIsTestedFiringAndSilent(t *testing.T) {
	t.Parallel()
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, file := range readTests(t) {
		for _, group := range file.Tests {
			for _, row := range group.AlertRuleTest {
				if len(row.ExpAlerts) > 0 {
					fires[row.Alertname] = true
				} else {
					silent[row.Alertname] = true
				}
			}
		}
	}
	for _, rule := range readRules(t, rulesFile) {
		if !fires[rule.Alert] || !silent[rule.Alert] {
			t.Errorf("%s: firing is tested: %v, silent is tested: %v", rule.Alert, fires[rule.Alert], silent[rule.Alert])
		}
	}
}
