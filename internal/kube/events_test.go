package kube

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// heard is a recorder that keeps what it is told.
type heard struct {
	events.EventRecorder

	lines []string
}

func (h *heard) Eventf(_, _ runtime.Object, kind, reason, action, note string, args ...any) {
	text, _ := args[0].(string)
	h.lines = append(h.lines, strings.Join([]string{kind, reason, action, note, text}, "|"))
}

func TestEventsAreRecordedInTheirOrder(t *testing.T) {
	t.Parallel()
	h := &heard{}
	Record(h, &cmv1.Certificate{}, []lifecycle.Event{
		{Type: lifecycle.Normal, Reason: "Issuing", Message: "100% of it"},
		{Type: lifecycle.Warning, Reason: "Failed", Message: "no"},
	})
	// A message is no format: there may be a percent sign in it.
	want := []string{"Normal|Issuing|Issuing|%s|100% of it", "Warning|Failed|Failed|%s|no"}
	if diff := cmp.Diff(want, h.lines); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestEventThatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	h := &heard{}
	Record(h, &cmv1.Certificate{}, []lifecycle.Event{{Type: lifecycle.Normal, Reason: "R", Message: strings.Repeat("x", 2000)}})
	if got := strings.Count(h.lines[0], "x"); got != 1024 {
		t.Errorf("a note of %d bytes, want the 1024 that the API server takes", got)
	}
}
