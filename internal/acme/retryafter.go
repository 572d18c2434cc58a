package acme

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter caps what a server may demand. A week is the longest period in any CA's published limits; one that says more is
// asked again after a week.
const maxRetryAfter = 7 * 24 * time.Hour

// ParseRetryAfter reads a Retry-After header: a number of seconds or an HTTP date (RFC 9110 10.2.3). The result is never before now
// and at most a week after it. ok is false if the value is neither.
func ParseRetryAfter(value string, now time.Time) (at time.Time, ok bool) {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return clampRetryAfter(now.Add(time.Duration(min(seconds, uint64(maxRetryAfter/time.Second)))*time.Second), now), true
	}
	if at, err := http.ParseTime(value); err == nil {
		return clampRetryAfter(at, now), true
	}
	return time.Time{}, false
}

// retryAfterHeader reads an answer's Retry-After. A date in it is by the server's clock; where the answer has a Date, it is put right
// for the difference to ours.
func retryAfterHeader(header http.Header, now time.Time) time.Time {
	value := header.Get("Retry-After")
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		if at, err := http.ParseTime(strings.TrimSpace(value)); err == nil {
			return clampRetryAfter(now.Add(at.Sub(date)), now)
		}
	}
	at, _ := ParseRetryAfter(value, now)
	return at
}

// retryAfterProse matches how Let's Encrypt ends the detail of rateLimited: "retry after 2026-11-23 10:00:00 UTC", in earlier
// years "retry after 2026-11-23T10:00:00Z".
var retryAfterProse = regexp.MustCompile(`(?i)retry after (\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d+)?(?: ?UTC|Z)`)

// ParseRetryAfterDetail finds the time that a problem's detail says to retry after. The result is never before now and at most a
// week after it. ok is false if the detail says none.
func ParseRetryAfterDetail(detail string, now time.Time) (at time.Time, ok bool) {
	match := retryAfterProse.FindStringSubmatch(detail)
	if match == nil {
		return time.Time{}, false
	}
	at, err := time.Parse(time.DateTime, match[1]+" "+match[2])
	if err != nil {
		return time.Time{}, false
	}
	return clampRetryAfter(at, now), true
}

func clampRetryAfter(at, now time.Time) time.Time {
	switch {
	case at.Before(now):
		return now
	case at.Sub(now) > maxRetryAfter:
		return now.Add(maxRetryAfter)
	}
	return at
}
