package lifecycle

import (
	"strings"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// SolverRecord is the TXT record of a DNS-01 challenge. It is no object of the
// cluster, nobody tells when it changes, and writing it may take a minute: so it
// is written in the background, and what became of that is an observation.
//
// That it is about to be written is stored before it is: status.processing. A
// Challenge that says so has a record to be removed, or may have one.
const SolverRecord SolverObject = "TXT record"

const (
	// dnsBlindGrace is the blindGrace of DNS-01. The servers of most providers
	// have a record within a minute.
	dnsBlindGrace = time.Minute

	// dnsLeastCheck is the pause after the first look at a record. A look is a
	// dozen questions.
	dnsLeastCheck = time.Second

	// defaultDNSCheckRetry is the longest pause between looks (contract,
	// Appendix B).
	defaultDNSCheckRetry = 10 * time.Second

	// recordPatience is how long to try to remove a record while its provider
	// is in trouble. One that stays does no harm: its value proves nothing any
	// more. A Challenge that stays for ever blocks its namespace.
	recordPatience = time.Hour
)

func (p *challengePass) isDNS() bool { return isDNS(p.Challenge.Spec) }

func isDNS(spec acmev1.ChallengeSpec) bool { return spec.Solver.DNS01 != nil }

// writesRecord: the record is written, if it is not there.
func (p *challengePass) writesRecord() bool {
	switch {
	case !p.isDNS():
		return false
	case !p.Writing.IsZero():
		p.waitForRecord()
	case !p.Challenge.Status.Processing:
		p.d.Status.Processing = true
		p.d.Status.State = acmev1.Pending
	case !p.Present[SolverRecord]:
		p.d.Action = CreateObject{SolverRecord}
		p.wait(p.Challenge.Status.Reason, Sooner(p.now.Add(slotPause), p.CA.Expires)) // its end wakes
	default:
		return false
	}
	return true
}

// waitForRecord: people are told if it takes longer than it does everywhere.
func (p *challengePass) waitForRecord() {
	reason, wake := p.Challenge.Status.Reason, p.now.Add(slotPause)
	if late := p.Writing.Add(grace); p.now.Before(late) {
		wake = Sooner(wake, late)
	} else if reason == "" {
		reason = p.trouble("the DNS provider was asked to add the TXT record and has not answered yet")
	}
	p.wait(reason, Sooner(wake, p.CA.Expires))
}

// mayBePresented: a record may be there although nobody said so.
func (p *challengePass) mayBePresented() bool {
	return p.IsPresented() || (p.isDNS() && p.Challenge.Status.Processing)
}

func (p *challengePass) checkBackoff() Backoff {
	if !p.isDNS() {
		return SelfCheckBackoff
	}
	most := p.DNSCheckRetry
	if most <= 0 {
		most = defaultDNSCheckRetry
	}
	return Backoff{Least: min(dnsLeastCheck, most), Most: most}
}

func (p *challengePass) blindGrace() time.Duration {
	if p.isDNS() {
		return dnsBlindGrace
	}
	if p.Check.Verdict == SelfCheckInside {
		return insideGrace
	}
	return blindGrace
}

// cleanUpEnd is when to give up. A Secret or an account that is gone is needed
// to remove the record, and is not waited for longer than it takes to replace
// it.
func (p *challengePass) cleanUpEnd(trouble *Trouble) time.Time {
	if p.isDNS() && trouble.Fault.Code != NotFound {
		return trouble.First.Add(recordPatience)
	}
	return trouble.First.Add(cleanUpPatience)
}

// cleanUpMark separates why a Challenge failed from why it is still there.
const cleanUpMark = "clean up: "

// tellOfCleanUp tells that a record can not be removed, and what is done about
// it. Why the challenge failed stays.
func (p *challengePass) tellOfCleanUp(trouble *Trouble) {
	if !p.isDNS() {
		return
	}
	text := p.trouble(cleanUpMark + trouble.message())
	reason := text
	why, _, _ := strings.Cut(p.Challenge.Status.Reason, cleanUpMark)
	if why = strings.TrimSuffix(why, p.trouble("")); why != "" {
		reason = strings.TrimSuffix(why, "; ") + "; " + text
	}
	if p.Challenge.Status.Reason != reason {
		p.event(Warning, ChallengeEventCleanUpError, text)
		p.d.Status.Reason = reason
	}
}
