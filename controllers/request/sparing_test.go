package request

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// tally counts events by type.
type tally map[string]int

func (c tally) Eventf(_, _ runtime.Object, kind, _, _, _ string, _ ...any) { c[kind]++ }

func TestEventsOfAStormAreLeftOutAndThoseOfFewRequestsAreNot(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	counts := tally{}
	s := newSparing(counts, func() time.Time { return now })
	send := func(kind string, n int) {
		for range n {
			s.Eventf(nil, nil, kind, "Reason", "Reason", "note")
		}
	}
	send(corev1.EventTypeNormal, 400)
	if counts[corev1.EventTypeNormal] != 400 {
		t.Errorf("%d of 400 events were recorded", counts[corev1.EventTypeNormal])
	}
	// 200 requests a second, with two events each, for a minute.
	for range 60 {
		now = now.Add(time.Second)
		send(corev1.EventTypeNormal, 400)
	}
	if got, want := counts[corev1.EventTypeNormal], eventsAtOnce+60*eventsPerSecond; got > want {
		t.Errorf("%d events were recorded in a storm, want at most %d", got, want)
	}
	// Trouble is not lost in it.
	send(corev1.EventTypeWarning, 10)
	if counts[corev1.EventTypeWarning] != 10 {
		t.Errorf("%d of 10 warnings were recorded", counts[corev1.EventTypeWarning])
	}
	now = now.Add(time.Minute)
	before := counts[corev1.EventTypeNormal]
	send(corev1.EventTypeNormal, 100)
	if got := counts[corev1.EventTypeNormal] - before; got != 100 {
		t.Errorf("%d of 100 events were recorded after the storm", got)
	}
}
