package acme

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestPoolGivesTheYoungestNonceFirst(t *testing.T) {
	t.Parallel()
	var pool NoncePool
	pool.put("old", testNow)
	pool.put("young", testNow.Add(time.Second))
	for _, want := range []string{"young", "old", ""} {
		if got := pool.take(testNow.Add(time.Second)); got != want {
			t.Errorf("take = %q, want %q", got, want)
		}
	}
}

func TestPoolForgetsOldNonces(t *testing.T) {
	t.Parallel()
	var pool NoncePool
	pool.put("a", testNow)
	pool.put("b", testNow)
	if got := pool.take(testNow.Add(nonceMaxAge)); got != "b" {
		t.Errorf("take at the age limit = %q, want b", got)
	}
	if got := pool.take(testNow.Add(nonceMaxAge + 1)); got != "" {
		t.Errorf("take past the age limit = %q, want none", got)
	}
}

func TestPoolIsBoundedAndKeepsTheYoungest(t *testing.T) {
	t.Parallel()
	var pool NoncePool
	for i := range noncePoolSize + 4 {
		pool.put(fmt.Sprint(i), testNow)
	}
	for i := noncePoolSize + 3; i >= 4; i-- {
		if got, want := pool.take(testNow), fmt.Sprint(i); got != want {
			t.Fatalf("take = %q, want %q", got, want)
		}
	}
	if got := pool.take(testNow); got != "" {
		t.Errorf("the pool held more than %d: %q", noncePoolSize, got)
	}
}

func TestPoolIgnoresMalformedNonces(t *testing.T) {
	t.Parallel()
	var pool NoncePool
	for _, value := range []string{"", "a b", "a=", "ä", string(make([]byte, nonceMaxLength+1))} {
		pool.put(value, testNow)
	}
	if got := pool.take(testNow); got != "" {
		t.Errorf("take = %q, want none", got)
	}
}

func TestRefusedNonceIsReplacedByTheOneThatCameWithTheRefusal(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	for i := range 3 {
		c.nonces.put(fmt.Sprintf("stale-%d", i), testNow)
		s.live[fmt.Sprintf("stale-%d", i)] = true
	}
	s.badNonces = 1
	s.on("/order/1", reply{body: `{"status":"pending"}`})
	if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err != nil {
		t.Fatal(err)
	}
	posts := s.requests("/order/1")
	if len(posts) != 2 || posts[0].nonce != "stale-2" || posts[1].nonce != "nonce-1" {
		t.Errorf("requests %+v, want the pooled nonce, then the one of the refusal", posts)
	}
	if got := len(s.requests("/nonce")); got != 0 {
		t.Errorf("%d requests for a nonce, want none", got)
	}
	if got := c.nonces.take(testNow); got != "nonce-2" {
		t.Errorf("pool has %q, want the last answer's nonce first", got)
	}
	if got := c.nonces.take(testNow); got != "stale-1" {
		t.Errorf("pool has %q, want the others kept: one refusal says nothing of them", got)
	}
}

func TestBurstOfRefusedNoncesIsOvercome(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.badNonces = MaxNonceRetries
	s.on("/order/1", reply{body: `{"status":"pending"}`})
	if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err != nil {
		t.Fatal(err)
	}
	if got := len(s.requests("/order/1")); got != MaxNonceRetries+1 {
		t.Errorf("%d requests, want %d", got, MaxNonceRetries+1)
	}
}

func TestEndlessRefusalOfNoncesIsGivenUp(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.badNonces = 1000
	_, err := c.GetOrder(t.Context(), s.URL+"/order/1")
	if got := Classify(err, testNow); got.Kind != Retry {
		t.Errorf("class of %v = %v, want Retry", err, got)
	}
	if got, want := Summary(err), "get order: the CA refused every nonce (badNonce)"; got != want {
		t.Errorf("summary = %q, want %q", got, want)
	}
	if got := len(s.requests("/order/1")); got != MaxNonceRetries+1 {
		t.Errorf("%d requests, want %d", got, MaxNonceRetries+1)
	}
}

func TestRefusalWithoutANonceFetchesOne(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	refusal := problemReply(400, "badNonce", "no").with("Replay-Nonce", "not/base64url")
	s.on("/order/1", refusal, reply{body: `{"status":"pending"}`})
	if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err != nil {
		t.Fatal(err)
	}
	if got := len(s.requests("/nonce")); got != 2 {
		t.Errorf("%d nonces fetched, want 2", got)
	}
}

func TestNonceOfAnErrorIsUsed(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/order/1", problemReply(500, "serverInternal", "oops"), reply{body: `{"status":"pending"}`})
	if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err == nil {
		t.Fatal("no error")
	}
	if _, err := c.GetOrder(t.Context(), s.URL+"/order/1"); err != nil {
		t.Fatal(err)
	}
	if got := len(s.requests("/nonce")); got != 1 {
		t.Errorf("%d nonces fetched, want 1", got)
	}
}

func TestNewNonceThatGivesNoneIsAnError(t *testing.T) {
	t.Parallel()
	c, s := newTestClient(t)
	s.on("/nonce", reply{handle: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Replay-Nonce", "?") }})
	_, err := c.GetOrder(t.Context(), s.URL+"/order/1")
	if got, want := actionOf(err), ActionGetNonce; got != want {
		t.Errorf("error %v is of action %q, want %q", err, got, want)
	}
	if got := Classify(err, testNow).Kind; got != Retry {
		t.Errorf("class = %v, want Retry", got)
	}
}
