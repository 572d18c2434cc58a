package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// printReport prints the figures beside their budgets, and what the requests and the CPU went into.
func printReport(w io.Writer, o options, r round, rows []row) {
	fmt.Fprintf(w, "\n%s keys, CA issuer, %d CPUs, load %s\n\n", o.key, runtime.NumCPU(), load())
	printTable(w, rows)
	runs := []operatorRun{r.Small}
	if o.scale > 0 {
		runs = append(runs, r.Large)
	}
	for _, run := range runs {
		printRun(w, run)
	}
	fmt.Fprintf(w, "\nThe plain client makes %d requests per certificate, the creation of the Certificate included, which of the operator's are not counted.\n", floorWrites)
}

func printTable(w io.Writer, rows []row) {
	again := slices.ContainsFunc(rows, func(r row) bool { return r.Again != "" })
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	line := func(cells ...string) {
		if !again {
			cells = slices.Delete(cells, 2, 3)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	line("figure", "measured", "again", "budget", "ok")
	for _, r := range rows {
		line(r.Figure, r.Measured, r.Again, r.Budget, verdict(r))
	}
	_ = t.Flush()
	for text := range strings.Lines(table.String()) {
		fmt.Fprintln(w, strings.TrimRight(text, " \n"))
	}
}

func verdict(r row) string {
	switch {
	case r.Budget == "":
		return ""
	case r.OK:
		return "yes"
	}
	return "NO"
}

func printRun(w io.Writer, r operatorRun) {
	fmt.Fprintf(w, "\nRequests of the operator for %d certificates, each:\n", r.Certificates)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, c := range r.Requests.Writes {
		fmt.Fprintf(t, "\t%.2f\t  %s %s\n", r.each(c.N), c.Verb, c.Resource)
	}
	fmt.Fprintf(t, "\t%.2f\t  GET of anything\n", r.each(r.Requests.Sent["GET"]))
	_ = t.Flush()
	if len(r.Requests.Reads) > 0 {
		var reads []string
		for _, c := range r.Requests.Reads {
			reads = append(reads, fmt.Sprintf("%.0f %s %s", c.N, c.Verb, c.Resource))
		}
		fmt.Fprintf(w, "Reads during the run, the operator's (%.0f) and those of the control plane itself: %s.\n", r.Requests.Sent["GET"], strings.Join(reads, ", "))
	}
	fmt.Fprintf(w, "Before the run, to start: %.0f requests.\n", r.StartRequests)
	var reconciles []string
	for _, name := range slices.Sorted(maps.Keys(r.Reconciles)) {
		reconciles = append(reconciles, fmt.Sprintf("%.2f %s", r.each(r.Reconciles[name]), name))
	}
	fmt.Fprintf(w, "Reconciles each: %s; %.0f ended in an error.\n", strings.Join(reconciles, ", "), r.Errors)
}

// load is the machine's load average (proc(5)), which says how far to trust the times.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(data))
	return strings.Join(fields[:min(3, len(fields))], " ")
}
