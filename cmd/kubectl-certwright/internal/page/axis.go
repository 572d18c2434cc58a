package page

import (
	"slices"
	"time"
)

// axis is the stretch of time that a timeline shows.
type axis struct {
	from, to time.Time
}

// width is that of a timeline in its own units. It is stretched to the width of
// the page.
const width = 1000

func (a axis) x(t time.Time) int {
	return int(min(max(float64(t.Sub(a.from))/float64(a.to.Sub(a.from)), 0), 1) * width)
}

const day = 24 * time.Hour

// span is a choice of how much time is shown: a quarter of it is past.
type span struct {
	Name, Text string
	length     time.Duration
	step       time.Duration // between the marks below; 0: months
	months     int
	format     string
}

var spans = []span{
	{Name: "week", Text: "Week", length: 10 * day, step: 2 * day, format: "2 Jan"},
	{Name: "quarter", Text: "Quarter", length: 120 * day, months: 1, format: "Jan 2006"},
	{Name: "year", Text: "Year", length: 480 * day, months: 3, format: "Jan 2006"},
	{Name: "decade", Text: "Decade", length: 13 * 365 * day, months: 24, format: "2006"},
}

// spanFor is the span of a name, or without one the smallest in which four of
// five certificates end.
func spanFor(name string, rows []classed, now time.Time) span {
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	var ends []time.Duration
	for _, r := range rows {
		if !r.NotAfter.IsZero() {
			ends = append(ends, r.NotAfter.Sub(now))
		}
	}
	if len(ends) == 0 {
		return spans[1]
	}
	slices.Sort(ends)
	most := ends[len(ends)*4/5]
	for _, s := range spans {
		if most <= s.length*3/4 {
			return s
		}
	}
	return spans[len(spans)-1]
}

func (s span) axis(now time.Time) axis {
	return axis{now.Add(-s.length / 4), now.Add(s.length * 3 / 4)}
}

// tick is a mark on an axis.
type tick struct {
	X    int
	Text string
}

// edge is how near a mark may be to an end of the axis without its text being
// cut off.
const edge = 30

func (s span) ticks(a axis) []tick {
	var all []tick
	at := a.from.UTC().Truncate(day)
	if s.months > 0 {
		at = time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
		for (int(at.Month())-1+12*at.Year())%s.months != 0 {
			at = at.AddDate(0, -1, 0)
		}
	}
	for at.Before(a.to) {
		if x := a.x(at); x > edge && x < width-edge && at.After(a.from) {
			all = append(all, tick{x, at.Format(s.format)})
		}
		if s.months > 0 {
			at = at.AddDate(0, s.months, 0)
		} else {
			at = at.Add(s.step)
		}
	}
	return all
}

// bar is a certificate on an axis: the time until its renewal, and the window
// from there to its end.
type bar struct {
	None            bool
	X, W            int // until the renewal
	WindowX, Window int // the renewal window
	RenewalX, Now   int
	Mark            bool // the renewal is on the axis
	Over            bool // it has ended
}

// least is the narrowest that a bar is drawn, so that it is seen.
const least = 3

func barOf(r *Row, a axis, now time.Time) bar {
	b := bar{Now: a.x(now), None: r.NotAfter.IsZero()}
	if b.None {
		return b
	}
	begin, end, renewal := r.NotBefore, r.NotAfter, r.Renewal
	if begin.IsZero() {
		begin = a.from
	}
	if renewal.IsZero() || renewal.After(end) || renewal.Before(begin) {
		renewal = end
	}
	b.X, b.WindowX = a.x(begin), a.x(renewal)
	b.W, b.Window = b.WindowX-b.X, a.x(end)-b.WindowX
	if b.W+b.Window < least {
		b.X = min(b.X, width-least)
		b.W = least
	}
	b.RenewalX, b.Mark = b.WindowX, renewal != end && renewal.After(a.from) && renewal.Before(a.to)
	b.Over = r.expired(now)
	return b
}
