package acme

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// typePrefix precedes the error types that RFC 8555 6.7 and its extensions register.
const typePrefix = "urn:ietf:params:acme:error:"

// Error types that ask for something of their own. All others are told apart by status and place.
const (
	typeAccountDoesNotExist     = typePrefix + "accountDoesNotExist"
	typeAlreadyReplaced         = typePrefix + "alreadyReplaced" // RFC 9773 7.4
	typeAlreadyRevoked          = typePrefix + "alreadyRevoked"
	typeBadNonce                = typePrefix + "badNonce"
	typeBadRevocationReason     = typePrefix + "badRevocationReason"
	typeExternalAccountRequired = typePrefix + "externalAccountRequired"
	typeInvalidProfile          = typePrefix + "invalidProfile" // draft-ietf-acme-profiles
	typeOrderNotReady           = typePrefix + "orderNotReady"
	typeRateLimited             = typePrefix + "rateLimited"
	typeServerInternal          = typePrefix + "serverInternal"
	typeUnauthorized            = typePrefix + "unauthorized"
	typeUserActionRequired      = typePrefix + "userActionRequired"
)

const (
	// maxDetail bounds a problem's texts, in bytes. It is a sentence for a person; more than this is not read by anybody.
	maxDetail = 4 << 10
	// maxSubproblems bounds what is kept of them; one per identifier of an order is what servers send.
	maxSubproblems = 100
)

// Problem is a server's account of what went wrong (RFC 8555 6.7, RFC 7807): the answer to a request, or the reason inside a
// challenge or an order.
type Problem struct { //nolint:errname // the name that RFC 7807 gives it
	// Type is a URN, such as "urn:ietf:params:acme:error:malformed". Empty if the server gave none.
	Type string
	// Title and Detail are for people.
	Title, Detail string
	// Status is the HTTP status code. Inside an object it is what the server noted there; zero if nothing.
	Status int
	// Instance is a URL for a person to visit, above all with userActionRequired (RFC 8555 7.3.3). Empty if there is none.
	Instance string
	// Identifier is what the problem is about, nil if it is not about one. A challenge's error gets the identifier of its
	// authorization.
	Identifier *Identifier
	// Subproblems are the same per identifier (RFC 8555 6.7.1). They have none of their own.
	Subproblems []Problem

	// Action is the request that was answered by the problem. Empty for a problem inside an object.
	Action Action
	// TermsOfService is the Link header's URL of new terms that have to be agreed to (RFC 8555 7.3.3). Empty if there is none.
	TermsOfService string
	// RetryAfter is from the answer's header. Zero if there was none.
	RetryAfter time.Time
}

// Error implements error. The text is for logs; for a condition's message use Summary.
func (p *Problem) Error() string {
	var b strings.Builder
	if p.Action != "" {
		b.WriteString(p.Action.words() + ": ")
	}
	fmt.Fprintf(&b, "%d %s: %s", p.Status, p.kind(), p.text())
	for i := range p.Subproblems {
		sub := &p.Subproblems[i]
		b.WriteString("; ")
		if sub.Identifier != nil {
			b.WriteString(sub.Identifier.Value + ": ")
		}
		b.WriteString(sub.kind() + ": " + sub.text())
	}
	return b.String()
}

// kind is the type without the registered prefix.
func (p *Problem) kind() string {
	if p.Type == "" {
		return "problem"
	}
	return strings.TrimPrefix(p.Type, typePrefix)
}

// text is the best there is for a person.
func (p *Problem) text() string {
	switch {
	case p.Detail != "":
		return p.Detail
	case p.Title != "":
		return p.Title
	}
	return "the CA gave no reason"
}

// Link is the URL that a person has to visit so that requests are accepted again: the instance of userActionRequired, new
// terms of service, or the portal that a CA names when it paused an account. Empty if there is none. A portal's link holds a
// token, so that it differs from one answer to the next: do not ask again only to see whether it still holds.
func (p *Problem) Link() string {
	switch {
	case p.paused():
		return firstURL(p.Detail)
	case p.Type != typeUserActionRequired:
		return ""
	case p.Instance != "":
		return p.Instance
	}
	return p.TermsOfService
}

// paused tells whether the CA takes no orders from the account until a person visited its portal. There is no type for that: it
// comes as rateLimited without a time, and waiting does not help. Only the wording tells it apart.
func (p *Problem) paused() bool {
	detail := strings.ToLower(p.Detail)
	return (strings.Contains(detail, "temporarily prevented from requesting") || strings.Contains(detail, "unpause")) && firstURL(p.Detail) != ""
}

// firstURL finds the first URL in prose.
func firstURL(text string) string {
	start := strings.Index(text, "https://")
	if start < 0 {
		return ""
	}
	candidate := text[start:]
	if end := strings.IndexAny(candidate, " \t\r\n<>\"'"); end >= 0 {
		candidate = candidate[:end]
	}
	return optionalURL(strings.TrimRight(candidate, ".,;:)"))
}

// errNotProblem refuses a document without any member that makes a problem.
var errNotProblem = errors.New("not a problem document")

// ParseProblem reads a problem document. It errs if the document is no JSON object, or has neither type nor title nor detail;
// other members of an unexpected form are ignored.
func ParseProblem(document []byte) (*Problem, error) {
	return parseProblem(document, true)
}

func parseProblem(document []byte, withSubproblems bool) (*Problem, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, errNotProblem
	}
	text := func(name string) string {
		var value string
		if json.Unmarshal(members[name], &value) != nil {
			return ""
		}
		return truncate(value, maxDetail)
	}
	p := &Problem{Type: text("type"), Title: text("title"), Detail: text("detail"), Instance: optionalURL(text("instance"))}
	if p.Type == "" && p.Title == "" && p.Detail == "" {
		return nil, errNotProblem
	}
	if json.Unmarshal(members["status"], &p.Status) != nil {
		p.Status = 0
	}
	var identifier Identifier
	if json.Unmarshal(members["identifier"], &identifier) == nil && identifier.Value != "" {
		identifier.Value = truncate(identifier.Value, maxDetail)
		p.Identifier = &identifier
	}
	var subproblems []json.RawMessage
	if !withSubproblems || json.Unmarshal(members["subproblems"], &subproblems) != nil {
		return p, nil
	}
	for _, raw := range subproblems[:min(len(subproblems), maxSubproblems)] {
		if sub, err := parseProblem(raw, false); err == nil {
			p.Subproblems = append(p.Subproblems, *sub)
		}
	}
	return p, nil
}

// embeddedProblem reads the error member of an order or a challenge. Nil if there is none; a problem without a text if there is
// something that is no problem document.
func embeddedProblem(raw []byte) *Problem {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	p, err := ParseProblem(raw)
	if err != nil {
		return &Problem{}
	}
	return p
}

// truncate cuts text to at most size bytes, at a character's border.
func truncate(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "")
}
