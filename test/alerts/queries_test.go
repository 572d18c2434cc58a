package alerts

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// dashboard is what the tests need to know of a dashboard of Grafana.
type dashboard struct {
	Panels []struct {
		ID          int    `json:"id"`
		Type        string `json:"type"`
		Title       string `json:"title"`
		GridPos     struct{ X, Y, W, H int }
		FieldConfig struct {
			Defaults struct {
				NoValue string `json:"noValue"`
			} `json:"defaults"`
		} `json:"fieldConfig"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(content, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// variables puts values in the place of Grafana's variables.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$namespaces", "namespace", "$namespace", "shop", "$job", "certwright")

// onlyKnown fails if an expression does not parse or asks for a metric that the
// operator does not have.
func onlyKnown(t *testing.T, where, expression string, known map[string]bool) {
	t.Helper()
	parsed, err := language.ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		if !known[selector.Name] {
			t.Errorf("%s: the operator has no metric %s", where, selector.Name)
		}
		return nil
	})
}

func TestAlertsAskForMetricsThatTheOperatorHas(t *testing.T) {
	t.Parallel()
	samples, known := scrape(t)
	for _, rule := range readRules(t, rulesFile) {
		onlyKnown(t, rule.Alert, rule.Expr, known)
		if _, err := ask(t.Context(), newEngine(), samples, rule.Expr, start); err != nil {
			t.Errorf("%s: %v", rule.Alert, err)
		}
	}
}

// TestAlertsSeeTheTroubleThatTheOperatorTellsOf asks with the operator's own
// labels, which the samples of the rule tests may have wrong.
func TestAlertsSeeTheTroubleThatTheOperatorTellsOf(t *testing.T) {
	t.Parallel()
	samples, _ := scrape(t)
	want := map[string]bool{}
	// Half of the certificate's renewal window is used up; issuers, request and
	// challenge are new, and nobody leads; every pass fails; 429 is all that the CA says.
	for _, name := range []string{
		"CertwrightCertificateRenewalLate", "CertwrightIssuerNotReady", "CertwrightClusterIssuerNotReady", "CertwrightChallengePending",
		"CertwrightRequestUnapproved", "CertwrightNoLeader", "CertwrightPassesFail", "CertwrightACMERateLimited",
	} {
		want[name] = true
	}
	for _, rule := range readRules(t, rulesFile) {
		answer, err := ask(t.Context(), newEngine(), samples, rule.Expr, start)
		if rule.Alert == "CertwrightClockWrong" {
			continue // the samples of two hours all have one time
		}
		if err != nil || (len(answer) > 0) != want[rule.Alert] {
			t.Errorf("%s: answer %v, error %v", rule.Alert, answer, err)
		}
	}
}

// TestEveryPanelShowsSomething runs the queries of the dashboard.
func TestEveryPanelShowsSomething(t *testing.T) {
	t.Parallel()
	samples, known := scrape(t)
	queries := 0
	for _, panel := range readDashboard(t).Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("%s: no query", panel.Title)
		}
		for _, target := range panel.Targets {
			queries++
			expression := variables.Replace(target.Expr)
			if strings.Contains(expression, "$") {
				t.Errorf("%s: a variable is not known: %s", panel.Title, expression)
			}
			onlyKnown(t, panel.Title, expression, known)
			answer, err := ask(t.Context(), newEngine(), samples, expression, start)
			switch {
			case err != nil:
				t.Errorf("%s: %v", panel.Title, err)
			case len(answer) == 0 && panel.FieldConfig.Defaults.NoValue == "" && panel.Title != "Issuance failures":
				t.Errorf("%s: nothing to see: %s", panel.Title, expression)
			}
		}
	}
	if queries < 25 {
		t.Errorf("only %d queries", queries)
	}
}

func TestVariableFindsTheLabelThatHoldsTheNamespace(t *testing.T) {
	t.Parallel()
	query := ""
	for _, variable := range readDashboard(t).Templating.List {
		if q, ok := variable.Query.(map[string]any); ok && variable.Name == "namespaces" {
			query = strings.TrimSuffix(strings.TrimPrefix(q["query"].(string), "query_result("), ")")
		}
	}
	for want, pairs := range map[string][]string{
		"namespace":          {"namespace", "shop"},
		"exported_namespace": {"namespace", "certwright", "exported_namespace", "shop"},
	} {
		m := memory{{labels.FromStrings(append(pairs, labels.MetricName, "certmanager_certificate_ready_status")...), []int64{start.UnixMilli()}, []float64{1}}}
		got, err := ask(t.Context(), newEngine(), m, query, start)
		if err != nil || len(got) != 1 || got[0].Metric.Get("label") != want {
			t.Errorf("%v: %v, error %v", pairs, got, err)
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, panel := range readDashboard(t).Panels {
		if ids[panel.ID] {
			t.Errorf("%s: its id is another's", panel.Title)
		}
		ids[panel.ID] = true
		at := panel.GridPos
		if at.W < 1 || at.H < 1 || at.X+at.W > 24 {
			t.Errorf("%s: lies at %v", panel.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s lies on %s", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
	}
}
