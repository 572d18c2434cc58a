package lifecycle

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// reissueWorld is a campaign, its Certificates, and what issues them, in
// virtual time. The process that runs the campaign may die after any write.
// Nothing that a look has seen is changed: what is written is another copy.
type reissueWorld struct {
	t      *testing.T
	random *rand.Rand
	now    time.Time

	reissue      *v1alpha1.Reissue
	certificates map[string]*cmv1.Certificate
	issued       map[string]time.Time // when the request of the present certificate was made
	revocations  map[string]*v1alpha1.Revocation
	limit        OrderLimit
	ca           string

	stored  time.Time // what the process remembers
	dies    float64   // chance that it dies after a write
	stale   float64   // chance that a look sees the world before the last one
	takes   time.Duration
	broken  func(name string) bool // its issuance fails
	before  []ReissueMember
	begun   []time.Time
	starts  map[string]int // how often each was begun
	writes  int            // of the Reissue's status
	most    int            // under way at the same time
	due     map[string]time.Time
	refused string
}

var reissueEpoch = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func newReissueWorld(t *testing.T, n int, spec v1alpha1.ReissueSpec) *reissueWorld {
	t.Helper()
	w := &reissueWorld{
		t: t, random: rand.New(rand.NewPCG(1, 2)), now: reissueEpoch, takes: 3 * time.Second,
		reissue:      &v1alpha1.Reissue{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "leave-ca", UID: "uid-1", Generation: 1}, Spec: spec},
		certificates: map[string]*cmv1.Certificate{}, issued: map[string]time.Time{}, revocations: map[string]*v1alpha1.Revocation{},
		starts: map[string]int{}, due: map[string]time.Time{}, broken: func(string) bool { return false },
	}
	if w.reissue.Spec.MaxInFlight == 0 {
		w.reissue.Spec.MaxInFlight = 10
	}
	for i := range n {
		w.certificate(fmt.Sprintf("web-%04d", (i*37+11)%n), time.Duration(30+i)*24*time.Hour)
	}
	return w
}

// certificate adds one that was issued some days ago.
func (w *reissueWorld) certificate(name string, left time.Duration) *cmv1.Certificate {
	issued := w.now.Add(-30 * 24 * time.Hour)
	crt := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(issued)},
		Status: cmv1.CertificateStatus{
			Revision: new(4), NotBefore: stamp(issued), NotAfter: stamp(w.now.Add(left)),
			Conditions: []cmv1.CertificateCondition{{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready"}},
		},
	}
	w.certificates[name], w.issued[name] = crt, issued
	return crt
}

// members is what a look sees.
func (w *reissueWorld) members() []ReissueMember {
	if w.before != nil && w.random.Float64() < w.stale {
		return w.before
	}
	var list []ReissueMember
	latest := map[string]*v1alpha1.Revocation{}
	for _, r := range w.revocations {
		name := r.Spec.Target.CertificateName
		if latest[name] == nil || latest[name].CreationTimestamp.Before(&r.CreationTimestamp) {
			latest[name] = r
		}
	}
	for name, crt := range w.certificates {
		m := ReissueMember{Certificate: crt, Revocation: latest[name], CA: w.ca, Limit: w.limit}
		if w.reissue.Status.StartedAt != nil && IssuedNear(crt, w.reissue.Status.StartedAt.Time) {
			m.Issued = w.issued[name]
		}
		list = append(list, m)
	}
	w.before = list
	return list
}

// pass is one look of the controller. It returns when the next is due.
func (w *reissueWorld) pass() time.Time {
	w.t.Helper()
	seen := ReissueSeen{Reissue: w.reissue.DeepCopy(), Members: w.members(), Stored: w.stored}
	if w.refused != "" {
		seen.Refused, seen.RefusedUntil = w.refused, w.now.Add(5*time.Minute)
	}
	d := NextReissue(seen, w.now)
	if w.random.IntN(20) == 0 {
		slices.Reverse(seen.Members)
		if again := NextReissue(seen, w.now); !equality.Semantic.DeepEqual(d.Status, again.Status) || !d.Wake.Equal(again.Wake) {
			w.t.Fatal("two decisions on the same facts")
		}
	}
	if d.Wake.IsZero() && !ReissueOver(&v1alpha1.Reissue{Status: d.Status}) && !w.reissue.Spec.Paused && !w.reissue.Spec.DryRun &&
		d.Status.Phase != v1alpha1.ReissueStopped {
		w.t.Fatalf("a campaign that runs is never looked at again: %+v", d.Status)
	}
	if !w.carryOut(d.Action) {
		return w.now.Add(time.Second)
	}
	if !equality.Semantic.DeepEqual(w.reissue.Status, d.Status) {
		w.reissue.Status = d.Status
		w.writes++
		w.stored = w.now
		if w.random.Float64() < w.dies {
			w.stored = time.Time{}
		}
	}
	return d.Wake
}

