package lifecycle

import (
	"fmt"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// wait says whether an issuance that there is a reason for has to wait: for
// the back-off after a failure, or because the last one was a moment ago.
func (c *certificateLadder) wait(why *violation) bool {
	if next := c.afterFailure(); c.now.Before(next) {
		c.wake(next)
		c.explainFailure(next)
		return true
	}
	if next := c.afterIssuance(why); c.now.Before(next) {
		c.wake(next)
		if becauseRevoked(why.reason) {
			c.again = next
		}
		c.addToReadiness(fmt.Sprintf("a certificate was issued less than %s before; next attempt at %s", c.spacing(why), next.UTC().Format(time.RFC3339)))
		return true
	}
	return false
}

// afterFailure is when a failed issuance may be tried again. An edit that the
// failed request does not have is a new attempt at once.
func (c *certificateLadder) afterFailure() time.Time {
	if c.Status.LastFailureTime == nil || c.attempts() == 0 || !c.credible(c.Status.LastFailureTime.Time) || c.editedSince(c.seen.Next) {
		return time.Time{}
	}
	return c.Status.LastFailureTime.Add(c.seen.Backoff.Delay(c.attempts()))
}

// afterIssuance is when the next issuance may begin that nobody has asked for.
// Something that destroys the Secret, or overwrites it, as soon as it is there
// must not turn into a stream of certificates. But the first time it is a
// person who deletes a Secret in order to get another (contract 2.1), and that
// is answered at once: what waits is to mend again what has just been mended.
func (c *certificateLadder) afterIssuance(why *violation) time.Time {
	if c.Status.Revision == nil || c.edited() || why.reason == cmv1.CertificateReasonReplacementRequested {
		return time.Time{}
	}
	ready := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	var since time.Time // since when it is as ready as it is
	if ready != nil && ready.LastTransitionTime != nil {
		since = ready.LastTransitionTime.Time
	}
	issued := since // the best there is if the request is gone
	if c.seen.Current != nil {
		issued = c.seen.Current.Object.CreationTimestamp.Time
	}
	mended := *c.Status.Revision > 1 && (!since.Before(issued) || c.replacesRevoked())
	if !c.credible(issued) || (why.reason != cmv1.CertificateReasonRenewing && !mended) {
		return time.Time{}
	}
	return issued.Add(c.spacing(why))
}

// edited says whether the spec was changed since the last issuance.
func (c *certificateLadder) edited() bool {
	ready := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	return c.editedSince(c.seen.Current) || (ready != nil && ready.ObservedGeneration != c.seen.Certificate.Generation)
}

// editedSince says whether the spec asks for something else than a request.
func (c *certificateLadder) editedSince(r *SeenRequest) bool {
	if r == nil {
		return false
	}
	return len(differences(c.seen, r)) > 0 || pki.KeyFits(r.CSR.PublicKey, c.seen.Wanted.Key) != nil
}

// credible says whether an instant in the past is one. A clock that was wrong
// once must not stop a Certificate until that time comes again.
func (c *certificateLadder) credible(t time.Time) bool {
	return !t.After(c.now.Add(clockSkew))
}

// clockSkew is what the clocks of a cluster may differ by.
const clockSkew = time.Minute
