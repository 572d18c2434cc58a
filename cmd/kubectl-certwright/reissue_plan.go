package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api/v1alpha1"
)

// planPatience is how long the operator may take for a plan: it reads from its
// caches and asks nobody.
const planPatience = time.Minute

// plan has the operator say what a campaign would do, by a dry run that is
// removed again.
func (c *cli) plan(ctx context.Context, api *cluster, r *v1alpha1.Reissue) (*v1alpha1.Reissue, error) {
	dry := r.DeepCopy()
	dry.Name, dry.GenerateName = "", strings.TrimRight(r.Name[:min(len(r.Name), 200)], "-.")+"-plan-" // leaves room for what the API server adds
	dry.Spec.DryRun = true
	if err := api.Create(ctx, dry); err != nil {
		return nil, fmt.Errorf("create Reissue: %w", err)
	}
	defer func() {
		// Interrupted or not, the plan is of no use to anybody else.
		deleting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := api.Delete(deleting, dry.DeepCopy()); err != nil {
			c.tell("delete the plan %s: %v", dry.Name, err)
		}
	}()
	waiting, cancel := context.WithTimeout(ctx, planPatience)
	defer cancel()
	err := follow(waiting, api.WithWatch, dry, &v1alpha1.ReissueList{}, func(now *v1alpha1.Reissue) (bool, error) {
		*dry = *now
		if now.Status.Phase == v1alpha1.ReissuePlanned {
			return true, nil
		}
		return false, trouble(now)
	})
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("the operator has made no plan within %s: does it run?", planPatience)
	}
	return dry, err
}

// trouble is what keeps a campaign from going on until somebody does something,
// and what it has ended with. A pause is none.
func trouble(r *v1alpha1.Reissue) error {
	for _, condition := range r.Status.Conditions {
		if condition.Type != v1alpha1.ReissueReady || condition.Status != metav1.ConditionFalse {
			continue
		}
		switch condition.Reason {
		case v1alpha1.ReissueReasonPaused, v1alpha1.ReissueReasonRunning, v1alpha1.ReissueReasonPlanned:
		default:
			return not("%s: %s", condition.Reason, condition.Message)
		}
	}
	return nil
}

// showPlan tells how many certificates, how long, and which ones come first.
func (t *terminal) showPlan(plan *v1alpha1.Reissue) {
	s := &plan.Status
	what := "certificates are"
	if s.Selected == 1 {
		what = "certificate is"
	}
	then := ""
	if plan.Spec.Revoke != nil {
		then = ", and the old ones revoked"
	}
	t.say("%d %s issued anew, with other keys%s", s.Selected, what, then)
	if s.EstimatedDuration != nil && s.Selected > 0 {
		t.say("At this pace, within the limits of the CA, that takes %s and as long as the CA needs for the last ones", short(s.EstimatedDuration.Duration))
	}
	t.showCertificates(s)
}

func (t *terminal) showCertificates(s *v1alpha1.ReissueStatus) {
	if len(s.Certificates) == 0 {
		return
	}
	rows := [][]cell{plain("CERTIFICATE", "STATE", "MESSAGE")}
	for _, crt := range s.Certificates {
		state := cell{text: string(crt.State)}
		switch crt.State {
		case v1alpha1.ReissueFailed:
			state.colour = red
		case v1alpha1.ReissueInFlight:
			state.colour = yellow
		case v1alpha1.ReissueNext: // as it is to be
		}
		rows = append(rows, []cell{{text: crt.Name}, state, {text: crt.Message}})
	}
	t.table(rows)
	if listed := int32(len(s.Certificates)); listed < s.Remaining+s.InFlight+s.Failed { //nolint:gosec // at most 50
		t.say("and %d more", s.Remaining+s.InFlight+s.Failed-listed)
	}
}
