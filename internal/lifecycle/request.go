package lifecycle

import (
	"crypto/x509"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// States of a CertificateRequest: its conditions. Whatever is known in one
// pass is written at once, so that most requests are written once.
//
//	                      (new)
//	                        |
//	+-- the signing request is unreadable, or says something else
//	|   than the spec, or its key is known to others -------------> InvalidRequest,
//	|                       |                                       Ready=False Failed
//	+-- Denied -------------|-------------------------------------> Ready=False Denied
//	                        | Approved, by us or by somebody else
//	                        v
//	+-- of another group: left to the external issuer
//	|                       |
//	|                       v
//	|             Ready=False Pending <---+  no issuer, issuer not Ready,
//	|                       |             |  a Secret is missing or garbage,
//	|                       +-------------+  ordered and not there yet
//	|                       | sign
//	|                       +--------------> Ready=True  Issued
//	|                       +--------------> Ready=False Failed
//
// Issued, Failed, Denied and InvalidRequest are final, whoever set them. An
// external issuer finds a request as it expects it: approved or denied, its
// signing request checked against its spec, and Ready untouched.

// RequestSeen is everything that one decision about a CertificateRequest needs.
type RequestSeen struct {
	Request *cmv1.CertificateRequest

	// CSR is the parsed spec.request; CSRErr says why it can not be one.
	CSR    *x509.CertificateRequest
	CSRErr error

	// Fault is what makes the request one that nobody could fulfil, besides its
	// CSR; nil if there is nothing.
	Fault *RequestFault

	// CompromisedKey is the one (namespace/name) that says that no certificate
	// may have the key of the CSR; empty if there is none.
	CompromisedKey string

	// MayApprove is true if the operator is to approve what nobody has decided
	// about.
	MayApprove bool

	// NoClusterIssuers: the operator works in one namespace and sees none.
	NoClusterIssuers bool

	// Issuer is the one that issuerRef names; nil if there is none.
	Issuer *SeenIssuer

	// Outcome is what the signer answered in this pass; nil if it was not asked.
	Outcome Outcome
}

// RequestFault is the end of a request: the reason and message of its failure.
type RequestFault struct{ Reason, Message string }

// SeenIssuer is what a request has to know of its issuer.
type SeenIssuer struct {
	Type    string // "" if its spec does not say how it signs
	Ready   bool
	Message string // of its condition Ready
}

// TypeSelfSigned is the type of issuers that sign with the certificate's key.
const TypeSelfSigned = "selfSigned"

// Outcome is what a signer answers.
//
//sumtype:decl
type Outcome interface{ isOutcome() }

type (
	// OutcomeIssued is a certificate: PEM, the leaf first. CA may be empty.
	// Warning tells its owner what will be wrong with it; empty if nothing is.
	OutcomeIssued struct {
		Chain, CA []byte
		Warning   string
	}

	// OutcomePending means that there is no certificate yet. An empty Message
	// means that all goes well and it takes its time; Reason then is that of a
	// plain event. Otherwise something is in the way.
	OutcomePending struct {
		Reason, Message string
		Wake            time.Time // zero: what is waited for is watched
	}

	// OutcomeFailed means that there will be none.
	OutcomeFailed struct{ Reason, Message string }
)

func (OutcomeIssued) isOutcome()  {}
func (OutcomePending) isOutcome() {}
func (OutcomeFailed) isOutcome()  {}

// RequestAction is what to do about a CertificateRequest.
//
//sumtype:decl
type RequestAction interface{ isRequestAction() }

type (
	// RequestNothing does nothing.
	RequestNothing struct{}
	// SignRequest asks the issuer's signer. Answer: Outcome.
	SignRequest struct{}
)

func (RequestNothing) isRequestAction() {}
func (SignRequest) isRequestAction()    {}

// RequestDecision is what to do about a CertificateRequest.
type RequestDecision = Decision[RequestAction, cmv1.CertificateRequestStatus]

const (
	// issuedMessage is known to other programs (contract 2.7).
	issuedMessage = "Certificate fetched from issuer successfully"

	// progressMessage stands in a request of which there is nothing to tell.
	progressMessage = "The certificate has been ordered"

	// approvalRecheck is when to look again whether the operator may approve: a
	// permission that is granted later shows nowhere else.
	approvalRecheck = 5 * time.Minute
)

// requestGuards are asked from the first to the last. The first that knows what
// to do decides; the last always does.
var requestGuards = []func(*requestPass) bool{
	(*requestPass).isDeleted,
	(*requestPass).isOver,
	(*requestPass).isDenied,
	(*requestPass).isFaulty,
	(*requestPass).isUnreadable,
	(*requestPass).isUntrue,
	(*requestPass).hasCompromisedKey,
	(*requestPass).isOutOfReach,
	(*requestPass).isNotApproved,
	(*requestPass).isForeign,
	(*requestPass).hasUnknownKind,
	(*requestPass).lacksIssuer,
	(*requestPass).lacksIssuerType,
	(*requestPass).awaitsIssuer,
	(*requestPass).isToSign,
	(*requestPass).isAnswered,
}

// NextRequest decides about a CertificateRequest (contract 2.7).
func NextRequest(seen RequestSeen, now time.Time) RequestDecision {
	p := &requestPass{RequestSeen: seen, now: now}
	p.d.Action = RequestNothing{}
	p.d.Status = *seen.Request.Status.DeepCopy()
	for _, guard := range requestGuards {
		if guard(p) {
			break
		}
	}
	return p.d
}

// RequestOver says whether nothing more comes of a request.
func RequestOver(req *cmv1.CertificateRequest) bool {
	if requestHas(req, cmv1.CertificateRequestConditionInvalidRequest) {
		return true
	}
	ready := FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady)
	if ready == nil {
		return false
	}
	switch ready.Reason {
	case cmv1.CertificateRequestReasonIssued, cmv1.CertificateRequestReasonFailed, cmv1.CertificateRequestReasonDenied:
		return true
	}
	return false
}

