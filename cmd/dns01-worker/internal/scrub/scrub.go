// Package scrub makes an error text of a provider fit to be shown: without
// secrets, on one line, and the same whenever the same thing happens.
package scrub

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const (
	// maxText is about what a person reads, and what a condition holds.
	maxText = 1000
	// minSecret is the length from which on a credential is taken out. Shorter
	// ones are settings such as "1", and hardly secret.
	minSecret = 4
	replaced  = "[secret]"
)

var (
	spaces = regexp.MustCompile(`\s+`)
	// varying are parts of error texts that differ each time.
	varying = []*regexp.Regexp{
		regexp.MustCompile(`(?i)[,;(]?\s*\b(request|trace|correlation|operation|ray|activity)[ _-]?id["']?\s*[:=]\s*["']?[0-9A-Za-z_/+=.-]+["']?\)?`),
		regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`),
		regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?\b`),
	}
	// ends are the two ends of a connection; the port of ours differs each time.
	ends = regexp.MustCompile(`(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d+->`)
)

// Text is the text fit to be shown. Secrets are replaced in every form in which
// HTTP and JSON write them.
func Text(text string, secrets []string) string {
	text = strings.NewReplacer(forms(secrets)...).Replace(text)
	text = ends.ReplaceAllString(text, "$1->")
	for _, part := range varying {
		text = part.ReplaceAllString(text, "")
	}
	text = strings.TrimSpace(spaces.ReplaceAllString(strings.ToValidUTF8(text, "?"), " "))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + " ..."
	}
	return text
}

// forms are pairs of what to replace and by what, the longest first.
func forms(secrets []string) []string {
	var parts []string
	for _, secret := range secrets {
		parts = append(parts, split(secret)...)
	}
	var found []string
	for _, part := range parts {
		quoted, err := json.Marshal(part)
		if err == nil {
			found = append(found, strings.Trim(string(quoted), `"`))
		}
		found = append(found, part, url.QueryEscape(part), url.PathEscape(part))
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			found = append(found, encoding.EncodeToString([]byte(part)))
		}
		for _, other := range parts { // basic authentication
			if len(parts) <= 16 { // 256 pairs
				found = append(found, base64.StdEncoding.EncodeToString([]byte(other+":"+part)))
			}
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range slices.Compact(found) {
		if len(form) >= minSecret {
			pairs = append(pairs, form, replaced)
		}
	}
	return pairs
}

// split takes a secret apart that is a document: the strings of JSON, the lines
// of what has lines.
func split(secret string) []string {
	secret = strings.TrimSpace(secret)
	if len(secret) < minSecret {
		return nil
	}
	parts := []string{secret}
	var document any
	if json.Unmarshal([]byte(secret), &document) == nil {
		parts = append(parts, leaves(document)...)
	} else if strings.ContainsRune(secret, '\n') {
		parts = append(parts, lines(secret)...)
	}
	return parts
}

func lines(text string) []string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= 8 && !strings.HasPrefix(line, "-----") {
			parts = append(parts, line)
		}
	}
	return parts
}

func leaves(document any) []string {
	var parts []string
	switch document := document.(type) {
	case map[string]any:
		for _, value := range document {
			parts = append(parts, leaves(value)...)
		}
	case []any:
		for _, value := range document {
			parts = append(parts, leaves(value)...)
		}
	case string:
		if len(document) >= 8 { // shorter ones are words such as "user"
			parts = append(parts, document)
			parts = append(parts, lines(document)...)
		}
	}
	return parts
}
