package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api/v1alpha1"
)

func (w *world) reissues() []v1alpha1.Reissue {
	w.Helper()
	var list v1alpha1.ReissueList
	if err := w.List(w.Context(), &list, client.InNamespace(w.namespace)); err != nil {
		w.Fatal(err)
	}
	return list.Items
}

// campaign waits for a Reissue: one that runs, or the plan of one.
func (w *world) campaign(dryRun bool) *v1alpha1.Reissue {
	w.Helper()
	var found *v1alpha1.Reissue
	w.eventually("a Reissue", func() bool {
		for _, r := range w.reissues() {
			if r.Spec.DryRun == dryRun {
				found = &r
			}
		}
		return found != nil
	})
	return found
}

// says does what the operator would.
func (w *world) says(r *v1alpha1.Reissue, status v1alpha1.ReissueStatus) {
	w.Helper()
	r.Status = status
	if err := w.Status().Update(w.Context(), r); err != nil {
		w.Fatal(err)
	}
}

func planned() v1alpha1.ReissueStatus {
	return v1alpha1.ReissueStatus{
		Phase: v1alpha1.ReissuePlanned, Selected: 53, Remaining: 53, EstimatedDuration: &metav1.Duration{Duration: 64 * time.Minute},
		Certificates: []v1alpha1.ReissueCertificate{{Name: "web/shop", State: v1alpha1.ReissueNext}, {Name: "web/blog", State: v1alpha1.ReissueNext, Message: "is not ready"}},
	}
}

func TestReissueShowsThePlanAsksAndLooksOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := w.begin("yes\n", "reissue", "node-7", "-l", "node=7,app in (a,b)", "--issuer", "ClusterIssuer/old", "--issued-before", "2026-11-01",
		"--per-hour", "50", "--max-in-flight", "5", "--revoke", "--revoke-reason", "keyCompromise", "--hold", "1m", "-o", "json")
	w.says(w.campaign(true), planned())
	r := w.campaign(false)
	if r.Name != "node-7" {
		t.Errorf("the campaign is called %s", r.Name)
	}
	s := r.Spec.Selector
	if s.Labels.MatchLabels["node"] != "7" || len(s.Labels.MatchExpressions) != 1 || s.IssuerRef.Name != "old" || s.IssuerRef.Kind != "ClusterIssuer" ||
		!s.IssuedBefore.Equal(&metav1.Time{Time: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}) || *r.Spec.PerHour != 50 || r.Spec.MaxInFlight != 5 ||
		r.Spec.Revoke.Reason != v1alpha1.KeyCompromise || r.Spec.Revoke.Hold.Duration != time.Minute {
		t.Errorf("the spec is not what was asked for: %+v", r.Spec)
	}
	w.says(r, v1alpha1.ReissueStatus{Phase: v1alpha1.ReissueDone, Selected: 53, Done: 53, Revoked: 53})
	got := end()
	w.ends(got, exitOK, "Done: 53 of 53 done, 53 revoked\n")
	shown := &v1alpha1.Reissue{}
	if err := json.Unmarshal([]byte(got.out), shown); err != nil || shown.Kind != "Reissue" || shown.Status.Done != 53 {
		t.Errorf("the output is no Reissue (%v):\n%s", err, got.out)
	}
	for _, r := range w.reissues() {
		if r.Spec.DryRun {
			t.Errorf("the plan %s is left", r.Name)
		}
	}
	w.golden("reissue", got.err[:strings.Index(got.err, "created")+len("created\n")])
}

func TestReissueDryRunShowsThePlanAndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := w.begin("", "reissue", "all", "--all", "--dry-run")
	plan := w.campaign(true)
	if plan.Spec.Selector.Labels == nil {
		t.Error("--all selects nothing")
	}
	w.says(plan, planned())
	got := end()
	w.ends(got, exitOK)
	w.golden("reissue-dry-run", got.out)
	if left := w.reissues(); len(left) > 0 {
		t.Errorf("%d are left", len(left))
	}
}

func TestReissueOfNothingIsNotBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := w.begin("yes\n", "reissue", "none", "-l", "a=b")
	w.says(w.campaign(true), v1alpha1.ReissueStatus{Phase: v1alpha1.ReissuePlanned})
	w.ends(end(), exitNot, "no Certificate is selected: nothing was done")
	if left := w.reissues(); len(left) > 0 {
		t.Errorf("%d are left", len(left))
	}
}

func TestReissueEndsWithThreeAndNamesWhatHasFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := w.begin("", "reissue", "node-7", "-l", "node=7", "--yes")
	w.says(w.campaign(false), v1alpha1.ReissueStatus{
		Phase: v1alpha1.ReissueDone, Selected: 3, Done: 2, Failed: 1,
		Certificates: []v1alpha1.ReissueCertificate{{Name: "web/shop", State: v1alpha1.ReissueFailed, Message: "the CA refuses it"}},
	})
	w.ends(end(), exitNot, "web/shop", "the CA refuses it", "1 of 3 certificates were not issued anew")
}

func TestReissueEndsWithThreeWhenSomebodyHasToDoSomething(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := w.begin("", "reissue", "other", "--all", "--namespaces", "*", "--yes")
	r := w.campaign(false)
	r.Status.Phase = v1alpha1.ReissueStopped
	meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ReissueReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReissueReasonNamespacesNotAllowed, Message: "namespaces only in the cluster resource namespace",
	})
	w.says(r, r.Status)
	w.ends(end(), exitNot, "NamespacesNotAllowed: namespaces only in the cluster resource namespace")
}

func TestReissueIsPausedResumedAndShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(&v1alpha1.Reissue{ObjectMeta: w.named("node-7"), Spec: v1alpha1.ReissueSpec{Selector: v1alpha1.ReissueSelector{Labels: &metav1.LabelSelector{}}}})
	w.ends(w.do("", "reissue", "pause", "node-7"), exitOK, "reissue.certwright.dev/node-7 paused")
	if !w.campaign(false).Spec.Paused {
		t.Error("it is not paused")
	}
	w.ends(w.do("", "reissue", "resume", "node-7"), exitOK, "reissue.certwright.dev/node-7 resumed")
	r := w.campaign(false)
	if r.Spec.Paused {
		t.Error("it is still paused")
	}
	w.says(r, v1alpha1.ReissueStatus{
		Phase: v1alpha1.ReissueRunning, Selected: 70, Done: 8, InFlight: 1, Failed: 1, Remaining: 60, Revoked: 7, EstimatedCompletion: new(metav1.NewTime(noon.Add(time.Hour))),
		Certificates: []v1alpha1.ReissueCertificate{{Name: "web/blog", State: v1alpha1.ReissueInFlight}, {Name: "web/shop", State: v1alpha1.ReissueFailed, Message: "the CA refuses it"}, {Name: "web/www", State: v1alpha1.ReissueNext}},
	})
	got := w.do("", "reissue", "status", "node-7")
	w.ends(got, exitOK)
	w.golden("reissue-status", got.out)
	w.ends(w.do("", "reissue", "status", "nobody"), exitError, "not found")
	w.ends(w.do("", "reissue", "pause", "nobody"), exitError, "not found")
}

func TestReissueSaysWhatIsWrongWithTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		args string
		says string
	}{
		{"x", "say which Certificates"},
		{"", "say NAME"},
		{"x --all -l a=b", "--all is all"},
		{"x -l a=b --hold 1m", "go with --revoke"},
		{"x -l a=b --revoke-reason superseded", "go with --revoke"},
		{"x -l a=b --per-hour -1", "1 at least"},
		{"x -l a=(", "--selector"},
		{"x --issued-before yesterday", "2026-11-24"},
		{"x --issuer a/b/c", "KIND.GROUP/NAME"},
		{"x --all -o xml", "json, yaml, name"},
		{"pause", "say NAME"},
	} {
		w.ends(w.do("", append([]string{"reissue"}, strings.Fields(c.args)...)...), exitUsage, c.says)
	}
	w.ends(w.do("", "reissue", "x", "--key-hash", "abc", "--yes"), exitError, "should match") // the API server's rule
}
