package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api/v1alpha1"
)

// everyWay are the ways in which a campaign issues anew.
func everyWay(spec v1alpha1.ReissueSpec) map[string]v1alpha1.ReissueSpec {
	revoking := spec
	revoking.Revoke = &v1alpha1.ReissueRevoke{Reason: v1alpha1.KeyCompromise, Hold: &metav1.Duration{Duration: time.Minute}}
	return map[string]v1alpha1.ReissueSpec{"without revocation": spec, "with revocation": revoking}
}

func TestCampaignOverFiveHundredEndsWithinItsPaceWhateverDies(t *testing.T) {
	t.Parallel()
	for name, spec := range everyWay(v1alpha1.ReissueSpec{PerHour: new(int32(3600)), MaxInFlight: 20}) {
		for chaos, dies := range map[string]float64{"calm": 0, "and the process dies often": 0.2} {
			t.Run(name+", "+chaos, func(t *testing.T) {
				t.Parallel()
				w := newReissueWorld(t, 500, spec)
				w.dies, w.stale = dies, dies
				w.run(w.now.Add(2 * time.Hour))
				s := w.reissue.Status
				if s.Phase != v1alpha1.ReissueDone || s.Done != 500 || s.Failed != 0 || s.Selected != 500 {
					t.Fatalf("status %+v", s)
				}
				if spec.Revoke != nil && s.Revoked != 500 {
					t.Errorf("%d revoked", s.Revoked)
				}
				for crt, n := range w.starts {
					if n != 1 {
						t.Errorf("%s was begun %d times", crt, n)
					}
				}
				// 500 at 3600 an hour, the last of which is held for a minute.
				if took := w.now.Sub(reissueEpoch); took < 8*time.Minute || took > 11*time.Minute {
					t.Errorf("it took %s", took)
				}
				for i, at := range w.begun {
					n := 0
					for _, other := range w.begun[i:] {
						if other.Sub(at) < time.Minute {
							n++
						}
					}
					if n > 60+10 { // and ten at once
						t.Fatalf("%d within a minute of %s", n, at)
					}
				}
				if w.most > 20 {
					t.Errorf("%d under way at the same time", w.most)
				}
				// One write every five seconds, and few more.
				if limit := int(w.now.Sub(reissueEpoch)/reissueReport) + 10; w.writes > limit && dies == 0 {
					t.Errorf("the status was written %d times, more than %d", w.writes, limit)
				}
			})
		}
	}
}

func TestThoseThatExpireFirstAreBegunFirst(t *testing.T) {
	t.Parallel()
	w := newReissueWorld(t, 100, v1alpha1.ReissueSpec{MaxInFlight: 10})
	var order []string
	for !ReissueOver(w.reissue) {
		before := map[string]bool{}
		for name := range w.starts {
			before[name] = true
		}
		w.run(w.now.Add(time.Second))
		var begun []string
		for name := range w.starts {
			if !before[name] {
				begun = append(begun, name)
			}
		}
		slices.Sort(begun)
		order = append(order, begun...)
	}
	// The names say nothing about the order: by number i, the i-th to expire.
	rank := map[string]int{}
	for i := range 100 {
		rank[fmt.Sprintf("web-%04d", (i*37+11)%100)] = i
	}
	for i, name := range order {
		if far := rank[name] - i; far >= 10 || far <= -10 {
			t.Errorf("%s is number %d by expiry and was begun as number %d", name, rank[name], i)
		}
	}
}

