package lifecycle

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// CertificateSeen is everything that one decision about a Certificate needs.
type CertificateSeen struct {
	Certificate *cmv1.Certificate

	// Wanted is the parsed spec; WantedErr says why it can not be one.
	Wanted    Wanted
	WantedErr error

	Secret  *StoredSecret // spec.secretName; nil if there is none
	NextKey *NextKey      // the key of the issuance under way; nil if there is none

	Current *SeenRequest // the request of status.revision; nil if there is none
	Next    *SeenRequest // the request of the revision after it; nil if there is none

	// Superfluous are owned requests that are to go: of revisions beyond
	// the history limit, and without a revision. Oldest first.
	Superfluous []string

	// LeftKeys are owned Secrets of next keys other than NextKey.
	LeftKeys []string

	// SecretOwner is the other Certificate of this namespace that has the
	// right to the same Secret; empty if this one has it.
	SecretOwner string
}

// CertificateDecision is what NextCertificate comes to.
type CertificateDecision = Decision[CertificateAction, cmv1.CertificateStatus]

// CertificateAction is one change of a Certificate's children.
//
//sumtype:decl
type CertificateAction interface{ isCertificateAction() }

type (
	// NoCertificateAction leaves the children as they are.
	NoCertificateAction struct{}
	// CreateNextKey stores a private key for the issuance under way: a new
	// one, or the Secret's own with Reuse.
	CreateNextKey struct {
		Name  string
		Key   pki.KeySpec
		Reuse bool
	}
	// DeleteNextKey removes a key that is stored in the Secret by now, or
	// is not needed any more.
	DeleteNextKey struct{ Name string }
	// CreateRequest asks for a certificate for the next key.
	CreateRequest struct {
		Name     string
		Revision int
	}
	// DeleteRequest removes a request that is not what is asked for, or old.
	DeleteRequest struct{ Name string }
	// StoreCertificate puts the next key and the issued chain into the Secret.
	StoreCertificate struct{}
	// StoreTemporary puts the next key and a self-made certificate into the
	// Secret, for servers that do not start without one.
	StoreTemporary struct{}
	// SyncSecret brings what surrounds key and chain up to date.
	SyncSecret struct{}
)

func (NoCertificateAction) isCertificateAction() {}
func (CreateNextKey) isCertificateAction()       {}
func (DeleteNextKey) isCertificateAction()       {}
func (CreateRequest) isCertificateAction()       {}
func (DeleteRequest) isCertificateAction()       {}
func (StoreCertificate) isCertificateAction()    {}
func (StoreTemporary) isCertificateAction()      {}
func (SyncSecret) isCertificateAction()          {}

// Reasons of conditions that the contract has no name for.
const (
	// ReasonInvalidSpec: the spec can not become a certificate request.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonSecretConflict: another Certificate has the right to the Secret.
	ReasonSecretConflict = "SecretConflict"
)

// NextCertificate decides what to do about one Certificate. It is total and
// deterministic. The package documentation draws the states.
func NextCertificate(seen CertificateSeen, now time.Time) CertificateDecision {
	c := &certificateLadder{seen: &seen, now: now}
	c.Action = NoCertificateAction{}
	c.Status = *seen.Certificate.Status.DeepCopy()
	switch {
	case !seen.Certificate.DeletionTimestamp.IsZero():
		// Requests go with their owner; the Secret stays for who uses it.
	case seen.WantedErr != nil:
		c.refuseSpec()
	case seen.SecretOwner != "":
		c.yieldSecret()
	case IsIssuing(&c.Status):
		c.issue()
	default:
		c.watch()
	}
	return c.CertificateDecision
}

// certificateLadder is one decision in the making.
type certificateLadder struct {
	CertificateDecision

	seen *CertificateSeen
	now  time.Time
}

// refuseSpec ends in a condition that only an edit can change.
func (c *certificateLadder) refuseSpec() {
	c.unready(ReasonInvalidSpec, c.seen.WantedErr.Error(), true)
}

// yieldSecret leaves the Secret to another Certificate.
func (c *certificateLadder) yieldSecret() {
	c.unready(ReasonSecretConflict, fmt.Sprintf("Secret %q belongs to Certificate %q; give one of the two another secretName",
		c.seen.Certificate.Spec.SecretName, c.seen.SecretOwner), true)
	c.clearIssuing()
	c.removeLeftKey()
}

