package lifecycle

import (
	"fmt"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// An ACME CA may be asked when to renew a certificate (ACME renewal
// information, RFC 9773; contract 2.2). What it says stands in
// status.acme.ari, and where the renewal falls because of it in
// status.renewalTime.
//
// Asking happens in the background: a decision says that it is time to
// (AskRenewalInfo), and the answer is an observation of a later pass. Nothing
// waits for it, and a CA that is down changes nothing but status.acme.ari: what
// it said before holds, and without that the time computed from the spec.
//
// With spec.renewal.policy Disabled the CA is not asked, as nothing would come
// of it.

// ARISource says whether the CA of a Certificate can be asked when to renew.
type ARISource int

const (
	// ARIUnknown: it can not be told now. What is known stays.
	ARIUnknown ARISource = iota
	// ARINone: the issuer is no ACME issuer, or it says not to ask, or its CA
	// has no renewal information. What was known goes.
	ARINone
	// ARIOffered: the CA can be asked.
	ARIOffered
)

// ARISeen is what is known about the renewal information of the certificate in
// the Secret, besides the Certificate's status. The zero value asks nobody and
// leaves the status as it is.
type ARISeen struct {
	Source ARISource
	// CertificateID names the certificate in the Secret to the CA (RFC 9773,
	// section 4.1). Empty if there is none, or it has no such name.
	CertificateID string
	// Asking: the CA is being asked.
	Asking bool
	// Answer is the last answer, if it may not be in the status yet.
	Answer *ARIAnswer

	urged  bool    // what is known asks for a renewal at once
	advice *advice // what is known comes to; nil if that is nothing
}

// ARIAnswer is what came of asking a CA when to renew a certificate.
type ARIAnswer struct {
	CertificateID string
	At            time.Time // when it was asked
	// Start and End are the suggested window, End after Start.
	Start, End     time.Time
	ExplanationURL string    // empty if the CA gave none
	RetryAfter     time.Time // when to ask again; zero if the CA did not say
	// Err says why there is no window. It is the same for the same cause.
	Err string
}

// AskRenewalInfo asks the CA when to renew the certificate with that ID, in
// the background. Answer: CertificateSeen.ARI.
type AskRenewalInfo struct{ CertificateID string }

func (AskRenewalInfo) isCertificateAction() {}

const (
	// A CA is asked again after the pause that it asks for, within these
	// bounds (contract 2.2), or after usualPause. A shorter one would cost
	// more than it tells; within a longer one an incident would be over.
	leastPause = time.Hour
	mostPause  = 7 * 24 * time.Hour
	usualPause = 6 * time.Hour

	// failedPause is where the pauses end that double while a CA can not be
	// asked: they begin with leastPause.
	failedPause = usualPause
)

// ReasonRenewalSuggested, of events: the CA has said why it suggests to renew.
const ReasonRenewalSuggested = "RenewalSuggested"

// hear takes what the CA said into the status, and what it means for the
// renewal into what was seen.
func (c *certificateLadder) hear() {
	seen, leaf := &c.seen.ARI, c.seen.Secret.Leaf()
	switch {
	case seen.Source == ARINone, leaf == nil, c.seen.SecretOwner != "", renewalDisabled(&c.seen.Certificate.Spec):
		c.Status.ACME = nil
		return
	case !c.seen.describes():
		c.Status.ACME = nil // it was about another certificate
	}
	seen.urged = c.urgedBefore()
	if a := seen.Answer; a != nil && seen.CertificateID != "" && a.CertificateID == seen.CertificateID && !c.heard(a) {
		c.learn(a)
	}
	seen.advice = c.advise()
}

// describes says whether the status is about the certificate in the Secret.
// Its validity tells: every issuance changes that, and so does whoever puts
// another certificate there.
func (seen *CertificateSeen) describes() bool {
	status, leaf := &seen.Certificate.Status, seen.Secret.Leaf()
	return leaf != nil && status.NotBefore != nil && status.NotAfter != nil &&
		status.NotBefore.Time.Equal(leaf.NotBefore.Truncate(time.Second)) && status.NotAfter.Time.Equal(leaf.NotAfter.Truncate(time.Second))
}

// ari is what the status knows; nil if that is nothing.
func (c *certificateLadder) ari() *cmv1.CertificateACMEARIStatus {
	if c.Status.ACME == nil {
		return nil
	}
	return c.Status.ACME.ARI
}

func (c *certificateLadder) heard(a *ARIAnswer) bool {
	known := c.ari()
	return known != nil && known.LastChecked != nil && known.LastChecked.Time.Equal(a.At.Truncate(time.Second))
}

// learn stores an answer. One that is no answer changes nothing about what is
// known.
func (c *certificateLadder) learn(a *ARIAnswer) {
	before := c.ari()
	if before == nil {
		before = &cmv1.CertificateACMEARIStatus{}
	}
	next := before.DeepCopy()
	next.LastChecked, next.LastError = stamp(a.At), a.Err
	if a.Err != "" {
		next.NextCheck = stamp(c.askAfterFailure(before, a))
		if a.Err != before.LastError {
			c.event(Warning, cmv1.CertificateEventARIError, fmt.Sprintf("The CA could not be asked when to renew the certificate: %s", a.Err))
		}
	} else {
		next.NextCheck = stamp(c.askAgain(a))
		next.SuggestedWindow = windowOf(a)
		next.ExplanationURL = a.ExplanationURL
		if a.ExplanationURL != "" && a.ExplanationURL != before.ExplanationURL {
			c.event(Normal, ReasonRenewalSuggested, fmt.Sprintf("The CA suggests to renew the certificate %s, and says why: %s", windowText(next.SuggestedWindow), a.ExplanationURL))
		}
	}
	c.seen.ARI.urged = c.urges(before, next, a)
	c.Status.ACME = &cmv1.CertificateACMEStatus{ARI: next}
}

// askAgain is when to ask next: after the pause that the CA asks for, and up
// to a tenth of it more, so that the certificates that were issued together are
// not asked about together for ever.
func (c *certificateLadder) askAgain(a *ARIAnswer) time.Time {
	pause := usualPause
	if !a.RetryAfter.IsZero() {
		pause = min(max(a.RetryAfter.Sub(a.At), leastPause), mostPause)
	}
	return a.At.Add(c.withJitter(pause))
}

// askAfterFailure doubles the pause with each failure in a row.
func (c *certificateLadder) askAfterFailure(before *cmv1.CertificateACMEARIStatus, a *ARIAnswer) time.Time {
	pause := leastPause
	if before.LastError != "" && before.LastChecked != nil && before.NextCheck != nil {
		pause = min(max(2*before.NextCheck.Sub(before.LastChecked.Time), leastPause), failedPause)
	}
	if !a.RetryAfter.IsZero() {
		pause = min(max(a.RetryAfter.Sub(a.At), pause), mostPause)
	}
	return a.At.Add(c.withJitter(pause))
}

func (c *certificateLadder) withJitter(pause time.Duration) time.Duration {
	return pause + time.Duration(float64(pause/10)*c.seen.share("pause"))
}

// consult asks the CA if it is time to, and nothing else is to do.
func (c *certificateLadder) consult() {
	seen := &c.seen.ARI
	if seen.Source != ARIOffered || seen.CertificateID == "" || seen.Asking || !c.fit || renewalDisabled(&c.seen.Certificate.Spec) {
		return
	}
	if next := c.nextCheck(); c.now.Before(next) {
		c.wake(next)
		return
	}
	if _, idle := c.Action.(NoCertificateAction); idle {
		c.Action = AskRenewalInfo{CertificateID: seen.CertificateID}
	}
}

// nextCheck is when to ask; in the past if that is now.
func (c *certificateLadder) nextCheck() time.Time {
	known := c.ari()
	if known == nil || known.LastChecked == nil || known.NextCheck == nil || !c.credible(known.LastChecked.Time) {
		return time.Time{}
	}
	if known.NextCheck.After(c.now.Add(mostPause + mostPause/10 + clockSkew)) {
		return time.Time{} // nobody has said so, or by a clock that was wrong
	}
	return known.NextCheck.Time
}