// carryOut is false if the process has died.
func (w *reissueWorld) carryOut(action ReissueAction) bool {
	w.t.Helper()
	switch a := action.(type) {
	case NoReissueAction:
	case AskReplacements:
		for _, crt := range a.Certificates {
			if old := w.certificates[crt.Name]; old == nil || old.ResourceVersion != crt.ResourceVersion {
				continue // a conflict
			}
			crt = crt.DeepCopy()
			w.write(crt)
			w.begin(crt.Name)
			if w.random.Float64() < w.dies {
				w.stored = time.Time{}
				return false
			}
		}
	case CreateRevocations:
		for _, r := range a.Revocations {
			if w.revocations[r.Name] != nil {
				continue
			}
			r = r.DeepCopy()
			r.CreationTimestamp = *stamp(w.now)
			w.revocations[r.Name] = r
			crt := w.certificates[r.Spec.Target.CertificateName].DeepCopy()
			AskReplacement(crt, "Revocation", w.now)
			w.write(crt)
			w.begin(crt.Name)
			if w.random.Float64() < w.dies {
				w.stored = time.Time{}
				return false
			}
		}
	}
	w.most = max(w.most, len(w.due))
	return true
}

func (w *reissueWorld) write(crt *cmv1.Certificate) {
	crt.ResourceVersion = fmt.Sprint(w.random.Uint64())
	w.certificates[crt.Name] = crt
}

func (w *reissueWorld) begin(name string) {
	w.begun = append(w.begun, w.now)
	w.starts[name]++
	w.due[name] = w.now.Add(w.takes + time.Duration(w.random.IntN(3))*time.Second)
}

// work is what everybody else does until now: issuances end.
func (w *reissueWorld) work() {
	for _, name := range slices.Sorted(maps.Keys(w.due)) {
		if w.now.Before(w.due[name]) {
			continue
		}
		delete(w.due, name)
		crt := w.certificates[name].DeepCopy()
		if w.broken(name) {
			c := FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionIssuing)
			c.Status, c.Message = cmmeta.ConditionFalse, "the CA says no"
			crt.Status.LastFailureTime = stamp(w.now)
			w.write(crt)
			continue
		}
		w.issue(crt)
	}
	for name, r := range w.revocations {
		crt := w.certificates[r.Spec.Target.CertificateName]
		if crt == nil || ReplacementAsked(&crt.Status) || meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.RevocationRevoked) {
			continue
		}
		r = r.DeepCopy()
		w.revocations[name] = r
		switch {
		case !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.RevocationReissued):
			r.Status.ReissuedAt = stamp(w.now)
			setTrue(&r.Status.Conditions, v1alpha1.RevocationReissued)
		case !w.now.Before(r.Status.ReissuedAt.Add(r.Spec.Hold.Duration)):
			setTrue(&r.Status.Conditions, v1alpha1.RevocationRevoked)
		}
	}
}

func setTrue(list *[]metav1.Condition, kind string) {
	meta.SetStatusCondition(list, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: kind, LastTransitionTime: metav1.NewTime(reissueEpoch)})
}

// issue gives a Certificate its next certificate. The CA dates it back.
func (w *reissueWorld) issue(crt *cmv1.Certificate) {
	crt.Status.Revision = new(*crt.Status.Revision + 1)
	crt.Status.NotBefore, crt.Status.NotAfter = stamp(w.now.Add(-time.Hour)), stamp(w.now.Add(90*24*time.Hour))
	crt.Status.LastFailureTime = nil
	crt.Status.Conditions = slices.DeleteFunc(crt.Status.Conditions, func(c cmv1.CertificateCondition) bool { return c.Type == cmv1.CertificateConditionIssuing })
	w.write(crt)
	w.issued[crt.Name] = w.now
}

// run lets time pass until a moment, or until the campaign is over.
func (w *reissueWorld) run(until time.Time) {
	w.t.Helper()
	wake := w.now
	for w.now.Before(until) {
		w.work()
		// An event brings a look within a second; without one the wake does.
		if !w.now.Before(wake) || len(w.due) > 0 {
			wake = w.pass()
		}
		if ReissueOver(w.reissue) {
			return
		}
		w.now = w.now.Add(time.Second)
		if wake.IsZero() {
			wake = until
		}
	}
}
