package acme

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxURLLength refuses URLs that no server needs. What is stored in a status and sent in a header has to be bounded.
const maxURLLength = 2048

// errBadURL says nothing of the URL itself, which comes from outside and may be anything.
var errBadURL = errors.New("not an absolute http or https URL")

// checkURL refuses what cannot be an ACME resource: RFC 8555 7.1 wants absolute URLs. Plain http is let through for servers
// inside a cluster; over the internet every CA uses https.
func checkURL(value string) error {
	parsed, err := url.Parse(value)
	if err != nil || len(value) > maxURLLength || parsed.Host == "" || parsed.User != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") {
		return errBadURL
	}
	return nil
}

// optionalURL returns the value if it is a usable URL, else nothing.
func optionalURL(value string) string {
	if checkURL(value) != nil {
		return ""
	}
	return value
}

// resolveURL resolves a reference from a header against the URL that was asked.
func resolveURL(base, reference string) (string, error) {
	parsed, err := url.Parse(base)
	if err != nil {
		return "", errBadURL
	}
	resolved, err := parsed.Parse(reference)
	if err != nil {
		return "", errBadURL
	}
	return resolved.String(), checkURL(resolved.String())
}

// links returns the targets of the Link headers with the given relation (RFC 8288), resolved, without repetition. What is
// malformed is skipped.
func links(base string, header http.Header, relation string) []string {
	var targets []string
	for _, value := range header.Values("Link") {
		for value != "" {
			var target, parameters string
			target, parameters, value = nextLink(value)
			if target == "" || !hasRelation(parameters, relation) {
				continue
			}
			resolved, err := resolveURL(base, target)
			if err != nil || slices.Contains(targets, resolved) {
				continue
			}
			targets = append(targets, resolved)
		}
	}
	return targets
}

// firstLink returns the first such target, or nothing.
func firstLink(base string, header http.Header, relation string) string {
	if targets := links(base, header, relation); len(targets) > 0 {
		return targets[0]
	}
	return ""
}

// nextLink splits `<target>; parameters, rest`. A comma inside quotes does not separate.
func nextLink(value string) (target, parameters, rest string) {
	_, value, found := strings.Cut(value, "<")
	if !found {
		return "", "", ""
	}
	target, value, found = strings.Cut(value, ">")
	if !found {
		return "", "", ""
	}
	quoted := false
	for i, r := range value {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			return target, value[:i], value[i+1:]
		}
	}
	return target, value, ""
}

// hasRelation tells whether `; rel="a b"; ...` names the relation.
func hasRelation(parameters, relation string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for candidate := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(candidate, relation) {
				return true
			}
		}
	}
	return false
}