// watch is the state between issuances: all is well, or an issuance begins, or
// a failed one is waiting for its next attempt.
func (c *certificateLadder) watch() {
	c.reportReadiness()
	why := firstViolation(issuanceReasons, c.seen, c.now)
	if why == nil {
		c.settle()
		return
	}
	if next := c.nextAttempt(); c.now.Before(next) {
		c.Wake = next
		c.explainFailure(next)
		c.removeLeftKey()
		return
	}
	c.begin(why)
	if c.seen.NextKey != nil {
		// A process died after it had made the key. That an issuance is under
		// way is stored before anything is requested.
		c.Status.NextPrivateKeySecretName = &c.seen.NextKey.Name
		return
	}
	c.issue()
}

// settle tidies up around a certificate that is as it should be, one thing at
// a time.
func (c *certificateLadder) settle() {
	c.setValidity()
	if due := RenewalTime(&c.seen.Certificate.Spec, c.seen.Secret.Leaf()); !due.IsZero() {
		c.Wake = earliestRenewal(c.seen, due)
	}
	c.Wake = Sooner(c.Wake, c.seen.Secret.Leaf().NotAfter.Add(time.Second))
	switch {
	case c.removeLeftKey():
	case len(c.seen.Superfluous) > 0:
		c.Action = DeleteRequest{Name: c.seen.Superfluous[0]}
	case !SecretUpToDate(c.seen):
		c.Action = SyncSecret{}
	}
}

// begin opens an issuance.
func (c *certificateLadder) begin(why *violation) {
	message := "Issuing certificate: " + why.message
	c.setCondition(cmv1.CertificateConditionIssuing, cmmeta.ConditionTrue, why.reason, message)
	c.event(Normal, cmv1.CertificateEventIssuing, message)
}

// issue drives an open issuance: key, request, certificate, Secret.
func (c *certificateLadder) issue() {
	if c.stored() {
		c.succeed()
		return
	}
	c.reportReadiness()
	switch {
	case c.seen.NextKey == nil:
		c.makeKey()
	case c.seen.NextKey.Err != nil:
		c.event(Warning, cmv1.CertificateEventDecodeFailed, fmt.Sprintf("The next private key in Secret %q does not parse and is made anew", c.seen.NextKey.Name))
		c.discardKey()
	case pki.KeyFits(c.seen.NextKey.PublicKey, c.seen.Wanted.Key) != nil:
		c.discardKey()
	case c.seen.Next == nil:
		c.Action = CreateRequest{Name: RequestName(c.seen.Certificate.Name, c.nextRevision()), Revision: c.nextRevision()}
	case c.requestUnfit():
		c.Action = DeleteRequest{Name: c.seen.Next.Object.Name}
	case c.seen.Next.refused() != nil:
		refused := c.seen.Next.refused()
		c.fail(refused.Reason, fmt.Sprintf("CertificateRequest %q: %s", c.seen.Next.Object.Name, refused.Message))
	case !c.seen.Next.issued():
		c.await()
	default:
		c.accept()
	}
}

// stored says whether the issued certificate is in the Secret already: the
// last act before the issuance is over, or the first after a crash.
func (c *certificateLadder) stored() bool {
	next := c.seen.Next
	return c.seen.Secret != nil && next != nil && next.issued() && len(next.Chain) > 0 &&
		c.seen.Secret.Leaf() != nil && bytes.Equal(c.seen.Secret.Leaf().Raw, next.Chain[0].Raw) &&
		c.seen.Secret.PublicKey != nil && pki.SameKey(c.seen.Secret.PublicKey, next.Chain[0].PublicKey)
}

// succeed closes the issuance. What it saw as next is current from here on.
func (c *certificateLadder) succeed() {
	revision := c.nextRevision()
	c.Status.Revision = &revision
	c.Status.FailedIssuanceAttempts = nil
	c.Status.LastFailureTime = nil
	c.clearIssuing()
	if c.seen.NextKey != nil {
		c.Action = DeleteNextKey{Name: c.seen.NextKey.Name}
	}
	c.seen.Current, c.seen.Next = c.seen.Next, nil
	c.reportReadiness()
	c.setValidity()
	c.event(Normal, cmv1.CertificateEventIssuing, "The certificate has been successfully issued")
}

