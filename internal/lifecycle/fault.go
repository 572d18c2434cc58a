package lifecycle

import "time"

// FaultKind says what the operator has to do about something that went wrong.
type FaultKind int

const (
	// Retry: the cause may pass by itself; try again with back-off.
	Retry FaultKind = iota + 1
	// Wait: the other side named a time before which trying is pointless.
	Wait
	// Stalled: a person has to change something; trying again is pointless.
	Stalled
	// Failed: this attempt is over for good; a new one may be made.
	Failed
)

// String returns the word used in logs and metrics.
func (k FaultKind) String() string {
	switch k {
	case Retry:
		return "retry"
	case Wait:
		return "wait"
	case Stalled:
		return "stalled"
	case Failed:
		return "failed"
	}
	return "none"
}

// FaultCode singles out the faults that have an answer of their own.
type FaultCode int

const (
	// OtherFault has no answer beyond that of its kind.
	OtherFault FaultCode = iota
	// NotFound: the CA does not know the resource (any more).
	NotFound
	// OrderNotReady: finalize came before all authorizations were valid.
	OrderNotReady
	// AlreadyReplaced: the certificate named by `replaces` was replaced before.
	AlreadyReplaced
)

// Fault is an error as the decisions see it: classed, and with a message that
// is the same for the same cause, so that it can stand in a status.
type Fault struct {
	Kind    FaultKind
	Code    FaultCode
	Until   time.Time // for Wait: not before this instant
	Message string    // "verb noun: cause", without ports, ids and instants
}
