package lifecycle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestARevocationThatHasItsTurnInAMomentTellsNothing(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(revoking(""))
	healthy := w.answer
	turn := revocationStart.Add(2 * time.Second)
	w.answer = func() (RevokeOutcome, string, bool) { return RevokeTurn{At: turn}, "", false }
	for len(w.asked) < 2 {
		w.step(noCrash)
	}
	before, events := w.rev.Status.DeepCopy(), len(w.events)
	d, _ := w.step(noCrash)
	if diff := cmp.Diff(*before, w.rev.Status); diff != "" || len(w.events) != events || !d.Wake.Equal(turn) {
		t.Errorf("%d more events, wake %s, status (-before +after):\n%s", len(w.events)-events, d.Wake, diff)
	}
	w.answer, w.now = healthy, turn
	w.rest(t)
	if end := w.over(t); end.Type != "Revoked" || w.rev.Status.FailedAttempts != 0 {
		t.Errorf("it ended with %s after %d failed attempts", end.Type, w.rev.Status.FailedAttempts)
	}
}
