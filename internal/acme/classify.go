package acme

import (
	"errors"
	"net/http"
	"time"
)

// Kind is what an error asks of the caller.
type Kind string

const (
	// Retry: the same request may succeed later; how much later is the caller's affair.
	Retry Kind = "Retry"
	// Wait: the same request may succeed, but not before a time.
	Wait Kind = "Wait"
	// Stalled: a person has to do something first: at the CA, or to the issuer. Asking again does no good.
	Stalled Kind = "Stalled"
	// Failed: this order, challenge or request is over. Another one may succeed.
	Failed Kind = "Failed"
)

// Class says what the caller must do about an error.
type Class struct {
	Kind Kind
	// Until is the earliest time to ask again. Set for Wait only.
	Until time.Time
}

// rateLimitWait is the wait for a rate limit whose end the server does not tell. Limits refill within minutes to days; an hour
// is often enough for the first and seldom too often for the last.
const rateLimitWait = time.Hour

// Classify classes an error of this package, wrapped or not, or a problem found inside an order or a challenge. Any other error
// is Retry.
//
//	no answer, cut-off answer, badNonce, orderNotReady, moved resource       Retry
//	5xx, not an ACME answer                                                 Wait with Retry-After, else Retry
//	rateLimited, 429                                                        Wait
//	paused account, externalAccountRequired, userActionRequired             Stalled
//	accountDoesNotExist (see IsAccountDoesNotExist), account deactivated    Stalled
//	any other refusal of a request about the account                        Stalled
//	any other refusal, whatever stands in a challenge or an order           Failed
func Classify(err error, now time.Time) Class {
	if p, ok := errors.AsType[*Problem](err); ok {
		return classifyProblem(p, now)
	}
	if h, ok := errors.AsType[*HTTPError](err); ok {
		return classifyHTTPError(h, now)
	}
	return Class{Kind: Retry}
}

func classifyProblem(p *Problem, now time.Time) Class {
	switch {
	case p.paused():
		return Class{Kind: Stalled}
	case p.Type == typeRateLimited || p.Status == http.StatusTooManyRequests:
		return Class{Kind: Wait, Until: p.until(now)}
	case p.Type == typeExternalAccountRequired, p.Type == typeUserActionRequired, p.Type == typeAccountDoesNotExist:
		return Class{Kind: Stalled}
	case p.Action == "":
		return Class{Kind: Failed} // an object that failed does not recover, not even from the server's own trouble
	case p.Type == typeBadNonce, p.Type == typeOrderNotReady:
		return Class{Kind: Retry}
	case p.Status == http.StatusNotFound && (p.Action == ActionCreateOrder || p.Action == ActionCreateAccount):
		return Class{Kind: Retry} // the resource moved; the directory is fetched again
	case p.Type == typeServerInternal, p.Status >= 500:
		return retryOrWait(p.RetryAfter)
	case p.accountDeactivated():
		return Class{Kind: Stalled}
	case p.Action == ActionCreateAccount, p.Action == ActionGetAccount, p.Action == ActionUpdateAccount,
		p.Action == ActionDeactivateAccount, p.Action == ActionChangeKey:
		return Class{Kind: Stalled}
	}
	return Class{Kind: Failed}
}

// until is when a rate limit ends: the later of what the header and the detail say, or a guess.
func (p *Problem) until(now time.Time) time.Time {
	until, _ := ParseRetryAfterDetail(p.Detail, now)
	if p.RetryAfter.After(until) {
		until = p.RetryAfter
	}
	if until.IsZero() {
		until = now.Add(rateLimitWait)
	}
	return until
}

func classifyHTTPError(h *HTTPError, now time.Time) Class {
	switch {
	case h.Status == http.StatusTooManyRequests && h.RetryAfter.IsZero():
		return Class{Kind: Wait, Until: now.Add(rateLimitWait)}
	case IsNotFound(h):
		return Class{Kind: Failed}
	}
	// Everything else, also 401 or 403, is something between here and the server: the server itself would have explained.
	return retryOrWait(h.RetryAfter)
}

func retryOrWait(until time.Time) Class {
	if until.IsZero() {
		return Class{Kind: Retry}
	}
	return Class{Kind: Wait, Until: until}
}
