package lifecycle

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

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

	// CA is how the certificate stands to the CA of its issuer. See SeeCA.
	CA CASeen

	// ARI is what is known of when the CA wants the certificate renewed.
	ARI ARISeen

	// Compromised are those of Keys that no certificate may have again.
	Compromised CompromisedKeys

	// Revoked is whether the certificate in the Secret is revoked.
	Revoked RevokedSeen

	// Revoking is what spec.revocationPolicy has to know.
	Revoking RevokingSeen

	// SecretOwner is the other Certificate of this namespace that has the
	// right to the same Secret; empty if this one has it. Rivals are then the
	// others that name it in vain. See ShareSecret.
	SecretOwner string
	Rivals      []string

	// Backoff is the wait after failed issuances; zero is IssuanceBackoff.
	Backoff Backoff

	SecretSeen
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
	// is not needed any more. With a UID it removes no other of that name:
	// who decides on an old view must not remove what took its place.
	DeleteNextKey struct {
		Name string
		UID  types.UID
	}
	// CreateRequest asks for a certificate for the next key.
	CreateRequest struct {
		Name     string
		Revision int
	}
	// DeleteRequest removes a request that is not what is asked for, or old.
	// The UID is as in DeleteNextKey.
	DeleteRequest struct {
		Name string
		UID  types.UID
	}
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
	// ReasonRenewalAdjusted, of events: the spec asks for a time of renewal
	// that can not be kept.
	ReasonRenewalAdjusted = "RenewalAdjusted"
)

// NextCertificate decides what to do about one Certificate. It is total and
// deterministic. The package documentation draws the states.
func NextCertificate(seen CertificateSeen, now time.Time) CertificateDecision {
	if seen.Backoff == (Backoff{}) {
		seen.Backoff = IssuanceBackoff
	}
	c := &certificateLadder{seen: &seen, now: now}
	c.Action = NoCertificateAction{}
	c.Status = *seen.Certificate.Status.DeepCopy()
	if !seen.Certificate.DeletionTimestamp.IsZero() {
		c.end()
		return c.CertificateDecision
	}
	if seen.WantedErr == nil {
		c.hear()
	}
	switch {
	case seen.WantedErr != nil:
		c.refuseSpec()
	case seen.Secret.ofOthers() != "":
		c.refuseSecret()
	case seen.SecretOwner != "":
		c.yieldSecret()
	case IsIssuing(&c.Status):
		c.issue()
	default:
		c.watch()
	}
	c.markFormerCA()
	c.markRevoked()
	c.heedRefusal()
	return c.CertificateDecision
}

// certificateLadder is one decision in the making.
type certificateLadder struct {
	CertificateDecision

	seen *CertificateSeen
	now  time.Time
	fit  bool // the Secret holds what the spec asks for, maybe expired

	again time.Time // when what is revoked is issued anew once more; zero if at once
}

// refuseSpec ends in a condition that only an edit can change.
func (c *certificateLadder) refuseSpec() {
	message := c.seen.WantedErr.Error()
	if c.unready(ReasonInvalidSpec, message) {
		c.event(Warning, ReasonInvalidSpec, message)
	}
}

