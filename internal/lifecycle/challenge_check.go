package lifecycle

import "time"

// SelfCheckBackoff is the pause between self-checks. Most names can be seen
// within seconds after the Ingress was made; a name that can not be seen after
// a minute waits for a person, who notices within ten seconds when it is well.
var SelfCheckBackoff = Backoff{Least: 2 * time.Second, Most: 10 * time.Second}

// nextCheck is when to look again. A pod that has become ready since the last
// look is a reason to look at once.
func (p *challengePass) nextCheck() time.Time {
	if p.PodReady && !p.Check.PodReady {
		return p.now
	}
	return p.Check.At.Add(SelfCheckBackoff.Delay(p.Check.Checks))
}

// checkTrouble is what to tell about the self-check, once it has failed for
// longer than it takes everywhere.
func (p *challengePass) checkTrouble() string {
	if p.Check == nil || p.Check.Verdict == SelfCheckPassed || !p.endOfGrace().IsZero() {
		return ""
	}
	text := "self-check, before the CA is told to look: " + p.Check.Text
	if p.PodTrouble != "" {
		text = "the solver's pod does not run: " + p.PodTrouble
	}
	return p.trouble(text + "; retried within a minute")
}

// endOfGrace is when people are told that the challenge can not be seen. Zero
// if that is over.
func (p *challengePass) endOfGrace() time.Time {
	end := p.Challenge.Status.PresentedAt.Add(grace)
	if !p.now.Before(end) {
		return time.Time{}
	}
	return end
}
