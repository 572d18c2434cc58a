package venafi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/certwright/certwright/internal/noanswer"
)

// Kind is what can be done about an error.
type Kind string

const (
	// Unavailable: the same request may succeed later.
	Unavailable Kind = "unavailable"
	// Unauthorized: the credentials are not accepted, or not for this.
	Unauthorized Kind = "unauthorized"
	// NoZone: there is no such zone, as far as the credentials let one see.
	NoZone Kind = "no zone"
	// Refused: the server does not do this, and would not the next time.
	Refused Kind = "refused"
)

// Error is a request that has failed. Its text is the same for the same cause,
// and has no secret in it: it may stand in a condition.
type Error struct {
	Kind    Kind
	Message string
	// RetryAfter is how long the server asked to wait; zero if it did not.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// PendingError says that there is no certificate yet.
type PendingError struct {
	// Status is how the server describes the state; may be empty.
	Status string
}

// Error implements error.
func (e *PendingError) Error() string {
	if e.Status == "" {
		return "the certificate has not been issued yet"
	}
	return "the certificate has not been issued yet: " + e.Status
}

// PolicyError says what the zone does not allow.
type PolicyError struct{ Message string }

// Error implements error.
func (e *PolicyError) Error() string { return e.Message }

// IsKind says whether an error is an *Error of that kind.
func IsKind(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// noAnswer is the error for a request without an answer.
func noAnswer(call, host string, err error) *Error {
	return &Error{Kind: Unavailable, Message: fmt.Sprintf("%s: no answer from %s: %s", words[call], host, transportReason(err))}
}

// words say what was attempted.
var words = map[string]string{
	CallToken:    "get a token",
	CallVerify:   "verify the credentials",
	CallReadZone: "read the zone",
	CallReset:    "reset the certificate",
	CallRequest:  "request the certificate",
	CallRetrieve: "retrieve the certificate",
}

// failure is the error for an answer that is none of those wanted.
func (a *answer) failure() *Error {
	text := a.said()
	if text == "" {
		// The text of a page that is not of the API says nothing to the reader,
		// or too much: who sets the URL could read with it what the operator
		// can reach.
		text = "no reason is given"
	}
	e := &Error{
		Kind:       a.kind(),
		Message:    fmt.Sprintf("%s: %s answered %d %s: %s", words[a.call], a.host, a.status, http.StatusText(a.status), text),
		RetryAfter: a.retryAfter,
	}
	return e
}

func (a *answer) kind() Kind {
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusProxyAuthRequired:
		return Unauthorized
	case a.status == http.StatusTooManyRequests, a.status == http.StatusRequestTimeout, a.status >= 500, a.status < 400:
		// Below 400 it is a redirect or what was not asked for: something stands
		// in the way, or the URL is another one's.
		return Unavailable
	case a.call == CallToken:
		return Unauthorized // OAuth refuses credentials with 400 (RFC 6749, section 5.2)
	}
	return Refused
}

// said is what the server gives as the reason, in any of the forms that its
// parts have; empty if there is none.
func (a *answer) said() string {
	var body struct {
		Error            json.RawMessage `json:"Error"` // also "error": the decoder does not tell them apart
		ErrorDescription string          `json:"error_description"`
		ErrorDetails     string          `json:"ErrorDetails"`
		Status           json.RawMessage `json:"Status"`
		Errors           []struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(a.body, &body) != nil {
		return ""
	}
	var parts []string
	for _, e := range body.Errors {
		if e.Message != "" || e.Code != 0 {
			parts = append(parts, strings.TrimSpace(e.Message+" ("+strconv.Itoa(e.Code)+")"))
		}
	}
	for _, raw := range []json.RawMessage{body.Error, body.Status} {
		var text string
		if json.Unmarshal(raw, &text) == nil && text != "" {
			parts = append(parts, text)
			break
		}
	}
	for _, text := range []string{body.ErrorDescription, body.ErrorDetails} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	return a.clean(strings.Join(parts, "; "))
}

// clean makes one bounded line of the server's words, without the credentials,
// which it may have quoted.
func (a *answer) clean(text string) string {
	for _, secret := range a.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[...]")
		}
	}
	return clean(text)
}

// transportReason says why there was no answer.
func transportReason(err error) string {
	return cmp.Or(noanswer.Reason(err), "the connection failed")
}

// maxSaid bounds, in bytes, what is passed on of a server's words; a condition
// has room for more of them.
const maxSaid = 500

// differing matches what differs between two reports of the same failure: UUIDs
// and times of day.
var differing = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|` +
	`\b\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: ?UTC|Z| ?[+-]\d{2}:?\d{2})?|` +
	`\b\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2}(?: ?[AP]M)?`)

// encoded matches what may be a token or a key: a long run of the base64
// alphabets.
var encoded = regexp.MustCompile(`[\w+/=-]{32,}`)

// clean makes one bounded line of a server's words, without what differs from
// time to time and what looks like a secret.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "")
	text = differing.ReplaceAllString(text, "[...]")
	text = encoded.ReplaceAllStringFunc(text, func(run string) string {
		if strings.ToLower(run) == run && !strings.ContainsAny(run, "0123456789") {
			return run // a name
		}
		return "[...]"
	})
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' }), " ")
	if len(text) > maxSaid {
		text = strings.ToValidUTF8(text[:maxSaid], "") + " ..."
	}
	return text
}
