package alerts

import (
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"sigs.k8s.io/yaml"
)

// chartTemplate renders one template of the chart.
func chartTemplate(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"-C", "../../hack/cluster", "run", ".", "helm", "template", "x", "../../charts/certwright",
		"--show-only", "templates/" + name}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("render %s: %v", name, err)
	}
	return string(out)
}

func TestPrometheusRuleHasTheRulesOfTheFileAndThoseOfTheUser(t *testing.T) {
	t.Parallel()
	var rule struct {
		Kind     string
		Metadata struct {
			Namespace string
			Labels    map[string]string
		}
		Spec any
	}
	text := chartTemplate(t, "prometheusrule.yaml", "--set", "prometheus.rules.enabled=true,prometheus.rules.namespace=monitoring,prometheus.rules.labels.release=stack",
		"--set-json", `prometheus.rules.additionalGroups=[{"name":"own","rules":[{"alert":"Own","expr":"up == 0"}]}]`)
	if err := yaml.Unmarshal([]byte(text), &rule); err != nil {
		t.Fatal(err)
	}
	if rule.Kind != "PrometheusRule" || rule.Metadata.Namespace != "monitoring" || rule.Metadata.Labels["release"] != "stack" {
		t.Errorf("rule is %v", rule)
	}
	spec, err := yaml.Marshal(rule.Spec)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(spec, false, model.UTF8Validation, language, slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var got []rulefmt.Rule
	for _, group := range groups.Groups {
		got = append(got, group.Rules...)
	}
	want := append(readRules(t, rulesFile), rulefmt.Rule{Alert: "Own", Expr: "up == 0"})
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestDashboardIsInAConfigMapThatGrafanaFinds(t *testing.T) {
	t.Parallel()
	var object struct {
		Kind     string
		Metadata struct{ Labels map[string]string }
		Data     map[string]string
	}
	if err := yaml.Unmarshal([]byte(chartTemplate(t, "dashboard.yaml", "--set", "prometheus.dashboard.enabled=true")), &object); err != nil {
		t.Fatal(err)
	}
	if object.Kind != "ConfigMap" || object.Metadata.Labels["grafana_dashboard"] != "1" {
		t.Errorf("%s with labels %v", object.Kind, object.Metadata.Labels)
	}
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(content)), strings.TrimSpace(object.Data["certwright.json"])); diff != "" {
		t.Error(diff)
	}
}
