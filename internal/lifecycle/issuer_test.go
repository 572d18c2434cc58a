package lifecycle_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func describeIssuer(before cmv1.GenericIssuer, d lifecycle.IssuerDecision) string {
	var b strings.Builder
	if _, check := d.Action.(lifecycle.CheckIssuer); check {
		b.WriteString("check\n")
	}
	old := lifecycle.IssuerReady(before)
	for _, c := range d.Status.Conditions {
		if old == nil || !cmp.Equal(*old, c) {
			fmt.Fprintf(&b, "%s=%s@%d %s: %s\n", c.Type, c.Status, c.ObservedGeneration, c.Reason, c.Message)
		}
	}
	if d.Status.ACME != nil && !cmp.Equal(before.GetStatus().ACME, d.Status.ACME) {
		fmt.Fprintf(&b, "account %s\n", d.Status.ACME.URI)
	}
	for _, e := range d.Events {
		fmt.Fprintf(&b, "%s %s\n", e.Type, e.Reason)
	}
	if !d.Wake.IsZero() {
		fmt.Fprintf(&b, "wake in %s\n", d.Wake.Sub(requestNow))
	}
	return b.String()
}

func TestNextIssuer(t *testing.T) {
	t.Parallel()
	type change = func(*lifecycle.IssuerSeen)
	isReady := func(generation int64, status cmmeta.ConditionStatus, reason, message string) change {
		return func(s *lifecycle.IssuerSeen) {
			s.Issuer.GetStatus().Conditions = []cmv1.IssuerCondition{{
				Type: cmv1.IssuerConditionReady, Status: status, Reason: reason, Message: message,
				ObservedGeneration: generation, LastTransitionTime: &metav1.Time{Time: requestNow.Add(-time.Hour)},
			}}
		}
	}
	says := func(v lifecycle.IssuerVerdict) change {
		return func(s *lifecycle.IssuerSeen) {
			s.Verdict = &v
			if v.Fault != nil {
				s.Trouble = s.Trouble.Again(&v, requestNow)
			}
		}
	}
	failedBefore := func(ago time.Duration, v lifecycle.IssuerVerdict) change {
		return func(s *lifecycle.IssuerSeen) { s.Trouble = s.Trouble.Again(&v, requestNow.Add(-ago)) }
	}
	verified := lifecycle.IssuerVerdict{Ready: true, Reason: "KeyPairVerified", Message: "fits", Wake: requestNow.Add(time.Hour)}
	refused := lifecycle.IssuerVerdict{Reason: "ErrRegisterACMEAccount", Fault: &lifecycle.Fault{Kind: lifecycle.Stalled, Message: "no"}}
	down := lifecycle.IssuerVerdict{Reason: "ErrRegisterACMEAccount", Fault: &lifecycle.Fault{Kind: lifecycle.Retry, Message: "no answer"}}
	harmless := lifecycle.IssuerVerdict{Ready: true, Reason: "ErrRegisterACMEAccount", Fault: &lifecycle.Fault{Kind: lifecycle.Retry, Message: "no answer"}}
	limited := lifecycle.IssuerVerdict{Reason: "ErrRegisterACMEAccount",
		Fault: &lifecycle.Fault{Kind: lifecycle.Wait, Until: requestNow.Add(2 * time.Hour), Message: "too many"}}

	rows := []struct {
		sentence string
		given    []change
		want     string
	}{
		{"a new issuer is checked", nil, "check\n"},
		{"a ready issuer is checked as well: its Secret may have changed", []change{isReady(1, cmmeta.ConditionTrue, "KeyPairVerified", "fits")}, "check\n"},
		{"an issuer that is in order is ready", []change{says(verified)},
			"Ready=True@2 KeyPairVerified: fits\nNormal KeyPairVerified\nwake in 1h0m0s\n"},
		{"an issuer that is in order as before is not touched", []change{isReady(2, cmmeta.ConditionTrue, "KeyPairVerified", "fits"), says(verified)},
			"wake in 1h0m0s\n"},
		{"an edit that changes nothing is noted and not told", []change{isReady(1, cmmeta.ConditionTrue, "KeyPairVerified", "fits"), says(verified)},
			"Ready=True@2 KeyPairVerified: fits\nwake in 1h0m0s\n"},
		{"an issuer that can not sign says why", []change{says(lifecycle.IssuerVerdict{Reason: "ErrGetKeyPair", Message: "no Secret"})},
			"Ready=False@2 ErrGetKeyPair: no Secret\nWarning ErrInitIssuer\n"},
		{"an issuer of a kind that is not served says so", []change{func(s *lifecycle.IssuerSeen) { s.Unserved = "issuers of type vault are not served" }},
			"Ready=False@2 InvalidConfig: issuers of type vault are not served\nWarning ErrInitIssuer\n"},
		{"an issuer that is being deleted is left alone",
			[]change{func(s *lifecycle.IssuerSeen) {
				s.Issuer.(*cmv1.Issuer).DeletionTimestamp = &metav1.Time{Time: requestNow}
			}}, ""},
		{"an account is stored", []change{says(lifecycle.IssuerVerdict{Ready: true, Reason: "ACMEAccountRegistered", Message: "m",
			ACME: &acmev1.ACMEIssuerStatus{URI: "https://ca.example/1"}})},
			"Ready=True@2 ACMEAccountRegistered: m\naccount https://ca.example/1\nNormal ACMEAccountRegistered\n"},

		{"a refusal is not tried again before something changes", []change{says(refused)},
			"Ready=False@2 ErrRegisterACMEAccount: no; tried again when the issuer or one of its Secrets changes\nWarning ErrInitIssuer\n"},
		{"a refusal of long ago still is not",
			[]change{isReady(2, cmmeta.ConditionFalse, "ErrRegisterACMEAccount", "no; tried again when the issuer or one of its Secrets changes"), failedBefore(24*time.Hour, refused)}, ""},
		{"a CA that is down is asked again soon", []change{says(down)},
			"Ready=False@2 ErrRegisterACMEAccount: no answer; retried within a minute\nWarning ErrInitIssuer\nwake in 5s\n"},
		{"a CA that is down is not asked again at once", []change{isReady(2, cmmeta.ConditionFalse, "ErrRegisterACMEAccount", "no answer; retried within a minute"), failedBefore(2*time.Second, down)},
			"wake in 3s\n"},
		{"a CA that is down is asked again when it is time", []change{failedBefore(5*time.Second, down)}, "check\n"},
		{"a CA that is down leaves ready what it knew before", []change{isReady(1, cmmeta.ConditionTrue, "ACMEAccountRegistered", "m"), says(harmless)},
			"wake in 5s\n"},
		{"a CA that asks for patience is not asked before", []change{says(limited)},
			"Ready=False@2 ErrRegisterACMEAccount: too many; next attempt at 2026-11-24T10:00:00Z\nWarning ErrInitIssuer\nwake in 2h0m0s\n"},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			t.Parallel()
			seen := lifecycle.IssuerSeen{Issuer: &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "ca", Generation: 2}}}
			for _, change := range row.given {
				change(&seen)
			}
			before := seen.Issuer.(*cmv1.Issuer).DeepCopy()
			if diff := cmp.Diff(row.want, describeIssuer(before, lifecycle.NextIssuer(seen, requestNow))); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, seen.Issuer); diff != "" {
				t.Errorf("the issuer itself was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestIssuerTroubleBacksOffAndNeverShrinks(t *testing.T) {
	t.Parallel()
	verdict := &lifecycle.IssuerVerdict{Reason: "ErrRegisterACMEAccount", Fault: &lifecycle.Fault{Kind: lifecycle.Retry, Message: "no answer"}}
	seen := lifecycle.IssuerSeen{Issuer: &cmv1.Issuer{}}
	now, last := requestNow, time.Duration(0)
	for range 12 {
		seen.Verdict, seen.Trouble = verdict, seen.Trouble.Again(verdict, now)
		d := lifecycle.NextIssuer(seen, now)
		wait := d.Wake.Sub(now)
		if wait < last || wait > 30*time.Minute {
			t.Fatalf("wait of %s after one of %s", wait, last)
		}
		now, last = d.Wake, wait
	}
	if last != 30*time.Minute {
		t.Errorf("last wait %s, want 30m", last)
	}
}
