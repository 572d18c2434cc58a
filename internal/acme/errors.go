package acme

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// HTTPError is an answer that is neither what was asked for nor a problem document: from a load balancer in trouble, a proxy, a
// server that is none of ACME. It quotes nothing of the answer's body, because whoever may set a server's URL could otherwise
// read in a status what the operator can reach and they cannot.
type HTTPError struct {
	Action Action
	Host   string
	Status int
	Reason string // what is wrong with the answer
	// RetryAfter is from the answer's header. Zero if there was none.
	RetryAfter time.Time
	Err        error // the cause, or nil
}

// Error implements error.
func (e *HTTPError) Error() string {
	text := fmt.Sprintf("%s: %s answered %d %s: %s", e.Action.words(), e.Host, e.Status, http.StatusText(e.Status), e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *HTTPError) Unwrap() error { return e.Err }

// TransportError is the lack of an answer, or of its end. Whether the server acted on the request is not known.
type TransportError struct {
	Action Action
	Host   string
	Err    error
}

// Error implements error.
func (e *TransportError) Error() string {
	return fmt.Sprintf("%s: no answer from %s: %v", e.Action.words(), e.Host, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// IsAccountDoesNotExist tells that the server knows no account of this key or URL. Creating it again is the remedy; orders of
// the old one are lost.
func IsAccountDoesNotExist(err error) bool { return isType(err, typeAccountDoesNotExist) }

// IsAccountDeactivated tells that the account was deactivated, by its holder or by the server. Nothing brings it back.
func IsAccountDeactivated(err error) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.accountDeactivated()
}

// accountDeactivated: there is no type for that. Servers call it unauthorized and say it in prose (RFC 8555 7.3.6).
func (p *Problem) accountDeactivated() bool {
	detail := strings.ToLower(p.Detail)
	return p.Action != "" && p.Type == typeUnauthorized && strings.Contains(detail, "deactivated") && !strings.Contains(detail, "authorization")
}

// IsNotFound tells that the server does not know, or no longer knows, the order, authorization, challenge or certificate that
// was asked for: it expired. A new order is the remedy.
func IsNotFound(err error) bool {
	switch actionOf(err) {
	case ActionGetOrder, ActionFinalizeOrder, ActionGetAuthorization, ActionDeactivateAuthorization, ActionGetChallenge,
		ActionAcceptChallenge, ActionGetCertificate, ActionGetRenewalInfo:
		status := statusOf(err)
		return status == http.StatusNotFound || status == http.StatusGone
	default:
		return false
	}
}

// IsOrderNotReady tells that Finalize came too early, or again. GetOrder tells which.
func IsOrderNotReady(err error) bool { return isType(err, typeOrderNotReady) }

// IsAlreadyReplaced tells that the certificate named by OrderRequest.Replaces has been renewed by another order (RFC 9773 7.4).
func IsAlreadyReplaced(err error) bool { return isType(err, typeAlreadyReplaced) }

// IsReplacesRefused tells that NewOrder may have failed because of OrderRequest.Replaces: already replaced, unknown, of another account or
// of other names. The same request without it is the remedy. Ask only when Replaces was set: servers use various types for
// this, and words of their own, so that a request that is malformed or not authorized for whatever reason counts: to ask once more
// without costs little.
func IsReplacesRefused(err error) bool {
	p, ok := errors.AsType[*Problem](err)
	if !ok || p.Action != ActionCreateOrder {
		return false
	}
	detail := strings.ToLower(p.Detail)
	return p.Type == typeAlreadyReplaced || p.Type == typePrefix+"malformed" ||
		(p.Type == typeUnauthorized && !strings.Contains(detail, "deactivated")) ||
		strings.Contains(detail, "replace") || // also "replaced", "replacement", "replaces"
		strings.Contains(detail, "certid") ||
		strings.Contains(detail, "order for the given certificate") ||
		strings.Contains(detail, "new order and existing order")
}

// IsRateLimited tells that the server refused for having been asked too often. Classify tells until when.
func IsRateLimited(err error) bool {
	return isType(err, typeRateLimited) || statusOf(err) == http.StatusTooManyRequests
}

// IsOrdersLimited tells that the server takes no more orders of the account for a while, whatever they are for: other limits are
// about names. There is one type for all of them, so that it is the wording that tells.
func IsOrdersLimited(err error) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Action == ActionCreateOrder && IsRateLimited(err) && strings.Contains(strings.ToLower(p.Detail), "new orders")
}

// IsInvalidProfile tells that the server does not know OrderRequest.Profile, or not for these names.
func IsInvalidProfile(err error) bool { return isType(err, typeInvalidProfile) }

// isType tells whether the error is a problem of a type.
func isType(err error, problemType string) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Type == problemType
}

// statusOf is the HTTP status of the answer that the error is, or zero.
func statusOf(err error) int {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Status
	}
	if h, ok := errors.AsType[*HTTPError](err); ok {
		return h.Status
	}
	return 0
}

// actionOf is what the request was for that failed with the error, or nothing.
func actionOf(err error) Action {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Action
	}
	if h, ok := errors.AsType[*HTTPError](err); ok {
		return h.Action
	}
	if t, ok := errors.AsType[*TransportError](err); ok {
		return t.Action
	}
	return ""
}
