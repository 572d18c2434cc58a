package lifecycle

import "time"

// Polling of what a CA is working on.
const (
	leastPoll = 500 * time.Millisecond
	mostPoll  = 10 * time.Second
	// mostRetryAfter bounds a Retry-After in the answer to a poll. It is a
	// hint there, and a certificate is waiting.
	mostRetryAfter = 30 * time.Second
	// patientPolls is the number of polls, some three minutes, after which
	// the CA is evidently not about to finish.
	patientPolls = 20
	patientPoll  = time.Minute

	// grace is how long something may take before people are told about it.
	// Shorter delays are everyday, and each text costs a chain of writes.
	grace = 15 * time.Second
)

// pollAt is when to ask again after the answer of the instant at, which was
// the polls-th without news, and which may name a time itself.
func pollAt(at, retryAfter time.Time, polls int) time.Time {
	pause := mostPoll
	if polls < 5 {
		pause = min(leastPoll<<polls, mostPoll)
	}
	if !retryAfter.IsZero() {
		pause = min(max(retryAfter.Sub(at), leastPoll), mostRetryAfter)
	}
	if polls >= patientPolls {
		pause = patientPoll
	}
	return at.Add(pause)
}
