package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestArgumentsOfTheStorm(t *testing.T) {
	t.Parallel()
	o, err := parseStorm([]string{"-rate", "50", "-seconds", "5"}, io.Discard)
	if err != nil || o.rate != 50 || o.seconds != 5 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range []string{"-rate 0", "-seconds 1", "something", "-none"} {
		if _, err := parseStorm(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s is taken", args)
		}
	}
}

func TestMemoryIsReadInPages(t *testing.T) {
	t.Parallel()
	if got, err := parseStatm([]byte("310000 17024 9000 3000 0 40000 0\n"), 4096); err != nil || got != 17024*4096 {
		t.Errorf("%d, %v", got, err)
	}
	for _, bad := range []string{"", "1", "1 x"} {
		if _, err := parseStatm([]byte(bad), 4096); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestStormBreaksABudgetByWhatItIsFor(t *testing.T) {
	t.Parallel()
	good := func() stormRun {
		return stormRun{
			Requests: 4000, Asked: 200, Issued: 199, Floor: 500, P50: 20 * time.Millisecond, P99: 90 * time.Millisecond, CPU: 4 * time.Second,
			Begin: 60 << 20, Half: 70 << 20, End: 71 << 20, Peak: 80 << 20, Sent: requests{Sent: map[string]float64{"PUT": 4000, "POST": 700}},
		}
	}
	broken := func(r stormRun) string {
		var names []string
		for _, row := range judgeStorm(stormOptions{rate: 200, seconds: 20}, r) {
			if !row.OK {
				names = append(names, row.Figure)
			}
		}
		return strings.Join(names, ", ")
	}
	if got := broken(good()); got != "" {
		t.Errorf("a good run breaks %s", got)
	}
	slow := good() // the control plane can hardly do it
	slow.Floor, slow.Issued, slow.P50, slow.P99 = 150, 100, 10*time.Second, 12*time.Second
	if got := broken(slow); got != "" {
		t.Errorf("a run on a slow machine breaks %s", got)
	}
	slow.Issued = 50
	if got := broken(slow); got != "issued per second" {
		t.Errorf("a slow operator on a slow machine breaks %q", got)
	}
	for want, spoil := range map[string]func(*stormRun){
		"issued per second":         func(r *stormRun) { r.Issued = 150 },
		"latency p50":               func(r *stormRun) { r.P50 = time.Second },
		"latency p99":               func(r *stormRun) { r.P99 = 5 * time.Second },
		"API requests per request":  func(r *stormRun) { r.Sent.Sent["POST"] = 8000 },
		"reconciles that failed":    func(r *stormRun) { r.Errors = 1 },
		"growth in the second half": func(r *stormRun) { r.End = 100 << 20 },
		"peak memory":               func(r *stormRun) { r.Peak = 500 << 20 },
	} {
		r := good()
		spoil(&r)
		if got := broken(r); got != want {
			t.Errorf("what breaks is %q, want %q", got, want)
		}
	}
}
