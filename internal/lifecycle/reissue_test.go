package lifecycle

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// running is a campaign that began at the epoch.
func running() *v1alpha1.Reissue {
	return &v1alpha1.Reissue{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "leave-ca", UID: "uid-1", Generation: 1},
		Spec:       v1alpha1.ReissueSpec{MaxInFlight: 10},
		Status:     v1alpha1.ReissueStatus{Phase: v1alpha1.ReissueRunning, StartedAt: stamp(reissueEpoch), Attempt: 1},
	}
}

func TestWhereACertificateOfACampaignStands(t *testing.T) {
	t.Parallel()
	old, during := reissueEpoch.Add(-30*24*time.Hour), reissueEpoch.Add(time.Minute)
	mark := func(revision int, attempt int32) *cmv1.CertificateReissueStatus {
		return &cmv1.CertificateReissueStatus{UID: "uid-1", Attempt: attempt, Revision: revision, Time: metav1.NewTime(during)}
	}
	asked := func(status cmmeta.ConditionStatus, message string) cmv1.CertificateCondition {
		return cmv1.CertificateCondition{Type: cmv1.CertificateConditionIssuing, Status: status, Reason: cmv1.CertificateReasonReplacementRequested, Message: message}
	}
	unready := func(reason string) cmv1.CertificateCondition {
		return cmv1.CertificateCondition{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: reason, Message: "says why"}
	}
	revocation := func(attempt string, conditions ...string) *v1alpha1.Revocation {
		r := &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Name: "r", CreationTimestamp: metav1.NewTime(during), Annotations: map[string]string{v1alpha1.ReissueAttemptAnnotation: attempt}}}
		for _, c := range conditions {
			meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{Type: c, Status: metav1.ConditionTrue, Reason: c, Message: "says why", LastTransitionTime: metav1.NewTime(during)})
		}
		return r
	}
	type member = ReissueMember
	for _, row := range []struct {
		name    string
		attempt int32 // of the campaign; 1 if zero
		change  func(*member, *cmv1.CertificateStatus)
		want    string
	}{
		{"with a certificate of before, it is to come", 0, func(*member, *cmv1.CertificateStatus) {}, "next"},
		{"that was never issued, it has nothing to do with it", 0, func(_ *member, s *cmv1.CertificateStatus) { s.Revision = nil }, "none"},
		{"that is being deleted, it has nothing to do with it", 0, func(m *member, _ *cmv1.CertificateStatus) { m.Certificate.DeletionTimestamp = stamp(during) }, "none"},
		{"that was created since, it has nothing to do with it", 0, func(m *member, _ *cmv1.CertificateStatus) { m.Certificate.CreationTimestamp = *stamp(during) }, "none"},
		{"that was renewed since, it has nothing to do with it", 0, func(m *member, s *cmv1.CertificateStatus) {
			m.Issued, s.NotBefore = during, stamp(reissueEpoch.Add(-time.Hour))
		}, "none"},
		{"that was renewed since and its request is gone, it has nothing to do with it", 0, func(m *member, s *cmv1.CertificateStatus) { m.Issued, s.NotBefore = time.Time{}, stamp(during) }, "none"},
		{"that was renewed since with the same key, it is to come", 0, func(m *member, _ *cmv1.CertificateStatus) {
			m.Issued, m.Certificate.Spec.PrivateKey = during, &cmv1.CertificatePrivateKey{RotationPolicy: cmv1.RotationPolicyNever}
		}, "next"},
		{"that was requested in the second of the start, it is to come", 0, func(m *member, _ *cmv1.CertificateStatus) { m.Issued = reissueEpoch }, "next"},
		{"that can not be issued, it is not begun", 0, func(_ *member, s *cmv1.CertificateStatus) {
			s.Conditions = append(s.Conditions, unready(ReasonInvalidSpec))
		}, "failed: says why"},
		{"that another asks for, it is to come, but not begun", 0, func(_ *member, s *cmv1.CertificateStatus) {
			s.Conditions = append(s.Conditions, asked(cmmeta.ConditionTrue, "asked"))
		}, "left to others"},
		{"that another has asked for in vain, it has failed", 0, func(_ *member, s *cmv1.CertificateStatus) {
			s.Conditions = append(s.Conditions, asked(cmmeta.ConditionFalse, "the CA says no"))
		}, "failed: the CA says no"},
		{"of another campaign, it is to come", 0, func(_ *member, s *cmv1.CertificateStatus) { s.Reissue = mark(4, 1); s.Reissue.UID = "uid-0" }, "next"},

		{"that was asked for, it is under way", 0, func(_ *member, s *cmv1.CertificateStatus) {
			s.Reissue, s.Conditions = mark(4, 1), append(s.Conditions, asked(cmmeta.ConditionTrue, "asked"))
		}, "under way"},
		{"that was asked for and has a certificate with the kept key, it is under way", 0, func(_ *member, s *cmv1.CertificateStatus) {
			s.Reissue, s.Conditions = mark(3, 1), append(s.Conditions, asked(cmmeta.ConditionTrue, "asked"))
		}, "under way"},
		{"that was asked for and can not be issued, it has failed", 0, func(_ *member, s *cmv1.CertificateStatus) {
			s.Reissue, s.Conditions = mark(4, 1), append(s.Conditions, asked(cmmeta.ConditionTrue, "asked"), unready(ReasonSecretConflict))
		}, "failed: says why"},
		{"whose attempt has failed, it has failed", 0, func(_ *member, s *cmv1.CertificateStatus) {
			s.Reissue, s.Conditions = mark(4, 1), append(s.Conditions, asked(cmmeta.ConditionFalse, "the CA says no"))
		}, "failed: the CA says no"},
		{"that has failed in the attempt before, it is to come", 2, func(_ *member, s *cmv1.CertificateStatus) {
			s.Reissue, s.Conditions = mark(4, 1), append(s.Conditions, asked(cmmeta.ConditionFalse, "the CA says no"))
		}, "next"},
		{"whose issuance somebody has called off, it has failed", 0, func(_ *member, s *cmv1.CertificateStatus) { s.Reissue = mark(4, 1) }, "failed: somebody has called the issuance off"},
		{"with the revision after it, it is done", 0, func(m *member, s *cmv1.CertificateStatus) { s.Reissue, m.Issued = mark(3, 1), during }, "done"},
		{"that is done and renewed once more, it is done", 0, func(m *member, s *cmv1.CertificateStatus) {
			s.Reissue, m.Issued = mark(2, 1), during
			s.Conditions = append(s.Conditions, cmv1.CertificateCondition{Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonRenewing})
		}, "done"},
		{"whose new certificate was requested before the start, it is to come again", 0, func(m *member, s *cmv1.CertificateStatus) {
			s.Reissue, m.Issued = mark(3, 1), reissueEpoch.Add(-time.Second)
		}, "next"},

		{"with a Revocation, it is under way", 0, func(m *member, _ *cmv1.CertificateStatus) { m.Revocation = revocation("1", v1alpha1.RevocationFound) }, "under way"},
		{"with a Revocation that holds, it is done", 0, func(m *member, _ *cmv1.CertificateStatus) {
			m.Revocation = revocation("1", v1alpha1.RevocationFound, v1alpha1.RevocationReissued)
		}, "holding"},
		{"with a Revocation that is done, it is revoked", 0, func(m *member, _ *cmv1.CertificateStatus) {
			m.Revocation = revocation("1", v1alpha1.RevocationReissued, v1alpha1.RevocationRevoked)
		}, "revoked"},
		{"with a Revocation that failed, it has failed", 0, func(m *member, _ *cmv1.CertificateStatus) { m.Revocation = revocation("1", v1alpha1.RevocationFailed) }, `failed: Revocation "r": says why`},
		{"with a Revocation that failed in the attempt before, it is to come", 2, func(m *member, _ *cmv1.CertificateStatus) { m.Revocation = revocation("1", v1alpha1.RevocationFailed) }, "next"},
		{"with a Revocation that failed after the reissue, it is not issued once more", 2, func(m *member, _ *cmv1.CertificateStatus) {
			m.Revocation = revocation("1", v1alpha1.RevocationReissued, v1alpha1.RevocationFailed)
		}, `failed: issued anew, but the old certificate is not revoked: Revocation "r": says why`},
		{"with a Revocation whose replacement failed, it has failed", 2, func(m *member, s *cmv1.CertificateStatus) {
			m.Revocation, s.Conditions = revocation("1", v1alpha1.RevocationFound), append(s.Conditions, asked(cmmeta.ConditionFalse, "the CA says no"))
		}, "failed: the CA says no"},
	} {
		w := newReissueWorld(t, 0, v1alpha1.ReissueSpec{})
		m := ReissueMember{Certificate: w.certificate("www", 30*24*time.Hour), Issued: old}
		row.change(&m, &m.Certificate.Status)
		// The latest condition of a type counts.
		conditions := m.Certificate.Status.Conditions
		if len(conditions) > 1 && conditions[len(conditions)-1].Type == cmv1.CertificateConditionReady {
			m.Certificate.Status.Conditions = conditions[1:]
		}
		r := running()
		r.Status.Attempt = max(1, row.attempt)
		c := &reissueLadder{seen: &ReissueSeen{Reissue: r}, now: during}
		c.Status = r.Status
		s := c.stand(&m)
		got := map[reissueState]string{
			notOfReissue: "none", reissueNext: "next", reissueUnderWay: "under way", reissueHasFailed: "failed: " + s.message,
			reissueHolding: "holding", reissueDone: "done", reissueRevoked: "revoked",
		}[s.state]
		if s.asked {
			got = "left to others"
		}
		if got != row.want {
			t.Errorf("a Certificate %s: %s, want %s", row.name, got, row.want)
		}
	}
}

func TestCampaignThatCanNotBeMeantIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		change func(*ReissueSeen)
		reason string
		want   string
	}{
		{func(s *ReissueSeen) { s.Reissue.Spec.Selector.Namespaces = []string{"*"} }, v1alpha1.ReissueReasonNamespacesNotAllowed, "only in the cluster resource namespace"},
		{func(s *ReissueSeen) { s.SelectorErr = errors.New("nonsense") }, v1alpha1.ReissueReasonInvalidSelector, "nonsense"},
	} {
		r := running()
		r.Status = v1alpha1.ReissueStatus{}
		w := newReissueWorld(t, 3, v1alpha1.ReissueSpec{})
		seen := ReissueSeen{Reissue: r, Members: w.members()}
		row.change(&seen)
		d := NextReissue(seen, reissueEpoch)
		ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ReissueReady)
		if _, nothing := d.Action.(NoReissueAction); !nothing || d.Status.Phase != v1alpha1.ReissueStopped || ready.Reason != row.reason || !strings.Contains(ready.Message, row.want) {
			t.Errorf("%+v", d)
		}
		if len(d.Events) != 1 || d.Events[0].Type != Warning || d.Events[0].Message != ready.Message {
			t.Errorf("events %+v", d.Events)
		}
		// It is said once.
		r.Status = d.Status
		if again := NextReissue(seen, reissueEpoch.Add(time.Hour)); len(again.Events) != 0 {
			t.Errorf("said again: %+v", again.Events)
		}
	}
}

