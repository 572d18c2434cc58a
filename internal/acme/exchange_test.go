package acme

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// raw answers with headers and a body of the test's own making.
func raw(status int, contentType, body string) reply {
	return reply{status: status, header: map[string]string{"Content-Type": contentType}, body: body}
}

const pageOfAProxy = "<html>backend secret-host-7 is down</html>"

func TestFaultsBecomeErrorsOfTheRightClass(t *testing.T) {
	t.Parallel()
	inAMinute := testNow.Add(time.Minute)
	for name, test := range map[string]struct {
		reply   reply
		class   Class
		summary string
	}{
		"429 in seconds": {
			problemReply(429, "rateLimited", "too many new orders").with("Retry-After", "60"),
			Class{Wait, inAMinute}, "get order: too many new orders (rateLimited)",
		},
		"429 as a date": {
			problemReply(429, "rateLimited", "too many new orders").with("Retry-After", inAMinute.Format(http.TimeFormat)).with("Date", testNow.Format(http.TimeFormat)),
			Class{Wait, inAMinute}, "get order: too many new orders (rateLimited)",
		},
		"429 as a date of a clock that is wrong by a day": {
			problemReply(429, "rateLimited", "slow down").with("Retry-After", inAMinute.Add(24*time.Hour).Format(http.TimeFormat)).
				with("Date", testNow.Add(24*time.Hour).Format(http.TimeFormat)),
			Class{Wait, inAMinute}, "get order: slow down (rateLimited)",
		},
		"429 in prose": {
			problemReply(429, "rateLimited", "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-23 10:01:00 UTC: see https://ca.example/docs/limits"),
			Class{Wait, inAMinute}, "get order: too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry later: see https://ca.example/docs/limits (rateLimited)",
		},
		"429 without a time": {
			problemReply(429, "rateLimited", "too much"), Class{Wait, testNow.Add(rateLimitWait)}, "get order: too much (rateLimited)",
		},
		"429 of a proxy": {
			raw(429, "text/html", pageOfAProxy).with("Retry-After", "60"), Class{Wait, inAMinute}, "get order: HOST answered 429 Too Many Requests: no problem document",
		},
		"429 of a proxy without a time": {
			raw(429, "text/html", pageOfAProxy), Class{Wait, testNow.Add(rateLimitWait)}, "get order: HOST answered 429 Too Many Requests: no problem document",
		},
		"503 of a load balancer": {
			raw(503, "text/html", pageOfAProxy), Class{Kind: Retry}, "get order: HOST answered 503 Service Unavailable: no problem document",
		},
		"503 of a load balancer with a time": {
			raw(503, "text/html", pageOfAProxy).with("Retry-After", "60"), Class{Wait, inAMinute}, "get order: HOST answered 503 Service Unavailable: no problem document",
		},
		"problem type on a page": {
			raw(502, "application/problem+json", pageOfAProxy), Class{Kind: Retry}, "get order: HOST answered 502 Bad Gateway: no problem document",
		},
		"500 with a problem": {
			problemReply(500, "serverInternal", "database is down"), Class{Kind: Retry}, "get order: database is down (serverInternal)",
		},
		"503 with a problem and a time": {
			problemReply(503, "serverInternal", "busy").with("Retry-After", "60"), Class{Wait, inAMinute}, "get order: busy (serverInternal)",
		},
		"403 of a firewall": {
			raw(403, "text/html", pageOfAProxy), Class{Kind: Retry}, "get order: HOST answered 403 Forbidden: no problem document",
		},
		"404 without a body": {
			reply{status: 404}, Class{Kind: Failed}, "get order: HOST answered 404 Not Found: no problem document",
		},
		"404 with a problem": {
			problemReply(404, "malformed", "No order found"), Class{Kind: Failed}, "get order: No order found (malformed)",
		},
		"captive portal": {
			raw(200, "text/html", pageOfAProxy), Class{Kind: Retry}, `get order: HOST answered 200 OK: content type "text/html" instead of JSON`,
		},
		"problem with status 200": {
			raw(200, "application/problem+json", `{"type":"x"}`), Class{Kind: Retry}, `get order: HOST answered 200 OK: content type "application/problem+json" instead of JSON`,
		},
		"JSON that is cut off": {
			raw(200, "application/json", `{"status":"pend`), Class{Kind: Retry}, "get order: HOST answered 200 OK: not the JSON document that was asked for",
		},
		"JSON of something else": {
			raw(200, "application/json", `{"hello":"world"}`), Class{Kind: Retry}, "get order: HOST answered 200 OK: not an order",
		},
		"huge body": {
			reply{handle: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.Copy(w, io.LimitReader(endlessSpaces{}, 64<<20))
			}},
			Class{Kind: Retry}, "get order: HOST answered 200 OK: larger than 1048576 bytes",
		},
		"body that ends early": {
			reply{handle: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, `{"status":"pending"}`)
			}},
			Class{Kind: Retry}, "get order: no answer from HOST: read answer: unexpected EOF",
		},
		"connection that ends before the answer": {
			reply{handle: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
			Class{Kind: Retry}, "get order: no answer from HOST: EOF",
		},
		"redirect of a signed request": {
			reply{status: 307, header: map[string]string{"Location": "/order/2"}}, Class{Kind: Retry}, "get order: HOST answered 307 Temporary Redirect: no problem document",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := newTestClient(t)
			s.on("/order/1", test.reply)
			order, err := c.GetOrder(t.Context(), s.URL+"/order/1")
			if err == nil {
				t.Fatalf("no error, but %+v", order)
			}
			if diff := cmp.Diff(test.class, Classify(fmt.Errorf("renew: %w", err), testNow)); diff != "" {
				t.Errorf("class of %v (-want +got):\n%s", err, diff)
			}
			host := strings.TrimPrefix(s.URL, "http://")
			if diff := cmp.Diff(strings.ReplaceAll(test.summary, "HOST", host), Summary(err)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "secret-host") {
				t.Errorf("the error quotes the body: %v", err)
			}
			if got := actionOf(err); got != ActionGetOrder {
				t.Errorf("action = %q", got)
			}
		})
	}
}

