package lifecycle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func TestRolloverOfAnAccountKeyIsToldOnceAndLeavesReadyAlone(t *testing.T) {
	t.Parallel()
	issuer := &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "acme", Generation: 3}}
	pass := func(condition *cmv1.IssuerCondition, fault *Fault) []string {
		verdict := &IssuerVerdict{Ready: true, Reason: "ACMEAccountRegistered", Message: "registered", Condition: condition, Fault: fault}
		seen := IssuerSeen{Issuer: issuer, Verdict: verdict}
		if fault != nil {
			seen.Trouble = seen.Trouble.Again(verdict, acmeSimStart)
		}
		d := NextIssuer(seen, acmeSimStart)
		issuer.Status = d.Status
		if fault != nil && !d.Wake.After(acmeSimStart) {
			t.Error("it is not tried again")
		}
		return eventTexts(d.Events)
	}
	expect := func(want []string, got []string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if ready := IssuerReady(issuer); ready == nil || ready.Status != cmmeta.ConditionTrue {
			t.Errorf("Ready is %+v", ready)
		}
	}
	expect([]string{"Normal ACMEAccountRegistered: registered"}, pass(nil, nil))
	rollover := func(status cmmeta.ConditionStatus, reason string) *cmv1.IssuerCondition {
		return &cmv1.IssuerCondition{Type: cmv1.IssuerConditionAccountKeyRollover, Status: status, Reason: reason, Message: "as it is"}
	}
	trouble := &Fault{Kind: Retry, Message: "down"}
	expect([]string{"Warning RolloverPending: as it is"}, pass(rollover(cmmeta.ConditionFalse, "RolloverPending"), trouble))
	expect(nil, pass(rollover(cmmeta.ConditionFalse, "RolloverPending"), trouble))
	expect([]string{"Normal RolledOver: as it is"}, pass(rollover(cmmeta.ConditionTrue, "RolledOver"), nil))
	expect(nil, pass(nil, nil))
	want := rollover(cmmeta.ConditionTrue, "RolledOver")
	want.ObservedGeneration, want.LastTransitionTime = 3, &metav1.Time{Time: acmeSimStart.Truncate(time.Second)}
	if diff := cmp.Diff(want, findIssuerCondition(issuer.Status.Conditions, want.Type)); diff != "" {
		t.Errorf("condition (-want +got):\n%s", diff)
	}
}
