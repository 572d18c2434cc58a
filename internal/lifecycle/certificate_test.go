package lifecycle

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// What is applied in one go becomes ready in any order, and that costs nothing:
// neither a write nor a word about an issuer that is ready a moment later.
func TestIssuerThatIsNotReadyYetIsNoTrouble(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.settle(t)
	w.answer(w.pending(), cmmeta.ConditionFalse, cmv1.CertificateRequestReasonPending, `Issuer "ca" is not ready`)
	if d := w.settle(t); !d.Wake.Equal(w.now.Add(grace)) {
		t.Errorf("woken at %v, want after the grace", d.Wake)
	}
	w.now = w.now.Add(10 * time.Second)
	w.issue(t, 90*day)
	if w.writes != 6 || len(w.events) != 2 {
		t.Errorf("%d writes and %d events, want 6 and 2", w.writes, len(w.events))
	}
	for _, e := range w.events {
		if e.Type == Warning {
			t.Errorf("event %+v", e)
		}
	}
}

// The flags of the contract set the two ends of the back-off.
func TestBackoffIsConfigurable(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	backoff := Backoff{Least: 10 * time.Minute, Most: 15 * time.Minute}
	pass := func() CertificateDecision {
		for range 50 {
			seen := w.see()
			seen.Backoff = backoff
			if d, changed := w.stepOn(t, seen, noCrash); !changed {
				return d
			}
		}
		t.Fatal("no rest")
		return CertificateDecision{}
	}
	pass()
	for _, want := range []time.Duration{10 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		w.refuse(w.pending(), "no")
		if d := pass(); !d.Wake.Equal(w.now.Add(want)) {
			t.Fatalf("next attempt after %v, want %v", d.Wake.Sub(w.now), want)
		}
		w.now = w.now.Add(want)
		pass()
	}
}

// A clock that was a year ahead has left its times behind: they stop nothing.
func TestTimesOfAWrongClockStopNothing(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.now = simStart.AddDate(1, 0, 0)
	w.settle(t)
	w.refuse(w.pending(), "the clock is wrong")
	w.settle(t)
	w.now = simStart
	w.issue(t, 90*day)
	if !w.ready() {
		t.Errorf("status %+v", w.crt.Status)
	}
}

func TestRequestsBeyondTheLimitAreSuperfluous(t *testing.T) {
	t.Parallel()
	crt := func(revision int, limit int32) *cmv1.Certificate {
		c := &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
		if revision > 0 {
			c.Status.Revision = &revision
		}
		if limit > 0 {
			c.Spec.RevisionHistoryLimit = &limit
		}
		return c
	}
	named := func(name string, revision int) *cmv1.CertificateRequest {
		req := &cmv1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if revision > 0 {
			req.Annotations = map[string]string{cmv1.CertificateRequestRevisionAnnotationKey: fmt.Sprint(revision)}
		}
		return req
	}
	failed := func(req *cmv1.CertificateRequest) *cmv1.CertificateRequest {
		req.Status.Conditions = SetRequestCondition(nil, cmv1.CertificateRequestCondition{
			Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: cmv1.CertificateRequestReasonFailed,
		}, simStart)
		return req
	}
	for name, c := range map[string]struct {
		crt           *cmv1.Certificate
		owned         []*cmv1.CertificateRequest
		current, next string
		superfluous   []string
	}{
		"one is kept by default": {
			crt(3, 0), []*cmv1.CertificateRequest{named("web-3", 3), named("web-1", 1), named("web-2", 2)},
			"web-3", "", []string{"web-1", "web-2"},
		},
		"the limit is of the Certificate": {
			crt(4, 3), []*cmv1.CertificateRequest{named("web-4", 4), named("web-3", 3), named("web-2", 2), named("web-1", 1)},
			"web-4", "", []string{"web-1"},
		},
		"failed ones count": {
			crt(3, 2), []*cmv1.CertificateRequest{failed(named("web-1", 1)), failed(named("web-2", 2)), named("web-3", 3)},
			"web-3", "", []string{"web-1"},
		},
		"the one under way is not counted": {
			crt(3, 0), []*cmv1.CertificateRequest{named("web-3", 3), named("web-4", 4)},
			"web-3", "web-4", nil,
		},
		"one without a revision is": {
			crt(1, 0), []*cmv1.CertificateRequest{named("web-1", 1), named("other", 0)},
			"web-1", "", []string{"other"},
		},
		"one of a future that never came is": {
			crt(1, 0), []*cmv1.CertificateRequest{named("web-1", 1), named("web-9", 9)},
			"web-1", "", []string{"web-9"},
		},
		"of two for one revision ours is kept": {
			crt(1, 0), []*cmv1.CertificateRequest{named("web-x7k2p", 2), named("web-2", 2), named("web-1", 1)},
			"web-1", "web-2", []string{"web-x7k2p"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			chosen := SortRequests(c.crt, c.owned)
			got := [2]string{}
			for i, req := range []*cmv1.CertificateRequest{chosen.Current, chosen.Next} {
				if req != nil {
					got[i] = req.Name
				}
			}
			if want := [2]string{c.current, c.next}; got != want {
				t.Errorf("current and next are %q, want %q", got, want)
			}
			if diff := cmp.Diff(c.superfluous, chosen.Superfluous); diff != "" {
				t.Errorf("superfluous (-want +got):\n%s", diff)
			}
		})
	}
}