// RequestUndecided says whether nobody has approved or denied a request.
func RequestUndecided(req *cmv1.CertificateRequest) bool {
	return !requestHas(req, cmv1.CertificateRequestConditionApproved) && !requestHas(req, cmv1.CertificateRequestConditionDenied)
}

// RequestTrouble returns what holds a request up, if it is more than that
// things take their time.
func RequestTrouble(req *cmv1.CertificateRequest) (message string, trouble bool) {
	ready := FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady)
	if ready == nil || ready.Status == cmmeta.ConditionTrue || ready.Reason != cmv1.CertificateRequestReasonPending {
		return "", false
	}
	if ready.Message == "" || ready.Message == progressMessage {
		return "", false
	}
	return ready.Message, true
}

func requestHas(req *cmv1.CertificateRequest, t cmv1.CertificateRequestConditionType) bool {
	c := FindRequestCondition(req.Status.Conditions, t)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

// requestPass is one decision in the making.
type requestPass struct {
	RequestSeen

	now time.Time
	d   RequestDecision
}

func (p *requestPass) isDeleted() bool { return p.Request.DeletionTimestamp != nil }

func (p *requestPass) isOver() bool { return RequestOver(p.Request) }

func (p *requestPass) foreign() bool {
	return p.Request.Spec.IssuerRef.GroupOrDefault() != cmv1.GroupName
}

// isDenied: an external issuer marks its requests itself.
func (p *requestPass) isDenied() bool {
	if !requestHas(p.Request, cmv1.CertificateRequestConditionDenied) {
		return false
	}
	if !p.foreign() {
		p.setReady(cmmeta.ConditionFalse, cmv1.CertificateRequestReasonDenied, "The CertificateRequest was denied")
		p.d.Status.FailureTime = stamp(p.now)
	}
	return true
}

func (p *requestPass) isFaulty() bool {
	if p.Fault == nil {
		return false
	}
	p.fail(p.Fault.Reason, p.Fault.Message)
	return true
}

func (p *requestPass) isUnreadable() bool {
	if p.CSRErr == nil {
		return false
	}
	p.invalid(cmv1.CertificateRequestEventRequestParsingError, fmt.Sprintf("spec.request: %v", p.CSRErr))
	return true
}

// isUntrue: who approves, and the external issuer who signs, look at the spec
// and rely on it that the signing request asks for nothing else.
func (p *requestPass) isUntrue() bool {
	usages := make([]string, len(p.Request.Spec.Usages))
	for i, usage := range p.Request.Spec.Usages {
		usages[i] = string(usage)
	}
	if err := pki.CheckCSR(p.CSR, p.Request.Spec.IsCA, usages); err != nil {
		p.invalid(string(cmv1.CertificateRequestConditionInvalidRequest), fmt.Sprintf("spec.request does not agree with the rest of the spec: %v", err))
		return true
	}
	return false
}

// hasCompromisedKey: also for external issuers, who do not know.
func (p *requestPass) hasCompromisedKey() bool {
	if p.CompromisedKey == "" {
		return false
	}
	p.invalid(cmv1.CertificateReasonCompromisedKey, fmt.Sprintf("no certificate may have this key any more, says CompromisedKey %q; make another key and another request", p.CompromisedKey))
	return true
}

// isOutOfReach: an operator for one namespace can not even see whether the
// ClusterIssuer exists, and nobody else is expected to sign.
func (p *requestPass) isOutOfReach() bool {
	if !p.NoClusterIssuers || p.foreign() || p.Request.Spec.IssuerRef.KindOrDefault() != cmv1.ClusterIssuerKind {
		return false
	}
	p.pending(cmv1.CertificateRequestEventIssuerNotFound,
		fmt.Sprintf("%s can not be used: the operator works in one namespace, without ClusterIssuers; name an Issuer of this namespace", p.issuerName()))
	return true
}

// isNotApproved: what the operator may approve is approved on the way.
func (p *requestPass) isNotApproved() bool {
	if requestHas(p.Request, cmv1.CertificateRequestConditionApproved) {
		return false
	}
	if p.MayApprove {
		const message = "The operator has the permission to approve requests for this issuer"
		p.setCondition(cmv1.CertificateRequestConditionApproved, cmmeta.ConditionTrue, cmv1.CertificateRequestReasonApproved, message)
		p.progress(cmv1.CertificateRequestEventApproved, message)
		return false
	}
	// An approver of the user's own may be at work: most are done at once.
	if due := p.Request.CreationTimestamp.Add(grace); !p.foreign() && p.now.Before(due) {
		p.d.Wake = due
		return true
	}
	p.d.Wake = p.now.Add(approvalRecheck)
	if p.foreign() {
		return true
	}
	const message = "Waiting for approval: nobody has approved or denied this request"
	if p.setReady(cmmeta.ConditionFalse, cmv1.CertificateRequestReasonPending, message) {
		p.event(Normal, cmv1.CertificateRequestEventWaitingForApproval, message)
	}
	return true
}

func (p *requestPass) isForeign() bool { return p.foreign() }

func (p *requestPass) hasUnknownKind() bool {
	switch kind := p.Request.Spec.IssuerRef.KindOrDefault(); kind {
	case cmv1.IssuerKind, cmv1.ClusterIssuerKind:
		return false
	default:
		p.invalid(cmv1.CertificateRequestEventIssuerNotFound, fmt.Sprintf("issuerRef.kind %q is not a kind of issuer in %s: name the group that it belongs to", kind, cmv1.GroupName))
		return true
	}
}

func (p *requestPass) lacksIssuer() bool {
	if p.Issuer != nil {
		return false
	}
	p.pending(cmv1.CertificateRequestEventIssuerNotFound, fmt.Sprintf("%s does not exist", p.issuerName()))
	return true
}

func (p *requestPass) lacksIssuerType() bool {
	if p.Issuer.Type != "" {
		return false
	}
	p.pending(cmv1.CertificateRequestEventIssuerTypeMissing, fmt.Sprintf("%s does not say how it signs", p.issuerName()))
	return true
}

func (p *requestPass) awaitsIssuer() bool {
	if p.Issuer.Ready {
		return false
	}
	message := p.issuerName() + " is not ready"
	if p.Issuer.Message != "" {
		message += ": " + p.Issuer.Message
	}
	p.pending(cmv1.CertificateRequestEventIssuerNotReady, message)
	return true
}

func (p *requestPass) isToSign() bool {
	if p.Outcome != nil {
		return false
	}
	p.d.Action = SignRequest{}
	return true
}

func (p *requestPass) isAnswered() bool {
	switch o := p.Outcome.(type) {
	case OutcomeIssued:
		p.d.Status.Certificate, p.d.Status.CA = o.Chain, o.CA
		p.setReady(cmmeta.ConditionTrue, cmv1.CertificateRequestReasonIssued, issuedMessage)
		p.progress(cmv1.CertificateRequestEventCertificateIssued, issuedMessage)
		if o.Warning != "" {
			p.event(Warning, cmv1.CertificateRequestEventBadConfig, o.Warning)
		}
		if p.Issuer.Type == TypeSelfSigned && len(p.CSR.Subject.Names) == 0 {
			p.event(Warning, cmv1.CertificateRequestEventBadConfig,
				"The subject is empty, and so is the issuer of a self-signed certificate: RFC 5280, section 4.1.2.4, asks for one")
		}
	case OutcomePending:
		p.d.Wake = o.Wake
		if o.Message != "" {
			p.pending(o.Reason, o.Message)
		} else if p.setReady(cmmeta.ConditionFalse, cmv1.CertificateRequestReasonPending, progressMessage) {
			p.progress(o.Reason, progressMessage)
		}
	case OutcomeFailed:
		p.fail(o.Reason, o.Message)
	}
	return true
}

// issuerName is the issuer in a sentence.
func (p *requestPass) issuerName() string {
	ref := p.Request.Spec.IssuerRef
	return fmt.Sprintf("%s %q", ref.KindOrDefault(), ref.Name)
}

// pending says what is in the way, and tells people when that is news.
func (p *requestPass) pending(reason, message string) {
	if p.setReady(cmmeta.ConditionFalse, cmv1.CertificateRequestReasonPending, message) {
		p.event(Warning, reason, message)
	}
}

func (p *requestPass) fail(reason, message string) {
	p.setReady(cmmeta.ConditionFalse, cmv1.CertificateRequestReasonFailed, message)
	p.d.Status.FailureTime = stamp(p.now)
	p.event(Warning, reason, message)
}

// invalid fails a request that no issuer could do anything with.
func (p *requestPass) invalid(reason, message string) {
	p.setCondition(cmv1.CertificateRequestConditionInvalidRequest, cmmeta.ConditionTrue, reason, message)
	p.fail(reason, message)
}

// setReady sets the condition Ready and says whether that is news.
func (p *requestPass) setReady(status cmmeta.ConditionStatus, reason, message string) (changed bool) {
	old := FindRequestCondition(p.d.Status.Conditions, cmv1.CertificateRequestConditionReady)
	changed = old == nil || old.Status != status || old.Reason != reason || old.Message != message
	p.setCondition(cmv1.CertificateRequestConditionReady, status, reason, message)
	return changed
}

func (p *requestPass) setCondition(t cmv1.CertificateRequestConditionType, status cmmeta.ConditionStatus, reason, message string) {
	p.d.Status.Conditions = SetRequestCondition(p.d.Status.Conditions,
		cmv1.CertificateRequestCondition{Type: t, Status: status, Reason: reason, Message: message}, p.now)
}

// progress tells that all goes well. Of a request that a Certificate made, the
// Certificate tells it.
func (p *requestPass) progress(reason, message string) {
	if owner := metav1.GetControllerOfNoCopy(p.Request); owner == nil || owner.Kind != cmv1.CertificateKind {
		p.event(Normal, reason, message)
	}
}

func (p *requestPass) event(kind EventType, reason, message string) {
	p.d.Events = append(p.d.Events, Event{Type: kind, Reason: reason, Message: message})
}