// watch is the state between issuances: all is well, or an issuance begins, or
// a failed one is waiting for its next attempt.
func (c *certificateLadder) watch() {
	adopted := c.adopt()
	c.reportReadiness()
	why := firstViolation(issuanceReasons, c.seen, c.now)
	if why == nil {
		c.settle()
		return
	}
	if c.wait(why) {
		c.tidy()
		return
	}
	if adopted {
		// The names of what is made depend on the revision, so that it has to
		// be stored first.
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

// settle is rest around a certificate that is as it should be.
func (c *certificateLadder) settle() {
	c.reportWindows()
	c.wake(c.seen.renewal(c.now).At)
	c.tidy()
}

// tidy cleans up around a certificate, one thing at a time.
func (c *certificateLadder) tidy() {
	switch {
	case c.removeLeftKey():
	case !c.fit:
	case c.revokePast():
	case len(c.seen.Superfluous) > 0:
		c.Action = DeleteRequest{Name: c.seen.Superfluous[0]}
	case !SecretUpToDate(c.seen) || c.seen.CA.Stale:
		c.Action = SyncSecret{}
	case c.wantsFinalizer():
	}
	c.consult()
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
	case c.failed():
		c.giveUp()
	case c.seen.NextKey == nil:
		c.makeKey()
	case c.seen.NextKey.Err != nil:
		c.event(Warning, cmv1.CertificateEventDecodeFailed, fmt.Sprintf("The next private key in Secret %q does not parse and is made anew", c.seen.NextKey.Name))
		c.discardKey()
	case pki.KeyFits(c.seen.NextKey.PublicKey, c.seen.Wanted.Key) != nil, c.spent(c.seen.NextKey.PublicKey):
		c.discardKey()
	case c.seen.Next == nil && c.stray() != "":
		// Of a life that the status knows nothing of, it may be under way:
		// there must not be two.
		c.Action = DeleteRequest{Name: c.stray()}
	case c.seen.Next == nil:
		c.Action = CreateRequest{Name: RequestName(c.seen.Certificate.Name, c.nextRevision()), Revision: c.nextRevision()}
	case c.requestUnfit():
		c.renewRequest()
	case !c.seen.Next.issued():
		c.await()
	default:
		c.Action = StoreCertificate{}
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
	c.Status.ACME, c.seen.ARI.advice = nil, nil
	if c.keptKey() {
		c.Status.NextPrivateKeySecretName = nil // and once more, see keptKey
	} else {
		c.clearIssuing()
	}
	if c.seen.NextKey != nil {
		c.Action = c.seen.NextKey.delete()
	}
	c.seen.Current, c.seen.Next = c.seen.Next, nil
	c.reportReadiness()
	c.reportWindows()
	c.event(Normal, cmv1.CertificateEventIssuing, "The certificate has been successfully issued")
}

// makeKey makes the private key, or takes the present one if the spec says so.
func (c *certificateLadder) makeKey() {
	action := CreateNextKey{Name: c.nextKeyName(), Key: c.seen.Wanted.Key}
	if c.seen.Wanted.Reuse && !c.otherKey() && c.seen.Secret != nil && c.seen.Secret.PublicKey != nil {
		if err := pki.KeyFits(c.seen.Secret.PublicKey, c.seen.Wanted.Key); err != nil {
			message := fmt.Sprintf("spec.privateKey.rotationPolicy is Never, but the key in Secret %q does not fit the rest of spec.privateKey (%v); set rotationPolicy to Always or delete the Secret",
				c.seen.Certificate.Spec.SecretName, err)
			if c.unready(cmv1.CertificateReasonSecretMismatch, message) {
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
	c.Action = c.seen.NextKey.delete()
}

// fail closes the issuance without a certificate; the next attempt comes after
// the back-off, or with the next edit.
func (c *certificateLadder) fail(reason, message string) {
	if reason == "" {
		reason = cmv1.CertificateReasonFailed
	}
	attempts := c.attempts() + 1
	next := c.now.Add(c.seen.Backoff.Delay(attempts)).Truncate(time.Second)
	message = fmt.Sprintf("%s; next attempt at %s", message, next.UTC().Format(time.RFC3339))
	c.event(Warning, reason, message)
	if why := pursued(&c.Status); why != nil {
		reason, message = why.reason, why.message+askedFailed+message
	}
	c.Status.FailedIssuanceAttempts = &attempts
	c.Status.LastFailureTime = stamp(c.now)
	c.Status.NextPrivateKeySecretName = nil
	c.setCondition(cmv1.CertificateConditionIssuing, cmmeta.ConditionFalse, reason, message)
	if c.seen.NextKey != nil {
		c.Action = c.seen.NextKey.delete()
	}
	c.wake(next)
	c.explainFailure(next)
}

func (c *certificateLadder) removeLeftKey() bool {
	switch {
	case c.seen.NextKey != nil:
		c.Action = c.seen.NextKey.delete()
	case len(c.seen.LeftKeys) > 0:
		c.Action = DeleteNextKey{Name: c.seen.LeftKeys[0]}
	default:
		return false
	}
	c.Status.NextPrivateKeySecretName = nil
	return true
}

func (c *certificateLadder) clearIssuing() {
	c.Status.NextPrivateKeySecretName = nil
	c.removeCondition(cmv1.CertificateConditionIssuing)
}

func (c *certificateLadder) removeCondition(t cmv1.CertificateConditionType) {
	c.Status.Conditions = slices.DeleteFunc(c.Status.Conditions, func(condition cmv1.CertificateCondition) bool { return condition.Type == t })
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
	switch {
	case c.Status.FailedIssuanceAttempts != nil:
		return *c.Status.FailedIssuanceAttempts
	case c.Status.LastFailureTime != nil:
		return 1 // of a time when nobody counted
	}
	return 0
}