func TestPausedCampaignFinishesWhatIsUnderWayAndGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	for name, spec := range everyWay(v1alpha1.ReissueSpec{PerHour: new(int32(3600)), MaxInFlight: 10}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newReissueWorld(t, 200, spec)
			w.run(w.now.Add(time.Minute))
			w.reissue.Spec.Paused, w.reissue.Generation = true, 2
			w.run(w.now.Add(10 * time.Minute))
			begun := len(w.begun)
			if begun == 0 || begun > 100 || len(w.due) > 0 {
				t.Fatalf("%d begun, %d under way", begun, len(w.due))
			}
			if s := w.reissue.Status; s.Phase != v1alpha1.ReissuePaused || int(s.Done) != begun || s.InFlight != 0 || int(s.Remaining) != 200-begun {
				t.Errorf("status %+v", s)
			}
			// What was not begun in the pause is not made up for all at once.
			w.reissue.Spec.Paused, w.reissue.Generation = false, 3
			resumed := w.now
			w.run(w.now.Add(5 * time.Second))
			if n := len(w.begun) - begun; n > 15 {
				t.Errorf("%d begun within %s", n, w.now.Sub(resumed))
			}
			w.run(w.now.Add(time.Hour))
			if s := w.reissue.Status; s.Phase != v1alpha1.ReissueDone || s.Done != 200 {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestCampaignStopsWhenMoreThanATenthFailsAndTriesThemAgainAfterAnEdit(t *testing.T) {
	t.Parallel()
	w := newReissueWorld(t, 200, v1alpha1.ReissueSpec{MaxInFlight: 10})
	broken := true
	w.broken = func(name string) bool { return broken && strings.HasSuffix(name, "3") }
	// Every tenth fails, which is no more than a tenth; then all do.
	w.run(w.now.Add(20 * time.Second))
	w.broken = func(string) bool { return broken }
	w.run(w.now.Add(10 * time.Minute))
	s := w.reissue.Status
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ReissueReady)
	if s.Phase != v1alpha1.ReissueStopped || ready.Reason != v1alpha1.ReissueReasonTooManyFailures || ready.Status != metav1.ConditionFalse {
		t.Fatalf("status %+v", s)
	}
	begun := len(w.begun)
	if begun > 80 || s.Remaining == 0 || s.InFlight != 0 {
		t.Errorf("%d begun, %+v", begun, s)
	}
	// Time alone changes nothing.
	w.run(w.now.Add(5 * time.Hour))
	if len(w.begun) != begun {
		t.Errorf("%d were begun after that", len(w.begun)-begun)
	}
	broken = false
	w.reissue.Spec.Paused, w.reissue.Generation = true, 2
	w.run(w.now.Add(time.Minute))
	w.reissue.Spec.Paused, w.reissue.Generation = false, 3
	w.run(w.now.Add(time.Hour))
	if s := w.reissue.Status; s.Phase != v1alpha1.ReissueDone || s.Done != 200 || s.Failed != 0 || s.Attempt != 2 {
		t.Errorf("status %+v", s)
	}
}

func TestFewFailuresDoNotStopACampaignAndAreListedAtItsEnd(t *testing.T) {
	t.Parallel()
	w := newReissueWorld(t, 60, v1alpha1.ReissueSpec{MaxInFlight: 10})
	w.broken = func(name string) bool { return name == "web-0003" || name == "web-0007" }
	w.run(w.now.Add(time.Hour))
	s := w.reissue.Status
	if s.Phase != v1alpha1.ReissueDone || s.Done != 58 || s.Failed != 2 || s.CompletedAt == nil {
		t.Fatalf("status %+v", s)
	}
	want := []v1alpha1.ReissueCertificate{
		{Name: "shop/web-0007", State: v1alpha1.ReissueFailed, Message: "the CA says no"},
		{Name: "shop/web-0003", State: v1alpha1.ReissueFailed, Message: "the CA says no"},
	}
	slices.SortFunc(want, func(a, b v1alpha1.ReissueCertificate) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Certificates, func(a, b v1alpha1.ReissueCertificate) int { return strings.Compare(a.Name, b.Name) })
	if diff := cmp.Diff(want, s.Certificates); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ReissueReady)
	if ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReissueReasonSomeFailed || !strings.HasPrefix(ready.Message, "58 certificates have been issued anew, 2 failed, the first of them shop/web-000") {
		t.Errorf("Ready %+v", ready)
	}
}

func TestWriteThatIsRefusedStopsACampaignUntilItIsTaken(t *testing.T) {
	t.Parallel()
	w := newReissueWorld(t, 30, v1alpha1.ReissueSpec{})
	w.run(w.now.Add(time.Second))
	w.refused = "exceeded quota"
	w.run(w.now.Add(time.Minute))
	ready := meta.FindStatusCondition(w.reissue.Status.Conditions, v1alpha1.ReissueReady)
	if len(w.begun) != 0 || ready.Reason != v1alpha1.ReissueReasonWriteRefused || !strings.Contains(ready.Message, "exceeded quota") {
		t.Fatalf("%d begun, Ready %+v", len(w.begun), ready)
	}
	w.refused = ""
	w.run(w.now.Add(time.Hour))
	if s := w.reissue.Status; s.Phase != v1alpha1.ReissueDone || s.Done != 30 {
		t.Errorf("status %+v", s)
	}
}

func TestCertificateThatIsDeletedOrRenewedMeanwhileIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newReissueWorld(t, 40, v1alpha1.ReissueSpec{MaxInFlight: 5})
	w.run(w.now.Add(10 * time.Second))
	for _, name := range []string{"web-0000", "web-0001", "web-0002"} {
		delete(w.certificates, name)
		delete(w.due, name)
	}
	var renewed string
	for name := range w.certificates {
		if w.starts[name] == 0 {
			renewed = name
			w.issue(w.certificates[name].DeepCopy())
			break
		}
	}
	w.run(w.now.Add(time.Hour))
	s := w.reissue.Status
	if s.Phase != v1alpha1.ReissueDone || s.Failed != 0 || s.Done != 36 {
		t.Errorf("status %+v", s)
	}
	if w.starts[renewed] != 0 {
		t.Errorf("%s was renewed and issued once more", renewed)
	}
}
