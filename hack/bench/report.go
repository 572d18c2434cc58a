package main

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"
)

// report shows the figures beside their budgets, and what the requests went into.
func report(o options, r round, rows []row) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\n%s keys, CA issuer, %d CPUs, load %s\n\n", o.key, runtime.NumCPU(), load())
	text.WriteString(table(rows))
	text.WriteString(runReport(r.Small))
	if o.scale > 0 {
		text.WriteString(runReport(r.Large))
	}
	fmt.Fprintf(&text, "\nThe plain client makes %d requests per certificate, the creation of the Certificate included, which is not the operator's to make.\n", floorWrites)
	return text.String()
}

func table(rows []row) string {
	again := slices.ContainsFunc(rows, func(r row) bool { return r.Again != "" })
	lines := [][]string{{"figure", "measured", "again", "budget", "ok"}}
	for _, r := range rows {
		lines = append(lines, []string{r.Figure, r.Measured, r.Again, r.Budget, verdict(r)})
	}
	if !again {
		for i := range lines {
			lines[i] = slices.Delete(lines[i], 2, 3)
		}
	}
	return columns(lines)
}

// columns lines cells up.
func columns(lines [][]string) string {
	var widths []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for _, line := range lines {
		var padded strings.Builder
		for i, cell := range line {
			fmt.Fprintf(&padded, "%-*s  ", widths[i], cell)
		}
		fmt.Fprintln(&text, strings.TrimRight(padded.String(), " "))
	}
	return text.String()
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

// runReport says what the operator did in a run.
func runReport(r operatorRun) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\nRequests of the operator for %d certificates, each:\n", r.Certificates)
	for _, c := range r.Requests.Writes {
		fmt.Fprintf(&text, "  %6.2f  %s %s\n", r.each(c.N), c.Verb, c.Resource)
	}
	gets := r.Requests.Sent["GET"]
	fmt.Fprintf(&text, "  %6.2f  GET of anything\n", r.each(gets))
	if len(r.Requests.Reads) > 0 {
		var reads []string
		for _, c := range r.Requests.Reads {
			reads = append(reads, fmt.Sprintf("%.0f %s %s", c.N, c.Verb, c.Resource))
		}
		fmt.Fprintf(&text, "Reads during the run, the operator's (%.0f) and those of the control plane itself: %s.\n", gets, strings.Join(reads, ", "))
	}
	fmt.Fprintf(&text, "Before the run, to start: %.0f requests.\n", r.StartRequests)
	var reconciles []string
	for _, name := range slices.Sorted(maps.Keys(r.Reconciles)) {
		reconciles = append(reconciles, fmt.Sprintf("%.2f %s", r.each(r.Reconciles[name]), name))
	}
	fmt.Fprintf(&text, "Reconciles each: %s; %.0f ended in an error.\n", strings.Join(reconciles, ", "), r.Errors)
	return text.String()
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
