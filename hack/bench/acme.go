package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// acmeOptions are the arguments of the command acme.
type acmeOptions struct {
	certificates int
	modes        []solverMode
	kubeconfig   string
	profile      string
}

// solverMode is how HTTP-01 is answered: value http01SolverMode of the chart.
type solverMode string

const (
	podMode    solverMode = "Pod"
	sharedMode solverMode = "Shared"
)

func parseACME(args []string, output io.Writer) (acmeOptions, error) {
	o := acmeOptions{}
	flags := flag.NewFlagSet("bench acme", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.IntVar(&o.certificates, "n", 500, "certificates of the largest batch; 0 for none")
	modes := flags.String("modes", string(podMode)+","+string(sharedMode), "ways to answer HTTP-01 to measure")
	flags.StringVar(&o.profile, "cpuprofile", "", "file that gets a CPU profile of the operator during the batch of "+strconv.Itoa(crowd))
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "a running node of hack/cluster to use, and leave, instead of one of its own")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for mode := range strings.SplitSeq(*modes, ",") {
		o.modes = append(o.modes, solverMode(mode))
		if !slices.Contains([]solverMode{podMode, sharedMode}, solverMode(mode)) {
			return o, fmt.Errorf("-modes are Pod and Shared, not %q", mode)
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("there are no arguments but flags, and %q is none", flags.Arg(0))
	case o.certificates < 0:
		return o, errors.New("-n is at least 0")
	}
	return o, nil
}

// acmeRun are the figures of one batch of Certificates from an ACME CA.
type acmeRun struct {
	Certificates int
	Last         time.Duration // from the first create to the last ready
	P50          time.Duration
	CPU          time.Duration      // of all, until everything is cleaned up
	Requests     map[string]float64 // to the API server, by method
	CA           map[string]float64 // to the CA, by action
}

func (r acmeRun) each(n float64) float64 { return n / float64(r.Certificates) }

// acmeBudget is what a certificate proved by HTTP-01 may cost in a mode.
type acmeBudget struct {
	requests float64       // to the API server
	alone    time.Duration // to ready, one certificate
	many     time.Duration // to the last ready, of a crowd
}

// crowd is the size of the batch that the budgets of time and CPU are for.
const crowd = 60

var acmeBudgets = map[solverMode]acmeBudget{
	podMode:    {requests: 30, alone: 5 * time.Second, many: 30 * time.Second},
	sharedMode: {requests: 22, alone: 2 * time.Second, many: 8 * time.Second},
}

const (
	maxCARequests = 10.0 // polls included
	maxACMECPU    = 25 * time.Millisecond

	// floorCPU is what the plain client took for a certificate of a CA on the machine that the budgets of a crowd were set on.
	floorCPU = 2600 * time.Microsecond
)

// slowness is by how much this machine is slower than that one, and so what the budgets of CPU, and of the time of a crowd,
// which is all CPU, are to be multiplied with. One alone waits for other things.
func slowness(floor floorRun) float64 {
	return max(1, float64(floor.cpuEach())/float64(floorCPU))
}

// runACME measures certificates from Pebble on a real node.
func runACME(ctx context.Context, o acmeOptions) (err error) {
	l, err := newACMELab(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.tearDown()) }()
	broken := false
	for _, mode := range o.modes {
		rows, err := l.measureMode(ctx, mode)
		if err != nil {
			return fmt.Errorf("mode %s: %w", mode, err)
		}
		for _, r := range rows {
			broken = broken || !r.OK
		}
	}
	if broken {
		return errBudget
	}
	return nil
}

// measureMode measures one mode and prints the figures. A batch whose times are over their budget is measured once
// more, as other work on the machine may be to blame.
func (l *acmeLab) measureMode(ctx context.Context, mode solverMode) ([]row, error) {
	if err := l.install(ctx, mode); err != nil {
		return nil, err
	}
	var all []row
	for _, n := range []int{1, crowd, l.certificates} {
		if n == 0 {
			continue
		}
		fmt.Fprintf(os.Stderr, "mode %s: %d certificates\n", mode, n)
		run, err := l.issue(ctx, n)
		if err != nil {
			return nil, err
		}
		rows := judgeACME(mode, run, l.slowness)
		if again := toRepeat(rows); again != 0 {
			fmt.Fprintln(os.Stderr, "a time is over its budget: measuring once more")
			if run, err = l.issue(ctx, n); err != nil {
				return nil, err
			}
			rows = mergeRows(rows, judgeACME(mode, run, l.slowness), again)
		}
		fmt.Printf("\nHTTP-01, mode %s, %d at once, load %s, processor slower by %.1f\n\n%s", mode, n, load(), l.slowness, table(rows))
		fmt.Printf("\nRequests to the API server, each: %s.\nRequests to the CA, each: %s.\n", perCertificate(run, run.Requests), perCertificate(run, run.CA))
		all = append(all, rows...)
	}
	return all, nil
}

// judgeACME makes the table of a batch.
func judgeACME(mode solverMode, r acmeRun, slowness float64) []row {
	slow := func(d time.Duration) time.Duration { return time.Duration(slowness * float64(d)) }
	budget := acmeBudgets[mode]
	requests, ca := r.each(sum(r.Requests)), r.each(sum(r.CA))
	took := row{Figure: "last ready after", Measured: seconds(r.Last), of: measureSmall}
	cpu := row{Figure: "CPU per certificate", Measured: millis(r.CPU / time.Duration(r.Certificates)), of: measureSmall}
	switch r.Certificates {
	case 1:
		took.Budget, took.OK, took.time = "<= "+seconds(budget.alone), r.Last <= budget.alone, true
	case crowd:
		took.Budget, took.OK, took.time = "<= "+seconds(slow(budget.many)), r.Last <= slow(budget.many), true
		cpu.Budget, cpu.time = "<= "+millis(slow(maxACMECPU)), true
		cpu.OK = r.CPU/time.Duration(r.Certificates) <= slow(maxACMECPU)
	}
	toAPI := row{Figure: "requests to the API server per certificate", Measured: fmt.Sprintf("%.2f", requests)}
	if r.Certificates > 1 { // one alone bears what comes once a minute: permission reviews, the lease
		toAPI.Budget, toAPI.OK = fmt.Sprintf("<= %.0f", budget.requests), requests <= budget.requests
	}
	rows := []row{
		toAPI,
		{Figure: "requests to the CA per certificate", Measured: fmt.Sprintf("%.2f", ca), Budget: fmt.Sprintf("<= %.0f", maxCARequests), OK: ca <= maxCARequests},
		took,
		cpu,
		{Figure: "certificates per second", Measured: fmt.Sprintf("%.1f", float64(r.Certificates)/r.Last.Seconds())},
		{Figure: "latency p50", Measured: seconds(r.P50)},
	}
	for i := range rows {
		if rows[i].Budget == "" {
			rows[i].OK = true
		}
	}
	return rows
}

func perCertificate(r acmeRun, counts map[string]float64) string {
	var parts []string
	for _, name := range sortedByCount(counts) {
		parts = append(parts, fmt.Sprintf("%.2f %s", r.each(counts[name]), name))
	}
	return strings.Join(parts, ", ")
}

// sortedByCount are the names with the largest count first.
func sortedByCount(counts map[string]float64) []string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return int(counts[b] - counts[a])
		}
		return strings.Compare(a, b)
	})
	return names
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
