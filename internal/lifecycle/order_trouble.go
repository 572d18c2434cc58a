package lifecycle

import "time"

// Step names what was being done at an ACME CA, or for it, when something went
// wrong. Failures are counted for each step by itself.
type Step string

// The steps of orders and challenges.
const (
	StepAccount           Step = "account"
	StepPlaceOrder        Step = "place order"
	StepReadOrder         Step = "read order"
	StepReadAuthorization Step = "read authorization"
	StepCreateChallenge   Step = "create challenge"
	StepFinalizeOrder     Step = "finalize order"
	StepFetchCertificate  Step = "fetch certificate"
	StepPresent           Step = "present"
	StepAcceptChallenge   Step = "accept challenge"
	StepCleanUp           Step = "clean up"
)

// Trouble is what went wrong last, until the same step succeeds. It is kept in
// memory: after a restart it costs one attempt to know it again.
type Trouble struct {
	Step     Step
	Fault    Fault
	Failures int       // of this step in a row, this one included
	First    time.Time // when the row began
	At       time.Time // when it failed last
}

// ACMEBackoff is the wait between attempts while a CA, or the network to it,
// is in trouble (contract 2.0).
var ACMEBackoff = Backoff{Least: 5 * time.Second, Most: 30 * time.Minute}

const (
	// leastWait is where the back-off ends towards a CA that answers 429 or
	// 503, and names a time that is over already or soon will be.
	leastWait = 5 * time.Minute

	// stalledPause is how long to leave alone what a person has to mend. A
	// change of the issuer ends it at once; a change at the CA can not be seen.
	stalledPause = 30 * time.Minute

	// soon is the delay from which on a message names the time of the next
	// attempt. Below it the time would change the message with every attempt.
	soon = time.Minute
)

// Again returns the trouble after a step has failed once more.
func (t *Trouble) Again(step Step, fault Fault, now time.Time) *Trouble {
	next := &Trouble{Step: step, Fault: fault, Failures: 1, First: now, At: now}
	if t != nil && t.Step == step {
		next.Failures = t.Failures + 1
		next.First = t.First
	}
	return next
}

// next is when the step may be tried again.
func (t *Trouble) next() time.Time {
	backoff := t.At.Add(ACMEBackoff.Delay(t.Failures))
	switch t.Fault.Kind {
	case Wait:
		backoff = t.At.Add(min(ACMEBackoff.Delay(t.Failures), leastWait))
		if t.Fault.Until.After(backoff) {
			return t.Fault.Until
		}
	case Stalled:
		return t.At.Add(stalledPause)
	case Retry, Failed:
	}
	return backoff
}

// waiting reports whether it is too early to try again.
func (t *Trouble) waiting(now time.Time) bool {
	return t != nil && t.Fault.Kind != Failed && now.Before(t.next())
}

// message tells people what went wrong and when it is tried again. It is the
// same for as long as the same attempt is awaited.
func (t *Trouble) message() string {
	return t.Fault.Message + "; " + nextAttempt(t.At, t.next())
}

func nextAttempt(from, next time.Time) string {
	if next.Sub(from) <= soon {
		return "retried within a minute"
	}
	return "next attempt at " + second(next)
}

// second is an instant for people to read, rounded up: an earlier one would be
// an untruth about what is due then.
func second(at time.Time) string {
	return at.Add(time.Second - time.Nanosecond).UTC().Format("2006-01-02T15:04:05Z")
}