// makeKey makes the private key, or takes the present one if the spec says so.
func (c *certificateLadder) makeKey() {
	action := CreateNextKey{Name: c.nextKeyName(), Key: c.seen.Wanted.Key}
	if c.seen.Wanted.Reuse && c.seen.Secret != nil && c.seen.Secret.PublicKey != nil {
		if err := pki.KeyFits(c.seen.Secret.PublicKey, c.seen.Wanted.Key); err != nil {
			message := fmt.Sprintf("spec.privateKey.rotationPolicy is Never, but the key in Secret %q does not fit the rest of spec.privateKey (%v); set rotationPolicy to Always or delete the Secret",
				c.seen.Certificate.Spec.SecretName, err)
			if c.unready(cmv1.CertificateReasonSecretMismatch, message, false) {
				c.event(Warning, cmv1.CertificateEventCannotRegenerateKey, message)
			}
			return
		}
		action.Reuse = true
	}
	c.Action = action
	c.Status.NextPrivateKeySecretName = &action.Name
}

func (c *certificateLadder) discardKey() {
	c.Action = DeleteNextKey{Name: c.seen.NextKey.Name}
}

// requestUnfit says whether the request has to be made anew: it asks for
// something else, it is for another key, or it failed before this attempt.
func (c *certificateLadder) requestUnfit() bool {
	next := c.seen.Next
	if len(differences(c.seen, next)) > 0 || !pki.SameKey(next.CSR.PublicKey, c.seen.NextKey.PublicKey) {
		return true
	}
	if next.refused() == nil && (!next.issued() || c.unusable() == nil) {
		return false
	}
	attempt := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionIssuing).LastTransitionTime
	failed := next.Object.Status.FailureTime
	if failed == nil {
		failed = &next.Object.CreationTimestamp
	}
	return attempt != nil && failed.Before(attempt)
}

// await waits for the request, and passes on what holds it up.
func (c *certificateLadder) await() {
	if trouble, found := RequestTrouble(c.seen.Next.Object); found {
		c.addToReadiness(fmt.Sprintf("CertificateRequest %q: %s", c.seen.Next.Object.Name, trouble))
	}
	temporary := c.seen.Certificate.Annotations[cmv1.IssueTemporaryCertificateAnnotation] == "true"
	unusable := c.seen.Secret == nil || dataMissing(c.seen, c.now) != nil || keyPairBroken(c.seen, c.now) != nil
	if temporary && unusable {
		c.Action = StoreTemporary{}
	}
}

// accept checks what the issuer returned before it replaces what is there.
func (c *certificateLadder) accept() {
	if err := c.unusable(); err != nil {
		c.fail(cmv1.CertificateReasonInvalidCertificate, fmt.Sprintf("CertificateRequest %q: the issuer returned a certificate that can not be used: %v", c.seen.Next.Object.Name, err))
		return
	}
	c.Action = StoreCertificate{}
}

// unusable says what is wrong with the certificate that was issued.
func (c *certificateLadder) unusable() error {
	if c.seen.Next.ChainErr != nil {
		return c.seen.Next.ChainErr
	}
	return pki.CheckIssued(c.seen.Next.Chain[0], c.seen.Next.CSR, c.now)
}

// fail closes the issuance without a certificate; the next attempt comes after
// the back-off, or with the next edit.
func (c *certificateLadder) fail(reason, message string) {
	if reason == "" {
		reason = cmv1.CertificateReasonFailed
	}
	attempts := c.attempts() + 1
	c.Status.FailedIssuanceAttempts = &attempts
	c.Status.LastFailureTime = stamp(c.now)
	c.Status.NextPrivateKeySecretName = nil
	c.setCondition(cmv1.CertificateConditionIssuing, cmmeta.ConditionFalse, reason, message)
	c.event(Warning, reason, message)
	if c.seen.NextKey != nil {
		c.Action = DeleteNextKey{Name: c.seen.NextKey.Name}
	}
	c.Wake = c.now.Add(IssuanceBackoff.Delay(attempts))
	c.explainFailure(c.Wake)
}

// nextAttempt is when a failed issuance may be tried again. An edit that the
// failed request does not have is a new attempt at once.
func (c *certificateLadder) nextAttempt() time.Time {
	if c.Status.LastFailureTime == nil || c.attempts() == 0 {
		return time.Time{}
	}
	if c.seen.Next != nil && len(differences(c.seen, c.seen.Next)) > 0 {
		return time.Time{}
	}
	return c.Status.LastFailureTime.Add(IssuanceBackoff.Delay(c.attempts()))
}

func (c *certificateLadder) removeLeftKey() bool {
	switch {
	case c.seen.NextKey != nil:
		c.Action = DeleteNextKey{Name: c.seen.NextKey.Name}
	case len(c.seen.LeftKeys) > 0:
		c.Action = DeleteNextKey{Name: c.seen.LeftKeys[0]}
	default:
		return false
	}
	c.Status.NextPrivateKeySecretName = nil
	return true
}

