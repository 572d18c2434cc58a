package vault

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/certwright/certwright/internal/noanswer"
)

// Error is a refusal, or any other answer that is of no use.
type Error struct {
	Doing  string
	Host   string
	Status int // HTTP
	// Messages are what Vault says, cleaned of secrets and of what differs from
	// one time to the next.
	Messages []string
	// RetryAfter is how long Vault asks to wait; zero if it does not say.
	RetryAfter time.Duration
}

// Error says what was refused, and in which words.
func (e *Error) Error() string {
	status := strings.TrimSpace(strconv.Itoa(e.Status) + " " + http.StatusText(e.Status))
	if len(e.Messages) == 0 {
		return fmt.Sprintf("%s: Vault at %s answered %s", e.Doing, e.Host, status)
	}
	return fmt.Sprintf("%s: Vault at %s answered %s: %s", e.Doing, e.Host, status, strings.Join(e.Messages, "; "))
}

// UnreachableError means that there was no answer.
type UnreachableError struct {
	Doing string
	Host  string
	Err   error
}

// Error says why there was none, in words that are the same for the same cause.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: no answer from Vault at %s: %s", e.Doing, e.Host, reason(e.Err))
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// IsPassing reports whether an error may pass by itself: there was no answer,
// or one that says that the server can not answer now. Vault says so by 5xx (503
// if it is sealed), by 429 (a rate limit, or a standby node), 472 and 473 (a
// node that only replicates), and by 412 (a node that has not caught up).
func IsPassing(err error) bool {
	if _, ok := errors.AsType[*UnreachableError](err); ok {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusPreconditionFailed, http.StatusTooManyRequests, statusSecondary, statusPerformanceStandby:
		return true
	}
	return e.Status >= http.StatusInternalServerError || e.Status < http.StatusBadRequest
}

// IsForbidden reports whether Vault does not take the token, or does not let it
// do this: it does not tell the two apart.
func IsForbidden(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusForbidden
}

// IsInvalidToken reports whether Vault says outright that there is no such
// token. Versions before 1.15 say "bad token".
func IsInvalidToken(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != http.StatusForbidden {
		return false
	}
	words := strings.ToLower(strings.Join(e.Messages, " "))
	return strings.Contains(words, "invalid token") || strings.Contains(words, "bad token")
}

// RetryAfter is how long Vault asks to wait; zero if it does not say.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// maxRetryAfter bounds the wait that Vault can ask for: its rate limits are per
// second or minute.
const maxRetryAfter = 5 * time.Minute

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}

// reason says why there was no answer.
func reason(err error) string {
	switch text := noanswer.Reason(err); text {
	case "":
	case noanswer.UnknownAuthority:
		return text + ": see caBundle and caBundleSecretRef"
	case noanswer.AnotherName:
		return text + ": see serverName"
	default:
		return text
	}
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(err) {
		err = cause // the outer ones name the URL and both ends of the connection
	}
	return strings.Join(clean([]string{err.Error()}, nil), "; ")
}

const (
	maxMessage  = 400 // bytes of one message of Vault
	maxMessages = 5
)

var (
	// counted is how Vault heads a list of errors.
	counted = regexp.MustCompile(`^\d+ errors? occurred:$`)
	// changing is what differs between two reports of the same failure: ports
	// after addresses, identifiers, instants.
	changing = regexp.MustCompile(`(?i)(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d+->|` +
		`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|` +
		`\b\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: ?UTC|Z| ?[+-]\d{2}:?\d{2}(?: \w+)?)?`)
	port = regexp.MustCompile(`(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d+`)
	pem  = regexp.MustCompile(`(?s)-----BEGIN .*`)
)

// clean makes messages of one line each, without secrets, and without what would
// change a condition from one attempt to the next.
func clean(messages, secrets []string) []string {
	var out []string
	for _, message := range messages {
		for _, secret := range secrets {
			if secret != "" {
				message = strings.ReplaceAll(message, secret, "...")
			}
		}
		message = pem.ReplaceAllString(message, "...")
		for line := range strings.Lines(strings.ToValidUTF8(message, "")) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "* ")
			line = port.ReplaceAllString(changing.ReplaceAllString(line, ""), "$1")
			line = strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
			if line == "" || counted.MatchString(line) || len(out) == maxMessages {
				continue
			}
			if len(line) > maxMessage {
				line = strings.ToValidUTF8(line[:maxMessage], "") + " ..."
			}
			out = append(out, line)
		}
	}
	return out
}
