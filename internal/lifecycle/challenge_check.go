package lifecycle

import "time"

// SelfCheckBackoff is the pause between self-checks. Most names can be seen
// within seconds after the Ingress was made; a name that can not be seen after
// a minute waits for a person, who notices within ten seconds when it is well.
var SelfCheckBackoff = Backoff{Least: 2 * time.Second, Most: 10 * time.Second}

// waitsInstead: the user said that the name can not be seen from here.
func (p *challengePass) waitsInstead() bool {
	instead := p.Challenge.Spec.Solver.WaitInsteadOfSelfCheck
	if instead == nil {
		return false
	}
	until := p.Challenge.Status.PresentedAt.Add(instead.Duration)
	if p.now.Before(until) {
		p.wait("", Sooner(until, p.CA.Expires))
		return true
	}
	p.accept()
	return true
}

func (p *challengePass) isChecked() bool {
	switch {
	case p.Check != nil && p.Check.Verdict == SelfCheckPassed:
		p.accept()
	case p.Checking:
		p.wait(p.checkTrouble(), Sooner(p.now.Add(slotPause), p.CA.Expires)) // the verdict wakes
	case p.Check == nil || !p.now.Before(p.nextCheck()):
		p.wait(p.checkTrouble(), Sooner(p.now.Add(slotPause), p.CA.Expires))
		p.d.Action = StartSelfCheck{}
	default:
		p.wait(p.checkTrouble(), Sooner(Sooner(p.nextCheck(), p.endOfGrace()), p.CA.Expires))
	}
	return true
}

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
