package main

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// goodACMERun is within every budget, and would not be with one more of anything.
func goodACMERun(mode solverMode, n int) acmeRun {
	budget := acmeBudgets[mode]
	last := budget.many
	if n == 1 {
		last = budget.alone
	}
	return acmeRun{
		Certificates: n, Last: last, CPU: time.Duration(n) * maxACMECPU,
		Requests: map[string]float64{"POST": budget.requests * float64(n)},
		CA:       map[string]float64{"create_order": maxCARequests * float64(n)},
	}
}

func TestEachACMEBudgetCanBeBroken(t *testing.T) {
	t.Parallel()
	for _, mode := range []solverMode{podMode, sharedMode} {
		for _, tc := range []struct {
			figure string
			n      int
			spoil  func(*acmeRun)
		}{
			{"requests to the API server per certificate", 500, func(r *acmeRun) { r.Requests["POST"]++ }},
			{"requests to the API server per certificate", crowd, func(r *acmeRun) { r.Requests["GET"]++ }},
			{"requests to the CA per certificate", 500, func(r *acmeRun) { r.CA["get_order"]++ }},
			{"last ready after", 1, func(r *acmeRun) { r.Last++ }},
			{"last ready after", crowd, func(r *acmeRun) { r.Last++ }},
			{"CPU per certificate", crowd, func(r *acmeRun) { r.CPU += crowd }},
		} {
			run := goodACMERun(mode, tc.n)
			if diff := cmp.Diff([]string(nil), broken(judgeACME(mode, run, 1))); diff != "" {
				t.Errorf("mode %s, %d: %s", mode, tc.n, diff)
			}
			tc.spoil(&run)
			if diff := cmp.Diff([]string{tc.figure}, broken(judgeACME(mode, run, 1))); diff != "" {
				t.Errorf("mode %s, %d: %s", mode, tc.n, diff)
			}
		}
	}
}

func TestArgumentsOfTheACMEBenchAreChecked(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-n", "-1"}, {"-modes", "Pods"}, {"more"}} {
		if _, err := parseACME(args, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	o, err := parseACME(nil, io.Discard)
	if err != nil || o.certificates != 500 || len(o.modes) != 2 {
		t.Errorf("without arguments: %+v, %v", o, err)
	}
}

func TestSlowMachineHasMoreTimeForACrowdOnly(t *testing.T) {
	t.Parallel()
	floor := floorRun{Certificates: 10, CPU: 10 * 2 * floorCPU}
	if got := slowness(floor); got != 2 {
		t.Errorf("slowness %v, want 2", got)
	}
	if got := slowness(floorRun{Certificates: 10, CPU: floorCPU}); got != 1 {
		t.Errorf("slowness of a fast machine %v, want 1", got)
	}
	run := goodACMERun(sharedMode, crowd)
	run.Last, run.CPU = 2*run.Last, 2*run.CPU
	if diff := cmp.Diff([]string(nil), broken(judgeACME(sharedMode, run, 2))); diff != "" {
		t.Error(diff)
	}
	alone := goodACMERun(sharedMode, 1)
	alone.Last++
	if diff := cmp.Diff([]string{"last ready after"}, broken(judgeACME(sharedMode, alone, 2))); diff != "" {
		t.Error(diff)
	}
}
