package lifecycle

import (
	"fmt"
	"time"
)

// SelfCheckVerdict is what a look at the challenge from inside the cluster
// says about what the CA will see.
type SelfCheckVerdict int

const (
	// SelfCheckPassed means that the right answer came.
	SelfCheckPassed SelfCheckVerdict = iota + 1
	// SelfCheckWrong means that an answer came, and it is surely not the
	// right one.
	SelfCheckWrong
	// SelfCheckUnreachable means that it can not be told from here: no answer
	// came, or one from a place that is not what the CA sees. Many networks
	// do not let a cluster look at itself from outside.
	SelfCheckUnreachable
	// SelfCheckInside means that a wrong answer came from an address that only
	// the networks inside see. What the CA sees is elsewhere, or an ingress
	// controller that is here and has not taken up the route yet.
	SelfCheckInside
)

// Blind reports whether a verdict says nothing of what the CA will see.
func (v SelfCheckVerdict) Blind() bool {
	return v == SelfCheckUnreachable || v == SelfCheckInside
}

// SelfCheckSeen is the last self-check of a challenge.
type SelfCheckSeen struct {
	Verdict  SelfCheckVerdict
	Text     string // what was seen, for people; the same for the same sight
	At       time.Time
	PodReady bool // whether the pod was ready when the check began
	Checks   int  // self-checks made so far, not counting those of a pod that was not ready

	// Told is the text that people are told: not the last, but the last that
	// was seen several times in a row. A way that fails now in one manner and
	// now in another would otherwise be news with every check, and each time
	// a write.
	Told string
	row  int // of checks with this Text

	// BlindSince is when the first of the last checks in a row ended that
	// could not tell.
	BlindSince time.Time
}

// steady is how often in a row something has to be seen to be news.
const steady = 3

// Follow returns a self-check with what is known from the one before.
func (s *SelfCheckSeen) Follow(next SelfCheckSeen) *SelfCheckSeen {
	next.Checks, next.row, next.Told, next.BlindSince = 1, 1, next.Text, next.At
	if s == nil {
		return &next
	}
	if s.PodReady == next.PodReady {
		next.Checks += s.Checks
		if s.Verdict.Blind() && next.Verdict.Blind() {
			next.BlindSince = s.BlindSince
		}
	}
	if s.Text == next.Text {
		next.row += s.row
	}
	if next.row < steady && s.Told != "" {
		next.Told = s.Told
	}
	return &next
}

// SelfCheckBackoff is the pause between self-checks. A route can be seen
// within a second after it was made; a name that can not be seen after a
// minute waits for a person, who notices within ten seconds when it is well.
var SelfCheckBackoff = Backoff{Least: 250 * time.Millisecond, Most: 10 * time.Second}

const (
	// blindGrace is how long it has to be impossible to tell from here what
	// the CA will see for the CA to be told to look all the same. It is longer
	// than most ingress controllers take.
	blindGrace = 20 * time.Second

	// insideGrace is how long it is if a wrong answer comes, which may be that of
	// an ingress controller that is slow, or has much to do. To be wrong costs a
	// failed validation, and the CA allows few of them; to wait, half a minute.
	insideGrace = time.Minute

	// MaxFailedValidations is how many failed validations of a name there may
	// be within FailedValidationsSpan for the CA to be told to look blindly
	// once more: Let's Encrypt refuses new orders for the name after the
	// fifth, however good the next attempt would be.
	MaxFailedValidations = 5
	// FailedValidationsSpan is how long a failed validation counts.
	FailedValidationsSpan = time.Hour
)

// waitsInstead: the user said that the name can not be seen from here.
func (p *challengePass) waitsInstead() bool {
	instead := p.Challenge.Spec.Solver.WaitInsteadOfSelfCheck
	if instead == nil {
		return false
	}
	until := p.presentedAt().Add(instead.Duration)
	if p.now.Before(until) {
		p.wait("", Sooner(Sooner(until, p.timeToTell()), p.CA.Expires))
		return true
	}
	p.accept()
	return true
}

