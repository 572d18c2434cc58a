package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// RenewalWindow is a time that comes again and again, in which renewal may
// begin.
//
// What daylight saving time does to it is what cron does: a window that opens
// in the hour that is left out does not open on that day; one that opens in
// the hour that comes twice opens twice. It stays open for its length in real
// time.
type RenewalWindow struct {
	opens  cron.Schedule
	zone   *time.Location
	length time.Duration
}

// minWindow is what the shortest window is taken for: cron knows nothing
// shorter than a minute, and who is woken at its beginning comes a little late.
const minWindow = time.Minute

// ParseWindows reads spec.renewal.windows (contract 1.2). Its error is for the
// user: it names the window and says what is wrong.
//
// The names of time zones are looked up here and not in a decision, so that
// decisions read no files. cmd/controller embeds the database of zones: the
// answer must not depend on what the image or the machine has.
func ParseWindows(list []cmv1.CertificateRenewalWindows) ([]RenewalWindow, error) {
	windows := make([]RenewalWindow, 0, len(list))
	for i := range list {
		w, err := parseWindow(&list[i])
		if err != nil {
			return nil, fmt.Errorf("read spec.renewal.windows[%d]: %w", i, err)
		}
		windows = append(windows, w)
	}
	return windows, nil
}

func parseWindow(w *cmv1.CertificateRenewalWindows) (RenewalWindow, error) {
	zone, err := parseZone(w.Timezone)
	if err != nil {
		return RenewalWindow{}, err
	}
	opens, err := parseCron(w.Cron)
	if err != nil {
		return RenewalWindow{}, fmt.Errorf("cron %q: %w", w.Cron, err)
	}
	if w.WindowDuration == nil || w.WindowDuration.Duration < 0 {
		return RenewalWindow{}, errors.New("windowDuration must be set, and not be negative")
	}
	return RenewalWindow{opens: opens, zone: zone, length: max(w.WindowDuration.Duration, minWindow)}, nil
}

func parseZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, errors.New(`timezone "Local" depends on where the operator runs; use an IANA name such as Europe/Vienna`)
	}
	if zone, known := zones.Load(name); known {
		return zone.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name) // "" is UTC
	if err != nil {
		return nil, fmt.Errorf("timezone %q is not known; use an IANA name such as Europe/Vienna", name)
	}
	zones.Store(name, zone)
	return zone, nil
}

// zones are those that were looked up before: to find one again would be most
// of the cost of reading a spec. There are some six hundred.
var zones sync.Map

func parseCron(text string) (cron.Schedule, error) {
	text = strings.TrimSpace(text)
	if prefix, rest, found := strings.Cut(text, "="); found && (prefix == "TZ" || prefix == "CRON_TZ") {
		// The library takes the blank after the zone for granted.
		name, fields, found := strings.Cut(rest, " ")
		if !found || strings.TrimSpace(fields) == "" {
			return nil, errors.New("only a time zone; minute, hour, day of month, month and day of week are missing")
		}
		if _, err := parseZone(name); err != nil {
			return nil, err
		}
	}
	schedule, err := cron.ParseStandard(text)
	if err != nil {
		return nil, err
	}
	if _, relative := schedule.(cron.ConstantDelaySchedule); relative {
		return nil, errors.New("@every says how often and not when; use five fields, @hourly, @daily, @weekly, @monthly or @yearly")
	}
	// A day that the calendar does not have, such as 30 February. The year
	// looked at is a leap year, so that every day there is is in it.
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("never comes: no month that it names has such a day")
	}
	return schedule, nil
}

// openAt returns when the window that is open at t has opened.
func (w *RenewalWindow) openAt(t time.Time) (time.Time, bool) {
	// The first opening after t-length is either the one that t is within, or
	// still to come.
	opened := w.next(t.Add(-w.length))
	return opened, !opened.IsZero() && !opened.After(t)
}

// next is when the window opens next after t, zero if it does not within five
// years.
func (w *RenewalWindow) next(t time.Time) time.Time { return w.opens.Next(t.In(w.zone)) }

// withinWindows moves a due time into a window: it stays if it is within one,
// else it becomes the next opening. One that has passed by now counts from
// now, as it was missed. It returns false if no window opens any more.
func withinWindows(windows []RenewalWindow, due, now time.Time) (time.Time, bool) {
	from := due
	if now.After(due) {
		from = now
	}
	var next, opened time.Time
	for i := range windows {
		if at, open := windows[i].openAt(from); open {
			opened = Sooner(opened, at)
		} else {
			next = Sooner(next, windows[i].next(from))
		}
	}
	switch {
	case opened.IsZero():
		return next.UTC(), !next.IsZero()
	case opened.After(due):
		return opened.UTC(), true
	}
	return due, true
}
