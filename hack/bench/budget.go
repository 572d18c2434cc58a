package main

import (
	"fmt"
	"math"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// Budgets, per certificate from a CA issuer.
const (
	maxRequests     = 9.0
	maxEvents       = 2.0
	minShareOfFloor = 0.60
	maxCPU          = 6 * time.Millisecond // with ECDSA keys
	// maxCPURatio is the same budget where a processor is slower than the one it was set on, on which the plain client
	// used 2.6 ms: 6 / 2.6. One of the two has to be kept.
	maxCPURatio  = 2.3
	maxGrowth    = 1.2 // of the CPU, from the small run to the large one
	maxIdleAfter = 5 * time.Second

	// maxReviews is how many permission reviews there may be for one issuer in each minute that has begun.
	maxReviews = 1
)

// row is a figure, beside its budget if it has one.
type row struct {
	Figure   string `json:"figure"`
	Measured string `json:"measured"`
	Again    string `json:"again,omitempty"` // measured once more
	Budget   string `json:"budget,omitempty"`
	OK       bool   `json:"ok"`

	of   measurements // what the figure was made of
	time bool         // a time, which the machine's other work can spoil; a count is exact
}

// judge makes the table of a round.
func judge(o options, r round) []row {
	small := r.Small
	rows := runRows(o, small, r.Floor, measureSmall)
	rows = append(rows,
		row{Figure: "certificates per second, plain client", Measured: fmt.Sprintf("%.1f", r.Floor.rate()), of: measureSmall},
		row{Figure: "CPU per certificate, plain client", Measured: millis(r.Floor.cpuEach()), of: measureSmall},
		row{Figure: "latency p50, p99, plain client", Measured: latency(percentile(r.Floor.Latencies, 50), percentile(r.Floor.Latencies, 99)), of: measureSmall},
	)
	share := small.Rate / r.Floor.rate()
	rows = append(rows, row{
		Figure: "rate, of the plain client's", Measured: fmt.Sprintf("%.0f %%", 100*share), Budget: fmt.Sprintf(">= %.0f %%", 100*minShareOfFloor),
		OK: share >= minShareOfFloor, of: measureSmall, time: true,
	})
	rows = append(rows, row{
		Figure: "CPU per certificate, of the plain client's", of: measureSmall,
		Measured: fmt.Sprintf("%.0f %%", 100*float64(small.cpuEach())/float64(r.Floor.cpuEach())),
	})
	if o.scale > 0 {
		rows = append(rows, runRows(o, r.Large, r.Floor, measureLarge)...)
		growth := float64(r.Large.cpuEach()) / float64(small.cpuEach())
		rows = append(rows, row{
			Figure: fmt.Sprintf("CPU per certificate, %d to %d", r.Large.Certificates, small.Certificates), Measured: fmt.Sprintf("%.2f", growth),
			Budget: fmt.Sprintf("<= %.1f", maxGrowth), OK: growth <= maxGrowth, of: measureSmall | measureLarge, time: true,
		})
	}
	for i := range rows {
		if rows[i].Budget == "" {
			rows[i].OK = true
		}
	}
	return rows
}

// runRows are the figures of one run of the operator.
func runRows(o options, r operatorRun, floor floorRun, of measurements) []row {
	at := fmt.Sprintf(", %d certificates", r.Certificates)
	perCertificate := r.each(r.Requests.forCertificates())
	events := r.each(r.Requests.writes("events"))
	cpu := row{Figure: "CPU per certificate" + at, Measured: millis(r.cpuEach()), of: of}
	if o.key == cmv1.ECDSAKeyAlgorithm && of == measureSmall {
		most := max(maxCPU, time.Duration(maxCPURatio*float64(floor.cpuEach())))
		cpu.Budget, cpu.OK, cpu.time = "<= "+millis(most), r.cpuEach() <= most, true
	}
	reviews, maxReviews := r.Requests.writes(permissionReviews), maxReviews*math.Ceil(r.Took.Minutes()+1)
	idleAfter := fmt.Sprintf("%.1f s", r.IdleAfter.Seconds())
	if r.NotIdle {
		idleAfter = "not in " + idleAfter
	}
	return []row{
		{Figure: "requests per certificate" + at, Measured: fmt.Sprintf("%.2f", perCertificate), Budget: fmt.Sprintf("<= %.0f", maxRequests), OK: perCertificate <= maxRequests, of: of},
		{Figure: "of which events", Measured: fmt.Sprintf("%.2f", events), Budget: fmt.Sprintf("<= %.0f", maxEvents), OK: events <= maxEvents, of: of},
		{Figure: "permission reviews, in all", Measured: fmt.Sprintf("%.0f", reviews), Budget: fmt.Sprintf("<= %.0f", maxReviews), OK: reviews <= maxReviews, of: of},
		{Figure: "certificates per second" + at, Measured: fmt.Sprintf("%.1f", r.Rate), of: of},
		{Figure: "latency p50, p99" + at, Measured: latency(r.P50, r.P99), of: of},
		cpu,
		{Figure: "idle after the last is ready" + at, Measured: idleAfter, Budget: fmt.Sprintf("<= %.0f s", maxIdleAfter.Seconds()), OK: !r.NotIdle && r.IdleAfter <= maxIdleAfter, of: of, time: true},
		{Figure: "peak memory" + at, Measured: fmt.Sprintf("%d MiB", r.PeakRSS>>20), of: of},
	}
}

// toRepeat is what has to be measured once more: whatever a time over its budget was made of.
func toRepeat(rows []row) measurements {
	var again measurements
	for _, r := range rows {
		if r.time && !r.OK {
			again |= r.of
		}
	}
	return again
}

// mergeRows joins the tables of two rounds, of which the second measured some things once more. What was only in part
// measured again stands as it was: a ratio means something only if both its parts are of about the same time. A time has to be within
// its budget in one of them, a count in both.
func mergeRows(first, second []row, again measurements) []row {
	merged := make([]row, len(first))
	for i, r := range first {
		if r.of&^again == 0 {
			r.Again = second[i].Measured
			if r.time {
				r.OK = r.OK || second[i].OK
			} else {
				r.OK = r.OK && second[i].OK
			}
		}
		merged[i] = r
	}
	return merged
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func latency(p50, p99 time.Duration) string {
	return fmt.Sprintf("%.2f s, %.2f s", p50.Seconds(), p99.Seconds())
}