func (p *challengePass) isChecked() bool {
	due := p.Check == nil || !p.now.Before(p.nextCheck())
	switch {
	case p.Check != nil && p.Check.Verdict == SelfCheckPassed, p.goesAheadBlindly():
		p.accept()
	case p.Checking:
		p.wait(p.checkTrouble(), Sooner(p.now.Add(slotPause), p.nextLook())) // the verdict wakes
	case due:
		p.wait(p.checkTrouble(), Sooner(p.now.Add(slotPause), p.nextLook()))
		p.d.Action = StartSelfCheck{}
	default:
		p.wait(p.checkTrouble(), Sooner(p.nextCheck(), p.nextLook()))
	}
	return true
}

// nextLook is when something other than the next self-check is due.
func (p *challengePass) nextLook() time.Time {
	next := Sooner(Sooner(p.timeToTell(), p.endOfGrace()), p.CA.Expires)
	if p.isBlind() {
		next = Sooner(next, later(p.now, p.blindFrom()))
	}
	return next
}

// nextCheck is when to look again. A pod that has become ready since the last
// look is a reason to look at once.
func (p *challengePass) nextCheck() time.Time {
	if p.PodReady && !p.Check.PodReady {
		return p.now
	}
	return p.Check.At.Add(p.checkBackoff().Delay(p.Check.Checks))
}

// isBlind: the last look told nothing, and the cause is not the solver itself.
func (p *challengePass) isBlind() bool {
	return p.Check != nil && p.Check.Verdict.Blind() && p.RouteTrouble == "" &&
		(p.Shared || p.isDNS() || (p.PodReady && p.Check.PodReady))
}

func (p *challengePass) goesAheadBlindly() bool {
	return p.isBlind() && !p.now.Before(p.blindFrom())
}

// blindFrom is when the CA may be told to look blindly.
func (p *challengePass) blindFrom() time.Time {
	return maxInstant(p.Check.BlindSince.Add(p.blindGrace()), p.budgetUsedUntil())
}

// budgetUsedUntil is when so few failed validations of the name count that one
// more may be risked.
func (p *challengePass) budgetUsedUntil() time.Time {
	failed := p.FailedValidations
	if len(failed) < MaxFailedValidations {
		return time.Time{}
	}
	return failed[len(failed)-MaxFailedValidations].Add(FailedValidationsSpan)
}

// checkTrouble is what to tell about the self-check, once it has failed for
// longer than it takes everywhere.
func (p *challengePass) checkTrouble() string {
	if p.Check == nil || p.Check.Verdict == SelfCheckPassed || !p.endOfGrace().IsZero() {
		return ""
	}
	text := "self-check, before the CA is told to look: " + p.Check.Told
	switch {
	case p.PodTrouble != "":
		text = "the solver's pod does not run: " + p.PodTrouble
	case p.RouteTrouble != "":
		text = "the HTTPRoute leads nowhere: " + p.RouteTrouble
	case !p.isBlind():
	case p.now.Before(p.budgetUsedUntil()):
		return p.trouble(fmt.Sprintf("%s; retried within a minute, but the CA has failed to see this name %d times within an hour, and is not told to look without proof before %s",
			text, MaxFailedValidations, second(p.budgetUsedUntil())))
	case p.now.Before(p.blindFrom()):
		return "" // in a moment the CA is told to look
	}
	return p.trouble(text + "; retried within a minute")
}

// seenFromHere adds to a refusal of the CA what the self-check could not see.
func (p *challengePass) seenFromHere() string {
	if p.Check == nil || !p.Check.Verdict.Blind() {
		return ""
	}
	return "; the self-check before could not tell: " + p.Check.Told
}

// endOfGrace is when people are told that the challenge can not be seen. Zero
// if that is over.
func (p *challengePass) endOfGrace() time.Time {
	end := p.presentedAt().Add(grace)
	if !p.now.Before(end) {
		return time.Time{}
	}
	return end
}

// later returns an instant that is not before now: a wake in the past would
// never end.
func later(now, at time.Time) time.Time {
	if at.After(now) {
		return at
	}
	return time.Time{}
}

func maxInstant(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
