package lifecycle

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

func (w *acmeSim) addChallenge(a CreateChallenge) {
	w.uids++
	w.challenges[a.Name] = &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{Name: a.Name, UID: types.UID(fmt.Sprintf("uid-%d", w.uids))},
		Spec:       a.Spec,
	}
	if NeedsFinalizer(a.Spec, w.shared) {
		w.challenges[a.Name].Finalizers = []string{acmev1.ACMEDomainQualifiedFinalizer}
	}
	w.objects[a.Name] = map[SolverObject]time.Time{}
}

// remove deletes a Challenge, or marks it until its finalizer is gone.
func (w *acmeSim) remove(name string) {
	c := w.challenges[name]
	if len(c.Finalizers) == 0 {
		delete(w.challenges, name)
		delete(w.objects, name) // the cluster collects what belongs to it
		return
	}
	c = c.DeepCopy()
	c.DeletionTimestamp = &metav1.Time{Time: w.now}
	w.challenges[name] = c
}

func (w *acmeSim) passChallenge(name string) {
	stored := w.challenges[name]
	if old, ok := w.older[name].(*acmev1.Challenge); ok && old.UID == stored.UID && w.isStale() {
		stored = old
	}
	m := w.memory.challenges[name]
	if m == nil {
		m = &simChallengeMemory{}
		w.memory.challenges[name] = m
	}
	if !m.checking.IsZero() && !w.now.Before(m.checking) {
		m.check = m.check.Follow(SelfCheckSeen{Verdict: w.look(w, name), Text: w.seen, At: w.now, PodReady: m.podReady})
		w.note("self-check %s", map[SelfCheckVerdict]string{SelfCheckPassed: "passed", SelfCheckWrong: "wrong", SelfCheckUnreachable: "unreachable"}[m.check.Verdict])
		m.checking = time.Time{}
	}
	seen := ChallengeSeen{
		Challenge: stored.DeepCopy(), Shared: w.shared, Present: map[SolverObject]bool{SolverResponder: w.responder},
		FailedValidations: w.failed,
		Slot:              m.slot, CA: m.ca, Check: m.check, Checking: !m.checking.IsZero(), Trouble: m.trouble,
	}
	for object, since := range w.objects[name] {
		seen.Present[object] = true
		if object == SolverPod {
			seen.PodReady = w.now.Sub(since) >= 2*time.Second
		}
	}
	if m.presentSince.IsZero() && seen.IsPresented() {
		m.presentSince = w.now
	}
	seen.PresentSince = m.presentSince
	d := NextChallenge(seen, w.now)
	for i := 0; w.askForChallenge(&seen, name, d.Action); i++ {
		if i > 20 {
			w.t.Fatalf("a pass over a challenge asks without end: %T", d.Action)
		}
		d = NextChallenge(seen, w.now)
	}
	m.ca, m.trouble, m.slot = seen.CA, seen.Trouble, seen.Slot
	both := []string{name, simOrder}
	switch a := d.Action.(type) {
	case StartSelfCheck:
		m.checking, m.podReady = w.now.Add(100*time.Millisecond), seen.PodReady
	case CreateObject:
		w.write("create "+string(a.Object), []string{name}, func() {
			if a.Object == SolverResponder {
				w.responder = true
				return
			}
			w.objects[name][a.Object] = w.now
		})
	case DeleteObject:
		w.write("delete "+string(a.Object), []string{name}, func() { delete(w.objects[name], a.Object) })
	case RemoveFinalizers:
		if stored != w.challenges[name] {
			w.touch(name) // Conflict
			return
		}
		w.write("remove finalizers", both, func() {
			c := w.challenges[name].DeepCopy()
			c.Finalizers = nil
			w.challenges[name] = c
			if c.DeletionTimestamp != nil {
				delete(w.challenges, name)
			}
		})
	default: // nothing, or answered above
	}
	if !equalJSON(stored.Status, d.Status) {
		if stored != w.challenges[name] {
			w.touch(name) // Conflict
			return
		}
		w.write("challenge status", both, func() {
			c := w.challenges[name].DeepCopy()
			c.Status = d.Status
			w.challenges[name] = c
		})
		if d.Status.State == acmev1.Invalid {
			w.failed = append(w.failed, w.now)
		}
		w.events = append(w.events, eventTexts(d.Events)...)
		w.noteStatus("challenge", stored.Status, d.Status, d.Events)
	}
	done := d.Status.State.Final() || stored.DeletionTimestamp != nil
	w.sleep(name, d.Wake, done || !m.checking.IsZero())
}
