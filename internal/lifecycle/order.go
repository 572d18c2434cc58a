package lifecycle

import (
	"bytes"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// States of an Order. What is asked of the CA stands on the arrows.
//
//	                 (new)
//	                   | wait for a turn: order_queue.go
//	                   | place order; store its URL before anything else
//	                   v
//	+------------- pending -------------+
//	|                  | read authorizations; store them
//	|                  | create one Challenge for each that is not yet valid
//	|                  | wait until all are valid
//	|                  v
//	|   CA: pending -> ready -> processing -> valid
//	|        read       | finalize  | read      | fetch certificate; store it
//	|        order      |           | order     v
//	|                   |           |         valid -> delete the Challenges
//	v                   v           v
//	invalid             the CA refused the order, or a Challenge
//	expired             the CA's deadline has passed, or the order is gone
//	errored             a request was refused for good
//
// Nothing leads out of the last three: the Certificate orders anew, with its
// own back-off. A request that fails for a while leaves the state as it is;
// status.reason says what is wrong and when it is tried again. What the CA
// said is kept in memory only, except for what is stored above: after a
// restart the order is read again.
//
// One window is left: a process that dies between the CA's answer to a new
// order and the write of its URL orders again. Boulder answers that with the
// same pending order; a CA that does not lets the first one expire.

// OrderSeen is everything that one decision about an Order needs.
type OrderSeen struct {
	Order *acmev1.Order
	// ACME is the configuration of the issuer. Nil if there is none; then
	// IssuerTrouble says why.
	ACME          *acmev1.ACMEIssuer
	IssuerTrouble string
	// Expires is when the certificate expires that the Order is to renew; zero
	// if there is none.
	Expires time.Time
	// Turn is the answer of the queue in this pass; nil if it was not asked.
	Turn *Turn
	// Challenges are those that the Order owns, in the order of their names.
	Challenges []*acmev1.Challenge

	// Outdated are those of them that are under way with a key authorization of
	// an account key that has been replaced meanwhile.
	Outdated []*acmev1.Challenge

	// CA is the order as the CA last described it, if it has been asked.
	CA *OrderAtCA
	// Authorizations are those that have been read, by URL.
	Authorizations map[string]acmev1.ACMEAuthorization
	// Chain is the certificate in PEM, once it has been fetched.
	Chain []byte
	// Trouble is what went wrong last, if it is not yet overcome.
	Trouble *Trouble
}

// OrderAtCA is an order as the CA describes it (RFC 8555, section 7.1.3).
type OrderAtCA struct {
	URL, FinalizeURL, CertificateURL string
	State                            acmev1.State
	Authorizations                   []string  // URLs
	Expires                          time.Time // zero if the CA did not say
	Problem                          string    // why it is invalid, if the CA said
	RetryAfter                       time.Time // zero if the CA did not say

	At    time.Time // when the CA said so
	Since time.Time // when the CA first said this state
	Polls int       // answers in a row that said this state before this one
}

// Follow returns an answer of the CA with what is known from the one before.
func (a *OrderAtCA) Follow(next OrderAtCA, now time.Time) *OrderAtCA {
	next.At, next.Since = now, now
	if a == nil {
		return &next
	}
	// The answer to finalize need not repeat everything.
	if next.URL == "" {
		next.URL = a.URL
	}
	if next.FinalizeURL == "" {
		next.FinalizeURL = a.FinalizeURL
	}
	if next.State == a.State {
		next.Since, next.Polls = a.Since, a.Polls+1
	}
	return &next
}

// OrderAction is what to do about an Order.
//
//sumtype:decl
type OrderAction interface{ isOrderAction() }

type (
	// OrderNothing does nothing.
	OrderNothing struct{}

	// PlaceOrder asks the CA for an order (RFC 8555, section 7.4). Answer: CA.
	PlaceOrder struct {
		DNSNames    []string
		IPAddresses []string
		NotAfter    time.Time // zero: as the CA likes
		Profile     string
		Replaces    string
	}

	// ReadOrder asks the CA how the order is. Answer: CA.
	ReadOrder struct{ URL string }

	// ReadAuthorization asks the CA for an authorization. Answer:
	// Authorizations.
	ReadAuthorization struct{ URL string }

	// FinalizeOrder sends the signing request. Answer: CA.
	FinalizeOrder struct {
		URL     string
		Request []byte // PEM
	}

	// FetchCertificate downloads the certificate with the chain whose topmost
	// certificate is by the preferred issuer, or else any. Answer: Chain.
	FetchCertificate struct{ URL, PreferredChain string }

	// CreateChallenge creates a Challenge. Its key is left for the caller, who
	// has the account key.
	CreateChallenge struct {
		Name string
		Spec acmev1.ChallengeSpec
	}

	// DeleteChallenge deletes a Challenge, which cleans up after itself.
	DeleteChallenge struct{ Challenge *acmev1.Challenge }
)

func (OrderNothing) isOrderAction()      {}
func (PlaceOrder) isOrderAction()        {}
func (ReadOrder) isOrderAction()         {}
func (ReadAuthorization) isOrderAction() {}
func (FinalizeOrder) isOrderAction()     {}
func (FetchCertificate) isOrderAction()  {}
func (CreateChallenge) isOrderAction()   {}
func (DeleteChallenge) isOrderAction()   {}

// OrderDecision is what to do about an Order.
type OrderDecision = Decision[OrderAction, acmev1.OrderStatus]

// Reasons of the events of an Order (contract 4).
const (
	OrderEventSolver   = "Solver"
	OrderEventComplete = "Complete"
	OrderEventFailed   = "Failed"
	// OrderEventUsages: the CA left out what was asked for. An extension.
	OrderEventUsages = "UsagesLeftOut"
)

// orderGuards are asked from the first to the last. The first that knows what
// to do decides; the last always does.
var orderGuards = []func(*orderPass) bool{
	(*orderPass).isDeleted,
	(*orderPass).isOver,
	(*orderPass).hasNoIssuer,
	(*orderPass).isToWait,
	(*orderPass).isNotItsTurn,
	(*orderPass).isNotPlaced,
	(*orderPass).isNotStored,
	(*orderPass).isUnknown,
	(*orderPass).isRefused,
	(*orderPass).isInvalidAtCA,
	(*orderPass).isExpired,
	(*orderPass).isValid,
	(*orderPass).isProcessing,
	(*orderPass).isReady,
	(*orderPass).lacksAuthorizations,
	(*orderPass).hasFailedChallenge,
	(*orderPass).hasOutdatedChallenge,
	(*orderPass).lacksChallenge,
	(*orderPass).hasPendingChallenge,
	(*orderPass).isProved,
}

// NextOrder decides what to do next about an Order.
func NextOrder(seen OrderSeen, now time.Time) OrderDecision {
	p := &orderPass{OrderSeen: seen, now: now}
	if seen.CA != nil && seen.Order.Status.URL != "" && seen.CA.URL != seen.Order.Status.URL {
		p.CA = nil // remembered of an order that is not the stored one
	}
	p.d = OrderDecision{Action: OrderNothing{}, Status: *seen.Order.Status.DeepCopy()}
	for _, decides := range orderGuards {
		if decides(p) {
			break
		}
	}
	return p.d
}

// orderPass is one decision in the making.
type orderPass struct {
	OrderSeen
	now time.Time
	d   OrderDecision
}

// isDeleted: the garbage collector deletes the Challenges, and they clean up.
func (p *orderPass) isDeleted() bool { return p.Order.DeletionTimestamp != nil }

// isOver: nothing more comes of the Order. The Challenges of a valid one have
// done their duty. Of a failed one those are kept that tell why it failed;
// the others would go on for nothing.
func (p *orderPass) isOver() bool {
	state := p.Order.Status.State
	if !state.Final() {
		return false
	}
	for _, c := range p.Challenges {
		if c.DeletionTimestamp == nil && (state == acmev1.Valid || !c.Status.State.Final()) {
			p.d.Action = DeleteChallenge{c}
			break
		}
	}
	return true
}

func (p *orderPass) hasNoIssuer() bool {
	if p.ACME != nil {
		return false
	}
	p.wait(p.IssuerTrouble, time.Time{}) // the issuer is watched
	return true
}

func (p *orderPass) isToWait() bool {
	if !p.Trouble.waiting(p.now) {
		return false
	}
	p.wait(p.Trouble.message(), p.Trouble.next())
	return true
}

// isNotPlaced: the CA is asked for an order. If it does not like that the
// order replaces a certificate, that is not worth the order.
func (p *orderPass) isNotPlaced() bool {
	if p.Order.Status.URL != "" || p.CA != nil {
		return false
	}
	replaces := p.Order.Spec.Replaces
	if p.failed(StepPlaceOrder) {
		if p.Trouble.Fault.Code != AlreadyReplaced {
			p.fail(acmev1.Errored, p.Trouble.Fault.Message)
			return true
		}
		replaces = ""
	}
	place := PlaceOrder{
		DNSNames:    sortedNames(p.Order.Spec.DNSNames),
		IPAddresses: sortedNames(p.Order.Spec.IPAddresses),
		Profile:     p.Order.Spec.Profile,
		Replaces:    replaces,
	}
	if p.ACME.EnableDurationFeature && p.Order.Spec.Duration != nil {
		place.NotAfter = p.now.Add(p.Order.Spec.Duration.Duration).Truncate(time.Second)
	}
	p.d.Action = place
	return true
}

// isNotStored: whatever is done with the order, its URL is stored before.
func (p *orderPass) isNotStored() bool {
	if p.Order.Status.URL != "" {
		return false
	}
	p.d.Status.URL = p.CA.URL
	p.d.Status.FinalizeURL = p.CA.FinalizeURL
	p.d.Status.State = acmev1.Pending
	p.d.Status.Reason = ""
	p.d.Status.Authorizations = nil
	for _, url := range p.CA.Authorizations {
		p.d.Status.Authorizations = append(p.d.Status.Authorizations, acmev1.ACMEAuthorization{URL: url})
	}
	return true
}

// isUnknown: the operator was restarted, or finalize was sent and what came
// of it is not known. The order tells; to finalize twice would not.
func (p *orderPass) isUnknown() bool {
	lost := p.Trouble != nil && p.Trouble.Step == StepFinalizeOrder && (p.CA == nil || !p.CA.At.After(p.Trouble.At))
	if (p.CA != nil && !lost) || p.failed(StepReadOrder) {
		return false
	}
	p.d.Action = ReadOrder{p.Order.Status.URL}
	return true
}

// isRefused: a request was refused for good, and the order is not, or can not
// be, any further for it.
func (p *orderPass) isRefused() bool {
	switch {
	case p.Trouble == nil || p.Trouble.Fault.Kind != Failed:
		return false
	case p.Trouble.Fault.Code == NotFound:
		p.fail(acmev1.Expired, p.Trouble.Fault.Message)
		return true
	case p.Trouble.Step == StepFinalizeOrder && p.CA != nil && (p.CA.State != acmev1.Ready || p.hastyFinalize()):
		return false // the order says more than the refusal
	}
	p.fail(acmev1.Errored, p.Trouble.Fault.Message)
	return true
}

func (p *orderPass) isInvalidAtCA() bool {
	if p.CA.State != acmev1.Invalid {
		return false
	}
	// A Challenge knows better than the order what was wrong with it.
	if p.hasFailedChallenge() {
		return true
	}
	reason := p.CA.Problem
	if reason == "" {
		reason = "the CA made the order invalid without saying why"
	}
	p.fail(acmev1.Invalid, reason)
	return true
}

func (p *orderPass) isExpired() bool {
	if p.CA.State == acmev1.Valid || p.CA.State == acmev1.Processing || p.CA.Expires.IsZero() || p.now.Before(p.CA.Expires) {
		return false
	}
	p.fail(acmev1.Expired, "the order was not completed before the CA's deadline")
	return true
}

func (p *orderPass) isValid() bool {
	if p.CA.State != acmev1.Valid {
		return false
	}
	if len(p.Chain) == 0 {
		p.d.Action = FetchCertificate{p.CA.CertificateURL, p.ACME.PreferredChain}
		return true
	}
	p.d.Status.State = acmev1.Valid
	p.d.Status.Reason = ""
	p.d.Status.Certificate = bytes.Clone(p.Chain)
	p.event(Normal, OrderEventComplete, "certificate fetched from the CA")
	if p.lacksClientAuth() {
		p.event(Warning, OrderEventUsages, "the certificate is not for client auth, which was asked for: the CA leaves that out, as all public CAs do by now; "+
			"remove the usage, or use a CA of your own for certificates of clients")
	}
	return true
}

func (p *orderPass) isProcessing() bool {
	if p.CA.State != acmev1.Processing {
		return false
	}
	next := pollAt(p.CA.At, p.CA.RetryAfter, p.CA.Polls)
	if !p.now.Before(next) {
		p.d.Action = ReadOrder{p.CA.URL}
		return true
	}
	reason := ""
	if p.now.Sub(p.CA.Since) >= grace {
		p.d.Status.State = acmev1.Processing
		reason = "the CA has accepted the order and is still issuing the certificate"
	}
	p.wait(reason, next)
	return true
}

func (p *orderPass) isReady() bool {
	if p.CA.State != acmev1.Ready {
		return false
	}
	p.finalize()
	return true
}

func (p *orderPass) finalize() {
	url := p.CA.FinalizeURL
	if url == "" {
		url = p.Order.Status.FinalizeURL
	}
	p.d.Action = FinalizeOrder{url, p.Order.Spec.Request}
}

// hastyFinalize tells that finalize was refused before the CA had said that the
// order is ready, which says nothing of the request.
func (p *orderPass) hastyFinalize() bool {
	return p.Trouble != nil && p.Trouble.Step == StepFinalizeOrder &&
		(p.CA.State == acmev1.Pending || p.CA.Since.After(p.Trouble.At))
}

func (p *orderPass) failed(step Step) bool {
	return p.Trouble != nil && p.Trouble.Fault.Kind == Failed && p.Trouble.Step == step
}

func (p *orderPass) wait(reason string, wake time.Time) {
	p.d.Status.Reason = reason
	p.d.Wake = wake
}

func (p *orderPass) fail(state acmev1.State, reason string) {
	p.d.Status.State = state
	p.d.Status.Reason = reason
	p.d.Status.FailureTime = &metav1.Time{Time: p.now.Truncate(time.Second)}
	p.event(Warning, OrderEventFailed, reason)
}

func (p *orderPass) event(kind EventType, reason, message string) {
	p.d.Events = append(p.d.Events, Event{Type: kind, Reason: reason, Message: message})
}

// sortedNames returns the names sorted, each once.
func sortedNames(names []string) []string {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
