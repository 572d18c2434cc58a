package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const serverMetrics = `# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 10
apiserver_request_total{code="409",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 1
apiserver_request_total{code="200",component="",dry_run="",group="cert-manager.io",resource="certificates",scope="resource",subresource="status",verb="PUT",version="v1"} 20
apiserver_request_total{code="200",component="apiserver",dry_run="",group="coordination.k8s.io",resource="leases",scope="resource",subresource="",verb="PUT",version="v1"} 5
apiserver_request_total{code="200",component="",dry_run="",group="",resource="",scope="",subresource="/readyz",verb="GET",version=""} 3
`

func TestServedCountsWhatTheOperatorCouldHaveSent(t *testing.T) {
	t.Parallel()
	m, err := parseMetrics(strings.NewReader(serverMetrics))
	if err != nil {
		t.Fatal(err)
	}
	want := map[kind]float64{{"POST", "secrets"}: 11, {"PUT", "certificates/status"}: 20}
	if diff := cmp.Diff(want, served(m)); diff != "" {
		t.Error(diff)
	}
}

func TestAttributeSetsTheBenchsOwnWritesAndForeignReadsApart(t *testing.T) {
	t.Parallel()
	sent := map[string]float64{"POST": 41, "PATCH": 10, "DELETE": 10, "GET": 1}
	answered := map[kind]float64{
		{"POST", "certificates"}:           10, // the bench's
		{"POST", "secrets"}:                20,
		{"POST", "events"}:                 20,
		{"POST", permissionReviews}:        1,
		{"APPLY", "secrets"}:               10,
		{"DELETE", "secrets"}:              10,
		{"GET", "secrets"}:                 1,
		{"WATCH", "certificates"}:          2, // the controller manager's
		{"DELETECOLLECTION", "challenges"}: 0,
	}
	r, err := attribute(sent, answered, map[kind]float64{{"POST", "certificates"}: 10})
	if err != nil {
		t.Fatal(err)
	}
	wantWrites := []count{
		{kind{"POST", "events"}, 20}, {kind{"POST", "secrets"}, 20},
		{kind{"APPLY", "secrets"}, 10}, {kind{"DELETE", "secrets"}, 10},
		{kind{"POST", permissionReviews}, 1},
	}
	if diff := cmp.Diff(wantWrites, r.Writes, cmpopts.EquateComparable(count{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]count{{kind{"WATCH", "certificates"}, 2}, {kind{"GET", "secrets"}, 1}}, r.Reads, cmpopts.EquateComparable(count{})); diff != "" {
		t.Error(diff)
	}
	if got := r.forCertificates(); got != 61 {
		t.Errorf("forCertificates = %v; want 61: all that was sent, reads included, but the review", got)
	}
	if got := r.writes("events"); got != 20 {
		t.Errorf(`writes("events") = %v; want 20`, got)
	}
}

func TestAttributeRefusesAccountsThatDiffer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sent     map[string]float64
		answered map[kind]float64
	}{
		"somebody else wrote":                      {map[string]float64{"POST": 1}, map[kind]float64{{"POST", "secrets"}: 2}},
		"somebody else alone wrote":                {nil, map[kind]float64{{"DELETE", "secrets"}: 1}},
		"the operator wrote what is not its own":   {map[string]float64{"PUT": 2}, map[kind]float64{{"PUT", "certificates/status"}: 1}},
		"the operator patched what is not its own": {map[string]float64{"PATCH": 1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r, err := attribute(tc.sent, tc.answered, nil); err == nil {
				t.Errorf("attribute = %+v; want an error", r)
			}
		})
	}
}