func TestDryRunListsTheFirstFiftyAndSaysHowLongItTakes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		perHour *int32
		limit   OrderLimit
		want    time.Duration
	}{
		{"without a pace or a limit", nil, OrderLimit{}, 0},
		{"100 in an hour", new(int32(100)), OrderLimit{}, 119 * time.Hour / 100}, // one at once, 119 to wait for
		// 60 in an hour, of which 50 at once, without the 10 that are kept back
		// for what is urgent; one more each minute.
		{"what the CA takes", nil, OrderLimit{Count: 60, Period: time.Hour}, 80 * time.Minute},
		{"the slower of both", new(int32(3600)), OrderLimit{Count: 60, Period: time.Hour}, 80 * time.Minute},
	} {
		w := newReissueWorld(t, 120, v1alpha1.ReissueSpec{DryRun: true, PerHour: row.perHour})
		w.ca, w.limit = "le", row.limit
		w.pass()
		s := w.reissue.Status
		if s.Phase != v1alpha1.ReissuePlanned || s.Selected != 120 || s.Remaining != 120 || s.StartedAt != nil || len(w.begun) != 0 {
			t.Errorf("%s: %+v", row.name, s)
		}
		if got := s.EstimatedDuration.Duration; got < row.want-time.Minute || got > row.want+time.Minute {
			t.Errorf("%s: it takes %s, want %s", row.name, got, row.want)
		}
		if len(s.Certificates) != 50 || s.Certificates[0].Name != "shop/web-0011" || s.Certificates[0].State != v1alpha1.ReissueNext {
			t.Errorf("%s: list of %d, %+v", row.name, len(s.Certificates), s.Certificates[0])
		}
		ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ReissueReady)
		if !strings.HasPrefix(ready.Message, "120 certificates would be issued anew") || strings.Contains(ready.Message, "last") != (row.want > 0) {
			t.Errorf("%s: %s", row.name, ready.Message)
		}
		// The same again is not another status.
		writes := w.writes
		w.now = w.now.Add(time.Hour)
		if w.pass(); w.writes != writes {
			t.Errorf("%s: written again", row.name)
		}
	}
}

func TestRevocationsOfACampaignSayWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	r := running()
	r.Spec.Revoke = &v1alpha1.ReissueRevoke{Reason: v1alpha1.KeyCompromise, Hold: &metav1.Duration{Duration: time.Hour}}
	w := newReissueWorld(t, 1, v1alpha1.ReissueSpec{})
	d := NextReissue(ReissueSeen{Reissue: r, Members: w.members()}, reissueEpoch.Add(time.Minute))
	action, is := d.Action.(CreateRevocations)
	if !is || len(action.Revocations) != 1 {
		t.Fatalf("action %+v", d.Action)
	}
	want := &v1alpha1.Revocation{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: ReissueRevocationName(r, "shop", "web-0000", 1), Labels: map[string]string{"certwright.dev/reissue-uid": "uid-1"},
			Annotations: map[string]string{"certwright.dev/reissue": "shop/leave-ca", "certwright.dev/reissue-attempt": "1"},
		},
		Spec: v1alpha1.RevocationSpec{
			Target: v1alpha1.RevocationTarget{CertificateName: "web-0000"}, Reason: v1alpha1.KeyCompromise, Reissue: v1alpha1.ReissueFirst,
			Hold: r.Spec.Revoke.Hold, Authorization: v1alpha1.AuthorizationAuto,
		},
	}
	if diff := cmp.Diff(want, action.Revocations[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if d.Status.InFlight != 1 || d.Status.Remaining != 0 {
		t.Errorf("status %+v", d.Status)
	}
	names := []string{
		ReissueRevocationName(r, "shop", "a", 1), ReissueRevocationName(r, "shop", "a", 2), ReissueRevocationName(r, "shop", "b", 1), ReissueRevocationName(r, "blog", "a", 1),
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 4 {
		t.Errorf("two have the same name: %v", names)
	}
	r.Name = strings.Repeat("x", 253)
	if name := ReissueRevocationName(r, "shop", "a", 1); len(name) > 253 {
		t.Errorf("a name of %d characters", len(name))
	}
}

func TestNothingIsBegunInTheFirstSecondsOfACampaign(t *testing.T) {
	t.Parallel()
	r := running()
	w := newReissueWorld(t, 1, v1alpha1.ReissueSpec{})
	for after, want := range map[time.Duration]bool{0: false, time.Second: false, 2 * time.Second: true} {
		d := NextReissue(ReissueSeen{Reissue: r, Members: w.members()}, reissueEpoch.Add(after))
		if _, begins := d.Action.(AskReplacements); begins != want {
			t.Errorf("after %s: %+v", after, d.Action)
		}
	}
}

func TestPaceKeepsWithinTheHourWhateverTheNumber(t *testing.T) {
	t.Parallel()
	for _, perHour := range []int32{1, 2, 7, 60, 359, 360, 361, 3600, 100000, 1 << 30} {
		c := &reissueLadder{seen: &ReissueSeen{Reissue: &v1alpha1.Reissue{Spec: v1alpha1.ReissueSpec{PerHour: &perHour}}}}
		p := c.pace()
		if p.every <= 0 || p.burst < 1 {
			t.Fatalf("%d: %+v", perHour, p)
		}
		// The burst at once, and then one after each interval that ends before
		// the hour does.
		if most := p.burst + int((time.Hour-1)/p.every); most > int(perHour) && perHour <= 100000 {
			t.Errorf("%d: %d within an hour", perHour, most)
		}
	}
}

func TestTwoCampaignsOverTheSameCertificatesLeaveEachOtherAlone(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]bool{"that are issued": false, "that fail": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newReissueWorld(t, 4, v1alpha1.ReissueSpec{})
			w.broken = func(string) bool { return broken }
			other := *w
			other.reissue = w.reissue.DeepCopy()
			other.reissue.UID, other.reissue.Name = "uid-2", "another"
			for range 300 {
				w.work()
				for _, one := range []*reissueWorld{w, &other} {
					if !ReissueOver(one.reissue) {
						one.now = w.now
						one.before = nil
						one.pass()
					}
				}
				w.now = w.now.Add(time.Second)
			}
			for crt, n := range w.starts {
				if n != 1 {
					t.Errorf("%s was begun %d times", crt, n)
				}
			}
			for _, one := range []*reissueWorld{w, &other} {
				if s := one.reissue.Status; s.Phase != v1alpha1.ReissueDone || (s.Failed > 0) != broken {
					t.Errorf("%s: %+v", one.reissue.Name, s)
				}
			}
		})
	}
}

