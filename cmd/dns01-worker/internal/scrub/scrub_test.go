package scrub

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

func TestASecretIsTakenOutInEveryFormOfIt(t *testing.T) {
	t.Parallel()
	secret := `p&ss"w/ord+1`
	for name, form := range map[string]string{
		"plain": secret, "query": url.QueryEscape(secret), "path": url.PathEscape(secret), "JSON": `p\u0026ss\"w/ord+1`,
		"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "basic": base64.StdEncoding.EncodeToString([]byte("admin:" + secret)),
	} {
		if got := Text("refused <"+form+"> by x", []string{secret, "admin"}); got != "refused <[secret]> by x" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestAKeyFileIsTakenOutAlsoInParts(t *testing.T) {
	t.Parallel()
	file := `{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END PRIVATE KEY-----\n"}`
	got := Text("bad line MIIEvQIBADANBg in key", []string{file})
	if got != "bad line [secret] in key" {
		t.Errorf("got %s", got)
	}
}

func TestTheSameTroubleGivesTheSameText(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"https response error StatusCode: 403, RequestID: 8a1-x, AccessDenied: no", "https response error StatusCode: 403, RequestID: 9b2-y, AccessDenied: no"},
		{"read tcp 10.0.0.7:41234->1.2.3.4:443: connection reset", "read tcp 10.0.0.7:51000->1.2.3.4:443: connection reset"},
		{"Trace ID: 0a1b2c3d-0000-1111-2222-333344445555 Timestamp: 2026-11-24 11:00:00Z\nno", "Trace ID: ffffffff-0000-1111-2222-333344445555 Timestamp: 2026-11-24 11:00:09Z\n no"},
		{`{"request_id": "abc", "error":"no"}`, `{"request_id": "def", "error":"no"}`},
	} {
		a, b := Text(pair[0], nil), Text(pair[1], nil)
		if a != b || !strings.Contains(a, "no") && !strings.Contains(a, "reset") {
			t.Errorf("got %q and %q", a, b)
		}
	}
}

func TestATextIsOneLineOfBoundedLength(t *testing.T) {
	t.Parallel()
	got := Text(strings.Repeat("a\nb\x80 ", 5000), nil)
	if strings.ContainsRune(got, '\n') || strings.Contains(got, "\x80") || len(got) > maxText+4 {
		t.Errorf("got %d bytes", len(got))
	}
}

func FuzzASecretNeverStaysInAText(f *testing.F) {
	f.Add("before ", "tok-123456", " after")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		secret = strings.TrimSpace(secret)
		// A secret that is part of the replacement or that white space folds is not
		// one that a test can tell.
		if len(secret) < minSecret || strings.Contains(replaced, secret) || strings.ContainsAny(secret, " \t\r\n\v\f\u0085\u00a0") || strings.ToValidUTF8(secret, "?") != secret {
			return
		}
		if got := Text(before+secret+after, []string{secret}); strings.Contains(got, secret) && !strings.Contains(strings.ReplaceAll(before+after, secret, ""), secret) && strings.Count(got, replaced) == 0 {
			t.Errorf("got %q", got)
		}
	})
}