type endlessSpaces struct{}

func (endlessSpaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestUnreachableServerIsATransportError(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.Close()
	_, err := c.GetOrder(t.Context(), s.URL+"/order/1")
	transport, ok := errors.AsType[*TransportError](err)
	if !ok || transport.Action != ActionGetDirectory {
		t.Fatalf("error %v, want a transport error about the directory", err)
	}
	if got, want := Summary(err), "get directory: no answer from "+strings.TrimPrefix(s.URL, "http://")+": connection refused"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
	if got := Classify(err, testNow); got.Kind != Retry {
		t.Errorf("class = %v, want Retry", got)
	}
}

func TestSilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	waiting, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	s.on("/order/1", reply{handle: func(http.ResponseWriter, *http.Request) { close(waiting); <-release }})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-waiting; cancel() }()
	_, err := c.GetOrder(ctx, s.URL+"/order/1")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	if got, want := Summary(err), "get order: no answer from "+strings.TrimPrefix(s.URL, "http://")+": cancelled"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
}

func TestEveryRequestIsObserved(t *testing.T) {
	t.Parallel()
	var seen []Request
	now := testNow
	c, s := newTestClient(t, func(c *Config) {
		c.Observe = func(r Request) { seen = append(seen, r) }
		c.Clock = func() time.Time { now = now.Add(time.Second); return now }
	})
	s.badNonces = 1
	s.on("/order/1", reply{status: 404}, reply{handle: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }})
	for range 2 {
		if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err == nil {
			t.Fatal("no error")
		}
	}
	host := strings.TrimPrefix(s.URL, "http://")
	want := []Request{
		{"http", host, ActionGetDirectory, "GET", 200, time.Second, ""},
		{"http", host, ActionGetNonce, "HEAD", 200, time.Second, ""},
		{"http", host, ActionGetOrder, "POST", 400, time.Second, "badNonce"},
		{"http", host, ActionGetOrder, "POST", 404, time.Second, "other"},
		{"http", host, ActionGetOrder, "POST", NoAnswer, time.Second, ""},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestQueryOfAURLDoesNotReachAnError(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.Close()
	_, err := c.get(t.Context(), ActionGetDirectory, s.URL+"/directory?token=hidden")
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error %v", err)
	}
}
