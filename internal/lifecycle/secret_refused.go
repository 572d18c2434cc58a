package lifecycle

import (
	"fmt"
	"strings"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// ReasonWriteRefused, of events: the API server does not take what the
// Certificate needs, and will not before somebody changes something.
const ReasonWriteRefused = "WriteRefused"

// refusedRetry is when a refused write is tried again although nothing has
// changed that is watched: a quota or a policy may have.
const refusedRetry = 5 * time.Minute

// heedRefusal leaves out an action that the API server has refused just now,
// with all that was to come after it, and says so.
func (c *certificateLadder) heedRefusal() {
	if c.seen.Refusal == "" {
		return
	}
	what := c.refusedWrite()
	if what == "" {
		return // it is not wanted any more
	}
	message := fmt.Sprintf("%s: %s; next attempt within %d minutes", what, c.seen.Refusal, int(refusedRetry.Minutes()))
	c.Action = NoCertificateAction{}
	c.Status = *c.seen.Certificate.Status.DeepCopy()
	c.Events = nil
	c.Wake = time.Time{}
	c.reportReadiness()
	c.wake(c.now.Add(refusedRetry))
	ready := FindCertificateCondition(c.Status.Conditions, cmv1.CertificateConditionReady)
	if ready.Status == cmmeta.ConditionFalse {
		c.addToReadiness(message)
	} else {
		ready.Message += "; " + message
	}
	old := FindCertificateCondition(c.seen.Certificate.Status.Conditions, cmv1.CertificateConditionReady)
	if old == nil || !strings.Contains(old.Message, message) {
		c.event(Warning, ReasonWriteRefused, message)
	}
}

// refusedWrite says what could not be done; empty if there was nothing to do.
func (c *certificateLadder) refusedWrite() string {
	switch a := c.Action.(type) {
	case CreateNextKey:
		return fmt.Sprintf("Secret %q for the next private key can not be created", a.Name)
	case DeleteNextKey:
		return fmt.Sprintf("Secret %q of the next private key can not be deleted", a.Name)
	case CreateRequest:
		return fmt.Sprintf("CertificateRequest %q can not be created", a.Name)
	case DeleteRequest:
		return fmt.Sprintf("CertificateRequest %q can not be deleted", a.Name)
	case StoreCertificate, StoreTemporary, SyncSecret:
		return fmt.Sprintf("Secret %q can not be written", c.seen.Certificate.Spec.SecretName)
	case CreateRevocation:
		return fmt.Sprintf("Revocation %q can not be created", a.Name)
	case MarkRevoked:
		return fmt.Sprintf("CertificateRequest %q can not be marked", a.Request)
	case SetFinalizer:
		return "the finalizer for spec.revocationPolicy can not be written"
	case NoCertificateAction, AskRenewalInfo:
	}
	return ""
}
