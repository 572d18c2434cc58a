package lifecycle

import (
	"fmt"
	"strings"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// What a Certificate's issuance makes of its CertificateRequest.

// failed says whether the request of this attempt has come to an end without a
// certificate. Every attempt has a Secret of its own for its key, also if the
// key is kept, so that its name tells which attempt a request is of. Clocks
// tell less, and the key itself may be gone: then too the attempt has failed,
// and the next one has to wait for the back-off.
func (c *certificateLadder) failed() bool {
	next := c.seen.Next
	if next == nil || c.editedSince(next) || c.forSpentKey(next) || !c.over(next) {
		return false
	}
	return c.ofAttempt(next)
}

func (c *certificateLadder) ofAttempt(r *SeenRequest) bool {
	of, named := r.Object.Annotations[cmv1.CertificateRequestPrivateKeyAnnotationKey]
	if !named {
		return c.seen.NextKey != nil && c.seen.NextKey.Err == nil && c.ofNextKey(r)
	}
	return of == c.nextKeyName()
}

// giveUp closes the issuance because of what became of the request.
func (c *certificateLadder) giveUp() {
	next := c.seen.Next
	if refused := next.refused(); refused != nil {
		c.fail(refused.Reason, fmt.Sprintf("CertificateRequest %q: %s", next.Object.Name, refused.Message))
		return
	}
	c.fail(cmv1.CertificateReasonInvalidCertificate, fmt.Sprintf("CertificateRequest %q: the issuer returned a certificate that can not be used: %v", next.Object.Name, c.unusable(next)))
}

// requestUnfit says whether the request has to be made anew: it asks for
// something else, it is for another key, or it failed before this attempt.
func (c *certificateLadder) requestUnfit() bool {
	next := c.seen.Next
	return len(differences(c.seen, next)) > 0 || !c.ofNextKey(next) || c.over(next)
}

func (c *certificateLadder) ofNextKey(r *SeenRequest) bool {
	return pki.SameKey(r.CSR.PublicKey, c.seen.NextKey.PublicKey)
}

// over says whether a request has come to an end without a usable certificate.
func (c *certificateLadder) over(r *SeenRequest) bool {
	return r.refused() != nil || (r.issued() && c.unusable(r) != nil)
}

// renewRequest removes a request that is unfit. If nobody has edited anything
// it is not followed by the next at once, as each is an order at the CA: whoever
// takes keys away may do so again, and a spec that a signing request can not
// express does not become another.
func (c *certificateLadder) renewRequest() {
	next := c.seen.Next
	made := next.Object.CreationTimestamp
	again := made.Add(minSpacing)
	if why := c.unasked(next); why != "" && !c.forSpentKey(next) && c.now.Before(again) && c.credible(made.Time) {
		c.wake(again)
		c.addToReadiness(fmt.Sprintf("%s; next attempt at %s", why, again.UTC().Format(time.RFC3339)))
		return
	}
	FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionIssuing).ObservedGeneration = c.seen.Certificate.Generation
	c.Action = DeleteRequest{Name: next.Object.Name, UID: next.Object.UID}
}

// unasked says why a request is unfit although nobody has edited anything and
// it did not fail; empty if that is not so.
func (c *certificateLadder) unasked(r *SeenRequest) string {
	issuing := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionIssuing)
	diff := differences(c.seen, r)
	switch {
	case len(diff) > 0:
		begun := issuing.LastTransitionTime
		made := c.ofAttempt(r) && !c.over(r) && begun != nil && !r.Object.CreationTimestamp.Before(begun)
		if made && issuing.ObservedGeneration == c.seen.Certificate.Generation {
			return fmt.Sprintf("CertificateRequest %q does not say what the spec asks for: %s", r.Object.Name, strings.Join(diff, ", "))
		}
	case !c.editedSince(r) && !c.ofNextKey(r) && !c.over(r):
		return fmt.Sprintf("the private key of CertificateRequest %q was deleted while it was under way", r.Object.Name)
	}
	return ""
}

// await waits for the request, and passes on what holds it up.
func (c *certificateLadder) await() {
	next := c.seen.Next.Object
	if trouble, found := RequestTrouble(next); found {
		// What is applied together with its issuer has to wait for that a
		// moment, which is nothing to tell.
		if told := next.CreationTimestamp.Add(grace); c.now.Before(told) && c.credible(next.CreationTimestamp.Time) {
			c.wake(told)
		} else {
			c.addToReadiness(fmt.Sprintf("CertificateRequest %q: %s", next.Name, trouble))
		}
	}
	temporary := c.seen.Certificate.Annotations[cmv1.IssueTemporaryCertificateAnnotation] == "true"
	switch {
	case temporary && firstViolation(unreadable, c.seen, c.now) != nil:
		c.Action = StoreTemporary{}
	case c.fit && !SecretUpToDate(c.seen):
		c.Action = SyncSecret{}
	}
}

// unusable says what is wrong with the certificate that was issued.
func (c *certificateLadder) unusable(r *SeenRequest) error {
	if r.ChainErr != nil {
		return r.ChainErr
	}
	return pki.CheckIssued(r.Chain[0], r.CSR, c.now)
}
