package alerts

import (
	"os"
	"strings"
	"testing"
)

const page = "../../docs/monitoring.md"

func TestEveryAlertHasASectionAndNoSectionIsLeftOver(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "### "); ok {
			sections[name] = true
		}
	}
	for _, rule := range readRules(t, rulesFile) {
		if !sections[rule.Alert] {
			t.Errorf("%s has no section", rule.Alert)
		}
		if url := rule.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/monitoring.md#"+strings.ToLower(rule.Alert)) {
			t.Errorf("%s: runbook is %s", rule.Alert, url)
		}
		delete(sections, rule.Alert)
	}
	if len(sections) > 0 {
		t.Errorf("sections of no alert: %v", sections)
	}
}

// TestEveryMetricOfOursIsInTheDocumentation leaves out those of libraries. The
// page gives families that differ in their end in one line.
func TestEveryMetricOfOursIsInTheDocumentation(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]string{
		"certmanager_certificate_not_after_timestamp_seconds":     "`..._not_after_...`",
		"certmanager_certificate_renewal_timestamp_seconds":       "`..._renewal_...`",
		"certmanager_certificate_expiration_timestamp_seconds":    "`..._expiration_...`",
		"certmanager_http_acme_client_request_duration_seconds":   "`..._request_duration_seconds`",
		"certmanager_venafi_oauth_token_request_duration_seconds": "`..._request_duration_seconds`",
		"certmanager_controller_sync_error_count":                 "`..._sync_error_count`",
	}
	_, known := scrape(t)
	for name := range known {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if short, ok := strings.CutSuffix(name, suffix); ok && strings.HasSuffix(short, "_seconds") {
				name = short
			}
		}
		if !strings.HasPrefix(name, "certmanager_") && !strings.HasPrefix(name, "certwright_") {
			continue
		}
		want := "`" + name + "`"
		if short, ok := families[name]; ok {
			want = short
		}
		if !strings.Contains(string(content), want) {
			t.Errorf("%s is not in %s", name, page)
		}
	}
}
