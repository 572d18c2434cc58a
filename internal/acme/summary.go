package acme

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/certwright/certwright/internal/noanswer"
)

const (
	// maxSummary bounds a summary in bytes, short of the 1,024 that an event's message may have, so that callers may add words.
	maxSummary = 800
	// summarySubproblems is how many subproblems a summary names; an order of 100 names would drown the reason.
	summarySubproblems = 5
	// omitted stands for what was taken out.
	omitted = "[...]"
)

// Summary is an error as one sentence for a condition's message: what was attempted, about which names, and what the CA said.
// The same failure gives the same text each time: nonces, tokens, request identifiers, times, and the ports of connections are
// left out, and so is anything that looks like a key. The one exception is Problem.Link, which has to be complete to be of use.
// It works for any error; nil gives an empty text.
func Summary(err error) string {
	if err == nil {
		return ""
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return summarizeProblem(p)
	}
	if h, ok := errors.AsType[*HTTPError](err); ok {
		return bounded(fmt.Sprintf("%s: %s answered %d %s: %s", h.Action.words(), h.Host, h.Status, http.StatusText(h.Status), scrub(h.Reason)))
	}
	if t, ok := errors.AsType[*TransportError](err); ok {
		return bounded(fmt.Sprintf("%s: no answer from %s: %s", t.Action.words(), t.Host, transportReason(t.Err)))
	}
	return bounded(scrub(err.Error()))
}

func summarizeProblem(p *Problem) string {
	if p.Type == typeBadNonce {
		return p.prefix() + "the CA refused every nonce (badNonce)"
	}
	link := p.Link()
	text := p.prefix() + p.sentence(link)
	for i := range p.Subproblems {
		if i == summarySubproblems {
			text += fmt.Sprintf("; and %d more", len(p.Subproblems)-i)
			break
		}
		sub := &p.Subproblems[i]
		text += "; " + sub.prefix() + sub.sentence("")
	}
	if link == "" {
		return bounded(text)
	}
	suffix := "; see " + link
	return truncate(text, max(0, maxSummary-len(suffix))) + suffix
}

// prefix names the request and the identifier.
func (p *Problem) prefix() string {
	prefix := ""
	if p.Action != "" {
		prefix = p.Action.words() + ": "
	}
	if p.Identifier != nil && !strings.Contains(p.Detail, p.Identifier.Value) {
		prefix += scrub(p.Identifier.Value) + ": "
	}
	return prefix
}

// sentence is the problem's text and type. The link is taken out of it, because it is appended whole.
func (p *Problem) sentence(link string) string {
	text := p.text()
	if link != "" {
		text = strings.ReplaceAll(text, link, "the page below")
	}
	return fmt.Sprintf("%s (%s)", strings.TrimRight(scrub(text), ". "), scrub(p.kind()))
}

// transportReason says why there was no answer.
func transportReason(err error) string {
	if reason := noanswer.Reason(err); reason != "" {
		return reason
	}
	return scrub(err.Error())
}

// bounded cuts a text that is too long, visibly.
func bounded(text string) string {
	if len(text) <= maxSummary {
		return text
	}
	const ellipsis = " ..."
	return truncate(text, maxSummary-len(ellipsis)) + ellipsis
}

// scrubbers take out of a text what differs between two reports of the same failure, in this order.
var scrubbers = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	// Anything in PEM, and what follows its beginning.
	{regexp.MustCompile(`(?s)-----BEGIN .*`), omitted},
	// "request id: abc", "(requestID=abc)", "Ray ID: abc"
	{regexp.MustCompile(`(?i)\s*\(?\b(?:request|correlation|trace|ray)[ _-]?id\b["']?\s*[:=]?\s*["']?[\w.-]+["']?\)?`), ""},
	// UUIDs.
	{regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), omitted},
	// "retry after 2026-11-23 10:00:00 UTC", and other times of day.
	{regexp.MustCompile(`(?i)retry after \d{4}-\d{2}-\d{2}[ T][\d:.]+(?: ?UTC|Z)?`), "retry later"},
	{regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: ?UTC|Z| ?[+-]\d{2}:?\d{2}(?: \w+)?)?`), omitted},
	// The path of an HTTP-01 token.
	{regexp.MustCompile(`(/\.well-known/acme-challenge/)[\w-]+`), "$1" + omitted},
	// Both ends of a connection, of which the first has a port of the moment.
	{regexp.MustCompile(`(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.%\w]+\]):\d+->`), ""},
	// The port after an address.
	{regexp.MustCompile(`(\b\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d+\b`), "$1"},
}

// encoded matches what may be a nonce, a token, a thumbprint, a signature or a key: a long run of the base64 alphabets.
var encoded = regexp.MustCompile(`[\w+/-]{32,}={0,2}`)

// scrub makes one line of clean text.
func scrub(text string) string {
	text = strings.ToValidUTF8(text, "")
	for _, s := range scrubbers {
		text = s.pattern.ReplaceAllString(text, s.replacement)
	}
	text = encoded.ReplaceAllStringFunc(text, func(run string) string {
		// Names and paths are of lower case; 32 random characters of base64 are not.
		if strings.ToLower(run) == run {
			return run
		}
		return omitted
	})
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
