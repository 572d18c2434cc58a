package acme

import (
	"testing"
	"time"
)

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"0":                              0,
		"120":                            2 * time.Minute,
		" 120 ":                          2 * time.Minute,
		"99999999999":                    maxRetryAfter,
		"18446744073709551615":           maxRetryAfter,
		"Mon, 23 Nov 2026 10:02:00 GMT":  2 * time.Minute,
		"Monday, 23-Nov-26 10:02:00 GMT": 2 * time.Minute,
		"Mon, 23 Nov 2026 09:00:00 GMT":  0,
		"Thu, 23 Nov 2090 10:02:00 GMT":  maxRetryAfter,
	} {
		if got, ok := ParseRetryAfter(value, testNow); !ok || !got.Equal(testNow.Add(want)) {
			t.Errorf("%q = %v, %v, want in %v", value, got, ok, want)
		}
	}
	for _, value := range []string{"", "-1", "1.5", "soon", "2026-11-23T10:00:00Z", "18446744073709551616"} {
		if got, ok := ParseRetryAfter(value, testNow); ok || !got.IsZero() {
			t.Errorf("%q = %v, %v, want none", value, got, ok)
		}
	}
}

func TestRetryAfterIsReadFromProse(t *testing.T) {
	t.Parallel()
	for detail, want := range map[string]time.Duration{
		"too many new orders (300) from this account in the last 3h0m0s, retry after 2026-11-23 10:02:00 UTC: see https://ca.example/limits": 2 * time.Minute,
		"too many certificates: Retry after 2026-11-23T10:02:00Z: see https://ca.example/limits":                                             2 * time.Minute,
		"retry after 2026-11-23 10:02:00.25 UTC": 2 * time.Minute,
		"retry after 2020-01-01 00:00:00 UTC":    0,
		"retry after 2090-01-01 00:00:00 UTC":    maxRetryAfter,
	} {
		if got, ok := ParseRetryAfterDetail(detail, testNow); !ok || !got.Equal(testNow.Add(want)) {
			t.Errorf("%q = %v, %v, want in %v", detail, got, ok, want)
		}
	}
	for _, detail := range []string{"", "retry after lunch", "retry after 2026-13-45 10:02:00 UTC", "2026-11-23 10:02:00 UTC", "retry after 2026-11-23 10:02:00 CET"} {
		if got, ok := ParseRetryAfterDetail(detail, testNow); ok {
			t.Errorf("%q = %v, want none", detail, got)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Mon, 23 Nov 2026 10:02:00 GMT")
	f.Add("slow down, retry after 2026-11-23 10:02:00 UTC")
	f.Fuzz(func(t *testing.T, value string) {
		for name, parse := range map[string]func(string, time.Time) (time.Time, bool){"header": ParseRetryAfter, "detail": ParseRetryAfterDetail} {
			got, ok := parse(value, testNow)
			if ok && (got.Before(testNow) || got.After(testNow.Add(maxRetryAfter))) || !ok && !got.IsZero() {
				t.Errorf("%s: %q = %v, %v", name, value, got, ok)
			}
		}
	})
}
