package lifecycle

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api/v1alpha1"
)

// reissuePace is a bucket of turns: so many at once, and one more after each
// interval.
type reissuePace struct {
	burst int
	every time.Duration // zero: as many as one likes
}

// burstShare is which part of an hour's turns may be taken at once. Ten
// seconds' worth: a look at all Certificates every second is enough then to
// take every turn there is.
const burstShare = 360

// pace is that of the spec.
func (c *reissueLadder) pace() reissuePace {
	perHour := c.seen.Reissue.Spec.PerHour
	if perHour == nil {
		return reissuePace{}
	}
	n := int(max(1, *perHour))
	burst := max(1, n/burstShare)
	// Within any hour there are then the burst and n-burst others.
	others := time.Duration(n - burst + 1)
	return reissuePace{burst: burst, every: (time.Hour + others - 1) / others}
}

// orderPace is what an ACME CA takes of an account, without what is kept back
// for certificates that run out.
func orderPace(l OrderLimit) reissuePace {
	if l.every() == 0 {
		return reissuePace{}
	}
	return reissuePace{burst: l.burst() - l.reserve(), every: l.every()}
}

// full is when the bucket is full again, after turns that were taken in the
// order of their times.
func (p reissuePace) full(taken []time.Time) time.Time {
	var full time.Time
	for _, at := range taken {
		full = latest(full, at).Add(p.every)
	}
	return full
}

// turns is how many there are now, and when there is one if there is none.
func (p reissuePace) turns(taken []time.Time, now time.Time) (n int, at time.Time) {
	if p.every == 0 {
		return int(^uint(0) >> 1), now
	}
	full := p.full(taken)
	if !full.After(now) {
		return p.burst, now
	}
	missing := int((full.Sub(now) + p.every - 1) / p.every)
	return max(0, p.burst-missing), full.Add(-time.Duration(p.burst-1) * p.every)
}

// last is when the last of n further turns comes.
func (p reissuePace) last(n int, taken []time.Time, now time.Time) time.Time {
	if n <= 0 || p.every == 0 {
		return now
	}
	return latest(now, latest(p.full(taken), now).Add(time.Duration(n-p.burst)*p.every))
}

// beginnings are the times at which Certificates were begun, of one CA or, with
// "", of all.
func (c *reissueLadder) beginnings(ca string) []time.Time {
	var times []time.Time
	for _, s := range c.begun {
		if ca == "" || s.CA == ca {
			// A clock that is ahead of ours must not delay what is to come.
			times = append(times, earlier(s.begun, c.now))
		}
	}
	return times
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// end is when the last of those to come can have its turn, as far as pace and
// limits tell.
func (c *reissueLadder) end() time.Time {
	end := c.pace().last(len(c.next), c.beginnings(""), c.now)
	waiting := map[string]int{}
	for _, s := range c.next {
		if s.CA == "" {
			continue
		}
		waiting[s.CA]++
	}
	for _, s := range c.next {
		if n := waiting[s.CA]; n > 0 {
			delete(waiting, s.CA)
			end = latest(end, orderPace(s.Limit).last(n, c.beginnings(s.CA), c.now))
		}
	}
	return end
}

// plan says how long it takes.
func (c *reissueLadder) plan() {
	c.Status.EstimatedDuration = &metav1.Duration{Duration: c.end().Sub(c.now).Round(time.Second)}
}

func (c *reissueLadder) planned(verb string) string {
	n := len(c.next)
	if n == 0 && len(c.failed) == 0 {
		return "no Certificate with a certificate is selected"
	}
	text := fmt.Sprintf("%d certificates %s issued anew, those that expire first before the others", n, verb)
	if n == 1 {
		text = "1 certificate " + map[string]string{"would be": "would be", "are to be": "is to be"}[verb] + " issued anew"
	}
	if d := c.Status.EstimatedDuration.Duration; d > 0 {
		text += fmt.Sprintf("; pace and limits make it last %s at least", d)
	}
	if len(c.failed) > 0 {
		text += fmt.Sprintf("; for %d nothing can be issued, the first of them %s", len(c.failed), c.failed[0].name())
	}
	return text
}

// estimate says when it is over. Small corrections are not worth a write.
func (c *reissueLadder) estimate() {
	end := c.end()
	if before := c.Status.EstimatedCompletion; before != nil {
		margin := max(time.Minute, end.Sub(c.now)/20)
		if end.Sub(before.Time).Abs() < margin {
			return
		}
	}
	c.Status.EstimatedCompletion = stamp(end)
}

// report puts the numbers, and the first Certificates, into the status.
func (c *reissueLadder) report() {
	s := &c.Status
	s.Done, s.InFlight, s.Failed, s.Remaining, s.Revoked = int32(c.done), int32(len(c.inFlight)), int32(len(c.failed)), int32(len(c.next)), int32(c.revoked) //nolint:gosec // there are fewer Certificates
	s.Selected = s.Done + s.InFlight + s.Failed + s.Remaining
	s.Certificates = nil
	for _, group := range []struct {
		state v1alpha1.ReissueState
		list  []*reissueStanding
	}{{v1alpha1.ReissueFailed, c.failed}, {v1alpha1.ReissueInFlight, c.inFlight}, {v1alpha1.ReissueNext, c.next}} {
		for _, one := range group.list[:min(len(group.list), maxReissueList-len(s.Certificates))] {
			s.Certificates = append(s.Certificates, v1alpha1.ReissueCertificate{Name: one.name(), State: group.state, Message: shortened(one.message)})
		}
	}
}

// shortened bounds a message in the list: fifty of them are in one object.
func shortened(message string) string {
	const most = 300
	if runes := []rune(message); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return message
}
