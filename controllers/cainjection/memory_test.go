package cainjection

import (
	"crypto/x509"
	"testing"
	"time"
)

func TestTargetIsSettledUntilItOrItsSourceChanges(t *testing.T) {
	t.Parallel()
	ca, other := newCA(t, "ca", now, time.Hour), newCA(t, "other", now, time.Hour)
	source := []*x509.Certificate{ca}
	var m memory
	found := stateOf("uid", 3, "100", source)
	if _, ok := m.settled("web", found, now); ok {
		t.Error("settled before it was looked at")
	}
	m.settle("web", found, time.Time{})
	if _, ok := m.settled("web", stateOf("uid", 3, "101", source), now); !ok {
		t.Error("another status is to be looked at")
	}
	for name, s := range map[string]state{
		"another generation": stateOf("uid", 4, "101", source),
		"made again":         stateOf("other", 3, "100", source),
		"another CA":         stateOf("uid", 3, "100", []*x509.Certificate{other}),
		"one CA more":        stateOf("uid", 3, "100", []*x509.Certificate{ca, other}),
	} {
		if _, ok := m.settled("web", s, now); ok {
			t.Errorf("settled with %s", name)
		}
	}
	if _, ok := m.settled("other", found, now); ok {
		t.Error("another target is settled")
	}
	m.forget("web")
	if _, ok := m.settled("web", found, now); ok {
		t.Error("settled when forgotten")
	}
}

func TestTargetWithoutGenerationsIsSettledByItsVersion(t *testing.T) {
	t.Parallel()
	var m memory
	m.settle("api", stateOf("uid", 0, "100", nil), time.Time{})
	if _, ok := m.settled("api", stateOf("uid", 0, "100", nil), now); !ok {
		t.Error("the same version is to be looked at")
	}
	if _, ok := m.settled("api", stateOf("uid", 0, "101", nil), now); ok {
		t.Error("settled with another version")
	}
}

func TestTargetIsSettledUntilACertificateExpires(t *testing.T) {
	t.Parallel()
	var m memory
	s, due := stateOf("uid", 1, "1", nil), now.Add(time.Hour)
	m.settle("web", s, due)
	if wake, ok := m.settled("web", s, now); !ok || !wake.Equal(due) {
		t.Errorf("settled: %t, until %v, want %v", ok, wake, due)
	}
	if _, ok := m.settled("web", s, due); ok {
		t.Error("settled when a certificate has expired")
	}
}

func TestProblemIsToldOnceWhenItHasLasted(t *testing.T) {
	t.Parallel()
	var m memory
	told := func(problem string, at time.Duration) (messages string, wake time.Time) {
		list, wake := m.trouble("web", "uid", problem, now.Add(at))
		for _, e := range list {
			messages += e.Message
		}
		return messages, wake
	}
	for _, step := range []struct {
		at      time.Duration
		problem string
		want    string
		due     time.Duration // zero is never
	}{
		{0, "no Secret", "", usualGrace},
		{usualGrace - time.Second, "no Secret", "", usualGrace},
		{usualGrace, "no Secret", "no Secret", 0},
		{time.Hour, "no Secret", "", 0},
		{2 * time.Hour, "no ca.crt", "", 2*time.Hour + usualGrace},
		{2*time.Hour + usualGrace, "no ca.crt", "no ca.crt", 0},
		{3 * time.Hour, "", "", 0},
		{4 * time.Hour, "no ca.crt", "", 4*time.Hour + usualGrace},
		{4*time.Hour + usualGrace, "no ca.crt", "no ca.crt", 0},
	} {
		got, wake := told(step.problem, step.at)
		due := time.Time{}
		if step.due != 0 {
			due = now.Add(step.due)
		}
		if got != step.want || !wake.Equal(due) {
			t.Errorf("at %s, with problem %q: told %q, want %q; looks again at %v, want %v", step.at, step.problem, got, step.want, wake, due)
		}
	}
}
