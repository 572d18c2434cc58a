package daemon

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func start(t *testing.T, g *Group, name, script string) {
	t.Helper()
	if err := g.Start(Spec{Name: name, Argv: []string{"/bin/sh", "-c", script}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		list, err := g.set.List()
		if err != nil {
			t.Error(err)
		}
		for _, p := range list {
			if err := g.set.Stop(p, 0); err != nil {
				t.Error(err)
			}
		}
	})
}

func only(t *testing.T, s Set) Process {
	t.Helper()
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 {
		t.Fatalf("%d daemons are recorded", len(list))
	}
	return list[0]
}

func TestAStartedDaemonIsFoundAgainAndStopped(t *testing.T) {
	t.Parallel()
	set := Set{Dir: t.TempDir()}
	start(t, NewGroup(set), "sleeper", "exec sleep 1000")
	p := only(t, set)
	if !p.Alive() {
		t.Fatal("it is not alive")
	}
	if err := set.Stop(p, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("it is alive after it was stopped")
	}
	if list, err := set.List(); err != nil || len(list) != 0 {
		t.Errorf("still recorded: %v, %v", list, err)
	}
}

func TestADaemonThatIgnoresTheRequestToEndIsKilled(t *testing.T) {
	t.Parallel()
	set := Set{Dir: t.TempDir()}
	group := NewGroup(set)
	start(t, group, "stubborn", `trap "" TERM; echo deaf; while :; do sleep 1000; done`)
	if err := group.Wait(t.Context(), "stubborn", logHas(set, "stubborn", "deaf"), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	p := only(t, set)
	if err := set.Stop(p, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("it is alive")
	}
}

func logHas(set Set, name, word string) Probe {
	return func(context.Context) error {
		if !strings.Contains(set.Tail(name, 10), word) {
			return errors.New("not in the log yet")
		}
		return nil
	}
}

func TestAnotherProcessWithTheSameIDIsNotTheDaemon(t *testing.T) {
	t.Parallel()
	started, _, err := stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	self := Process{Name: "self", PID: os.Getpid(), Started: started, Boot: bootID()}
	if !self.Alive() {
		t.Fatal("this very process is not found")
	}
	earlier := self
	earlier.Started = "1"
	beforeBoot := self
	beforeBoot.Boot = "another"
	if earlier.Alive() || beforeBoot.Alive() {
		t.Error("a process is taken for another that had its id before")
	}
	set := Set{Dir: t.TempDir()}
	if err := set.Stop(earlier, 0); err != nil { // would end the test if it took this process for the daemon
		t.Fatal(err)
	}
}

func TestWaitTellsAtOnceThatADaemonEndedAndWhatItSaid(t *testing.T) {
	t.Parallel()
	set := Set{Dir: t.TempDir()}
	group := NewGroup(set)
	start(t, group, "broken", "echo first; echo port is taken >&2; exit 3")
	begin := time.Now()
	err := group.Wait(t.Context(), "broken", func(context.Context) error { return errors.New("no answer") }, time.Minute)
	if err == nil || time.Since(begin) > 30*time.Second {
		t.Fatalf("got %v after %v", err, time.Since(begin))
	}
	for _, want := range []string{"broken ended", "exit status 3", "port is taken"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func TestCheckNamesTheDeadAndTheUnhealthy(t *testing.T) {
	t.Parallel()
	set := Set{Dir: t.TempDir()}
	group := NewGroup(set)
	start(t, group, "well", "exec sleep 1000")
	start(t, group, "ill", "exec sleep 1000")
	start(t, group, "dead", "echo last words; exec sleep 1000")
	if err := group.Wait(t.Context(), "dead", logHas(set, "dead", "last words"), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	list, err := set.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if p.Name == "dead" {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-group.exited["dead"]
		}
	}
	found, err := set.Check(t.Context(), map[string]Probe{"ill": func(context.Context) error { return errors.New("fever") }}, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 3 {
		t.Fatalf("%d daemons were checked", len(found))
	}
	for _, h := range found {
		switch h.Name {
		case "well":
			if h.Err != nil {
				t.Errorf("well: %v", h.Err)
			}
		case "ill":
			if h.Dead || h.Err == nil || h.Err.Error() != "fever" {
				t.Errorf("ill: dead %v, %v", h.Dead, h.Err)
			}
		case "dead":
			if !h.Dead || h.Err == nil || !strings.Contains(h.Tail, "last words") {
				t.Errorf("dead: dead %v, %v, log %q", h.Dead, h.Err, h.Tail)
			}
		}
	}
}

func TestADaemonThatAnswersLateIsHealthy(t *testing.T) {
	t.Parallel()
	set := Set{Dir: t.TempDir()}
	start(t, NewGroup(set), "slow", "exec sleep 1000")
	tries := 0
	found, err := set.Check(t.Context(), map[string]Probe{"slow": func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("busy")
		}
		return nil
	}}, time.Minute)
	if err != nil || len(found) != 1 || found[0].Err != nil || tries != 3 {
		t.Errorf("got %+v, %v after %d tries", found, err, tries)
	}
}

func TestStatReadsNamesWithParentheses(t *testing.T) {
	t.Parallel()
	line := "42 (a) b (c)) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 1000 1 18446744073709551615"
	started, state, err := parseStat([]byte(line))
	if err != nil || started != "98765" || state != 'S' {
		t.Errorf("got %q, %c, %v", started, state, err)
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("1 (init) S 0 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 5 1000 1 2"))
	f.Add([]byte("1 (init"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, data []byte) {
		started, _, err := parseStat(data)
		if err == nil && started == "" {
			t.Error("no error and no start time")
		}
	})
}
