package main

import (
	"slices"
	"time"
)

// percentile is the least of the durations that at least p percent of them do not exceed (nearest rank); 0 if there are
// none.
func percentile(durations []time.Duration, p int) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
