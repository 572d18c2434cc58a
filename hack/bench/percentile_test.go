package main

import (
	"testing"
	"time"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i) // descending: 100 ... 1
	}
	for _, tc := range []struct {
		of   []time.Duration
		p    int
		want time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 50, 7},
		{[]time.Duration{7}, 99, 7},
		{[]time.Duration{3, 1, 2}, 50, 2},
		{[]time.Duration{4, 3, 1, 2}, 50, 2},
		{[]time.Duration{4, 3, 1, 2}, 99, 4},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
	} {
		if got := percentile(tc.of, tc.p); got != tc.want {
			t.Errorf("percentile %d of %d durations = %d; want %d", tc.p, len(tc.of), got, tc.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("percentile has changed its input")
	}
}