// reportReadiness sets the Ready condition from what is stored.
func (c *certificateLadder) reportReadiness() {
	if v := firstViolation(readinessReasons, c.seen, c.now); v != nil {
		c.unready(v.reason, v.message, true)
		return
	}
	c.setCondition(cmv1.CertificateConditionReady, cmmeta.ConditionTrue, cmv1.CertificateReasonReady, "Certificate is up to date and has not expired")
}

// explainFailure says on an unready Certificate what went wrong and when it is
// tried again.
func (c *certificateLadder) explainFailure(next time.Time) {
	last := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionIssuing)
	if last == nil {
		return
	}
	c.addToReadiness(fmt.Sprintf("%s; next attempt at %s", last.Message, next.UTC().Format(time.RFC3339)))
}

// addToReadiness appends a deeper cause to the message of an unready
// Certificate. A Ready one keeps its message while it is renewed.
func (c *certificateLadder) addToReadiness(cause string) {
	ready := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionReady)
	if ready != nil && ready.Status == cmmeta.ConditionFalse && !strings.HasSuffix(ready.Message, cause) {
		ready.Message += "; " + cause
	}
}

// unready sets Ready to False, and says whether that is news. The validity is
// cleared with it if there is no certificate to speak of.
func (c *certificateLadder) unready(reason, message string, clearValidity bool) (news bool) {
	old := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	news = old == nil || old.Status != cmmeta.ConditionFalse || old.Reason != reason || old.Message != message
	c.setCondition(cmv1.CertificateConditionReady, cmmeta.ConditionFalse, reason, message)
	if clearValidity && c.seen.Secret.Leaf() == nil {
		c.Status.NotBefore, c.Status.NotAfter, c.Status.RenewalTime = nil, nil, nil
	}
	return news
}

func (c *certificateLadder) setValidity() {
	leaf := c.seen.Secret.Leaf()
	c.Status.NotBefore, c.Status.NotAfter = stamp(leaf.NotBefore), stamp(leaf.NotAfter)
	c.Status.RenewalTime = nil
	if due := RenewalTime(&c.seen.Certificate.Spec, leaf); !due.IsZero() {
		c.Status.RenewalTime = stamp(due)
	}
}

func (c *certificateLadder) clearIssuing() {
	c.Status.NextPrivateKeySecretName = nil
	kept := c.Status.Conditions[:0]
	for _, condition := range c.Status.Conditions {
		if condition.Type != cmv1.CertificateConditionIssuing {
			kept = append(kept, condition)
		}
	}
	c.Status.Conditions = kept
}

func (c *certificateLadder) setCondition(t cmv1.CertificateConditionType, status cmmeta.ConditionStatus, reason, message string) {
	c.Status.Conditions = SetCertificateCondition(c.Status.Conditions, cmv1.CertificateCondition{
		Type: t, Status: status, Reason: reason, Message: message,
		ObservedGeneration: c.seen.Certificate.Generation,
	}, c.now)
}

func (c *certificateLadder) event(t EventType, reason, message string) {
	c.Events = append(c.Events, Event{Type: t, Reason: reason, Message: message})
}

// nextKeyName prefers the name in the status: it may come from an installation
// that was swapped in place during an issuance.
func (c *certificateLadder) nextKeyName() string {
	if name := c.Status.NextPrivateKeySecretName; name != nil && *name != "" {
		return *name
	}
	return NextKeyNameOf(c.seen.Certificate)
}

// NextKeyNameOf is the name of the Secret that holds, or would hold, the key
// of the Certificate's present attempt.
func NextKeyNameOf(crt *cmv1.Certificate) string {
	if name := crt.Status.NextPrivateKeySecretName; name != nil && *name != "" {
		return *name
	}
	attempts := 0
	if crt.Status.FailedIssuanceAttempts != nil {
		attempts = *crt.Status.FailedIssuanceAttempts
	}
	return NextKeyName(crt.Name, string(crt.UID), NextRevision(crt), attempts)
}

// NextRevision is the revision after the last one issued.
func NextRevision(crt *cmv1.Certificate) int {
	if crt.Status.Revision == nil {
		return 1
	}
	return *crt.Status.Revision + 1
}

func (c *certificateLadder) nextRevision() int { return NextRevision(c.seen.Certificate) }

func (c *certificateLadder) attempts() int {
	if c.Status.FailedIssuanceAttempts == nil {
		return 0
	}
	return *c.Status.FailedIssuanceAttempts
}
