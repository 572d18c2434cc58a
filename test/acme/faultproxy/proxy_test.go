package faultproxy

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serve starts a proxy in front of a server that counts the requests it acts on.
func serve(t *testing.T) (proxy *Proxy, get func(path string) string, acted func() []string) {
	t.Helper()
	var mu sync.Mutex
	var requests []string
	acted = func() []string {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
	proxy = New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		requests = append(requests, r.Method+" "+r.URL.Path)
		w.Header().Set("Replay-Nonce", "fresh")
		_, _ = io.WriteString(w, "hello")
	}))
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	get = func(path string) string {
		response, err := server.Client().Post(server.URL+path, "text/plain", strings.NewReader("x"))
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("POST %s: %v", path, err)
			}
			return "lost"
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Error(err)
		}
		return response.Status + " " + response.Header.Get("Retry-After") + response.Header.Get("Replay-Nonce") + " " + string(body)
	}
	return proxy, get, acted
}

func TestRulesApplyToTheirPathAndCount(t *testing.T) {
	t.Parallel()
	proxy, get, acted := serve(t)
	proxy.Add(Rule{Path: "/order", Skip: 1, Times: 2, Fault: Answer(503, http.Header{"Retry-After": {"7"}}, "down")})
	proxy.Add(Rule{Method: http.MethodGet, Fault: Refuse()})
	var got []string
	for _, path := range []string{"/order/1", "/order/2", "/other", "/order/3", "/order/4"} {
		got = append(got, get(path))
	}
	const through, down = "200 OK fresh hello", "503 Service Unavailable 7 down"
	if diff := cmp.Diff([]string{through, down, through, down, through}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"POST /order/1", "POST /other", "POST /order/4"}, acted()); diff != "" {
		t.Errorf("requests that the server saw (-want +got):\n%s", diff)
	}
	want := []Seen{{"POST", "/order/1", false}, {"POST", "/order/2", true}, {"POST", "/order/3", true}, {"POST", "/order/4", false}}
	if diff := cmp.Diff(want, proxy.Seen("/order")); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	proxy.Reset()
	if got := get("/order/5"); got != through || len(proxy.Seen("")) != 1 {
		t.Errorf("after Reset: %q, record %v", got, proxy.Seen(""))
	}
}

func TestAnswerIsLostBeforeOrAfterTheServerActed(t *testing.T) {
	t.Parallel()
	proxy, get, acted := serve(t)
	proxy.Add(Rule{Path: "/refuse", Fault: Refuse()})
	proxy.Add(Rule{Path: "/lose", Fault: LoseAnswer()})
	for _, path := range []string{"/refuse", "/lose"} {
		if got := get(path); got != "lost" {
			t.Errorf("%s: %q", path, got)
		}
	}
	if diff := cmp.Diff([]string{"POST /lose"}, acted()); diff != "" {
		t.Errorf("requests that the server saw (-want +got):\n%s", diff)
	}
}

func TestAnswerIsAltered(t *testing.T) {
	t.Parallel()
	proxy, get, _ := serve(t)
	proxy.Add(Rule{Fault: Alter(func(r *Response) { r.Status, r.Body = 202, r.Body[:4] })})
	if got, want := get("/"), "202 Accepted fresh hell"; got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
}

func TestNoncesAreRefusedAtTheRate(t *testing.T) {
	t.Parallel()
	proxy, get, _ := serve(t)
	proxy.RefuseNonces(30, "/nonce", 1)
	refused := 0
	for range 200 {
		if got := get("/order"); strings.HasPrefix(got, "400 Bad Request fresh {") && strings.Contains(got, "error:badNonce") {
			refused++
		}
	}
	if refused < 40 || refused > 80 {
		t.Errorf("%d of 200 refused, want about 60", refused)
	}
}