func TestPausedCampaignNamesNoEnd(t *testing.T) {
	t.Parallel()
	w := newReissueWorld(t, 30, v1alpha1.ReissueSpec{PerHour: new(int32(60))})
	w.run(w.now.Add(10 * time.Second))
	end := w.reissue.Status.EstimatedCompletion
	if end == nil || end.Sub(reissueEpoch) < 28*time.Minute || end.Sub(reissueEpoch) > 31*time.Minute {
		t.Errorf("it ends at %v", end)
	}
	w.reissue.Spec.Paused, w.reissue.Generation = true, 2
	w.run(w.now.Add(10 * time.Second))
	if end := w.reissue.Status.EstimatedCompletion; end != nil {
		t.Errorf("paused, it ends at %v", end)
	}
}

func TestCampaignAtRestIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*reissueWorld){
		"planned":                  func(w *reissueWorld) { w.reissue.Spec.DryRun = true },
		"paused before it began":   func(w *reissueWorld) { w.reissue.Spec.Paused = true },
		"paused":                   func(w *reissueWorld) { w.pass(); w.reissue.Spec.Paused = true },
		"refused":                  func(w *reissueWorld) { w.pass(); w.refused = "exceeded quota" },
		"in the wrong namespace":   func(w *reissueWorld) { w.reissue.Spec.Selector.Namespaces = []string{"*"} },
		"in its first two seconds": func(w *reissueWorld) { w.pass() },
	} {
		w := newReissueWorld(t, 5, v1alpha1.ReissueSpec{})
		prepare(w)
		w.pass()
		writes, status := w.writes, w.reissue.Status.DeepCopy()
		if name != "in its first two seconds" {
			w.now = w.now.Add(time.Hour)
		}
		if w.pass(); w.writes != writes {
			t.Errorf("%s: written again:\n%s", name, cmp.Diff(*status, w.reissue.Status))
		}
		if status.Phase == v1alpha1.ReissueStopped && status.EstimatedCompletion != nil {
			t.Errorf("%s: an end is named", name)
		}
	}
}
