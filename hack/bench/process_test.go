package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestCPUTimeIsUserAndSystemTime(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stat string
		want time.Duration
	}{
		"plain":                    {"42 (controller) S 1 42 42 0 -1 4194560 5000 0 3 0 120 34 0 0 20 0 9 0 12345 1000 2000", 1540 * time.Millisecond},
		"name with spaces, parens": {"42 (a (b) c) R 1 42 42 0 -1 4194560 5000 0 3 0 7 0 99 99 20 0 9 0 12345 1000 2000", 70 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat([]byte(tc.stat))
			if err != nil || got != tc.want {
				t.Errorf("parseStat(%q) = %v, %v; want %v", tc.stat, got, err, tc.want)
			}
		})
	}
}

func TestCPUTimeOfGarbageIsAnError(t *testing.T) {
	t.Parallel()
	for _, stat := range []string{"", "42", "42 (controller)", "42 (controller) S 1 2", "42 (c) S 1 42 42 0 -1 4194560 5000 0 3 0 x 34 0"} {
		if got, err := parseStat([]byte(stat)); err == nil {
			t.Errorf("parseStat(%q) = %v; want an error", stat, got)
		}
	}
}

func TestPeakMemoryIsInBytes(t *testing.T) {
	t.Parallel()
	got, err := parsePeak([]byte("Name:\tcontroller\nVmPeak:\t  999 kB\nVmHWM:\t   57344 kB\nVmRSS:\t 100 kB\n"))
	if err != nil || got != 56<<20 {
		t.Errorf("parsePeak = %d, %v; want %d", got, err, 56<<20)
	}
	for _, status := range []string{"Name:\tkthread\n", "VmHWM:\tmuch kB\n"} {
		if got, err := parsePeak([]byte(status)); err == nil {
			t.Errorf("parsePeak(%q) = %d; want an error", status, got)
		}
	}
}

func TestThisProcessHasCPUTimeAndMemory(t *testing.T) {
	t.Parallel()
	if _, err := cpuTime(os.Getpid()); err != nil {
		t.Error(err)
	}
	if own, err := ownCPU(); err != nil || own <= 0 {
		t.Errorf("ownCPU = %v, %v; want more than 0", own, err)
	}
	if peak, err := peakRSS(os.Getpid()); err != nil || peak < 1<<20 {
		t.Errorf("peakRSS = %d, %v; want more than a MiB", peak, err)
	}
}

// process is one that uses a clock tick of CPU every 20 ms for some time, and makes a request at some moments.
type process struct {
	start time.Time
	busy  time.Duration
	sends []time.Duration
}

func (p process) cpuTime() (time.Duration, error) {
	return min(time.Since(p.start), p.busy) / 20 / time.Millisecond * clockTick, nil
}

func (p process) requests(context.Context) (float64, error) {
	n := 0.0
	for _, at := range p.sends {
		if time.Since(p.start) >= at {
			n++
		}
	}
	return n, nil
}

func TestIdleIsNoCPUAndThenNoRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		process
		want time.Duration // from the start until idle
		told time.Duration // from the start until known
		not  bool
	}{
		"never did anything":         {want: 0, told: 2 * time.Second},
		"busy for a while":           {process: process{busy: 3 * time.Second}, want: 3 * time.Second, told: 5 * time.Second},
		"a request while not busy":   {process: process{sends: []time.Duration{1500 * time.Millisecond}}, want: 2 * time.Second, told: 4 * time.Second},
		"busy without end":           {process: process{busy: time.Hour}, want: idlePeriod, told: idlePeriod, not: true},
		"requests before it is busy": {process: process{busy: 2 * time.Second, sends: []time.Duration{0, time.Second}}, want: 2 * time.Second, told: 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := tc.process
				p.start = time.Now()
				rest, err := waitIdle(t.Context(), p.cpuTime, p.requests)
				if err != nil || rest.not != tc.not {
					t.Fatalf("waitIdle = %+v, %v; want not idle: %v", rest, err, tc.not)
				}
				const exactness = 3 * idleSample
				if got := rest.since.Sub(p.start); (got - tc.want).Abs() > exactness {
					t.Errorf("idle since %v; want %v", got, tc.want)
				}
				if got := time.Since(p.start); (got - tc.told).Abs() > exactness {
					t.Errorf("known after %v; want %v", got, tc.told)
				}
				if want, _ := p.cpuTime(); rest.cpu != want {
					t.Errorf("CPU time %v; want %v", rest.cpu, want)
				}
			})
		})
	}
}

func TestWaitingForIdleEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		p := process{start: time.Now(), busy: time.Hour}
		if _, err := waitIdle(ctx, p.cpuTime, p.requests); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waitIdle = %v; want the context's error", err)
		}
	})
}
