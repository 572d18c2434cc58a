package acme

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// MaxNonceRetries is how often a request is sent again, each time with another nonce, after the server refused the nonce.
	// Six refusals in a row at a rate of 30 % happen once in 1,400 requests; a server that refuses more often is in trouble
	// that a later attempt meets better than a seventh.
	MaxNonceRetries = 6

	// noncePoolSize bounds the pool. Each answer brings the nonce for the next request, so the pool needs as many as requests
	// run at once, and no more: a hoard only ages.
	noncePoolSize = 32

	// nonceMaxAge is how long a nonce is kept. Servers forget nonces without notice, large CAs because the next connection may
	// end in another data centre. Three minutes outlast the gaps within one order (a validation takes seconds to two
	// minutes) and are over before the next one; fetching a fresh nonce costs less than a refused request.
	nonceMaxAge = 3 * time.Minute

	// nonceMaxLength refuses absurd values; real ones have 30 to 60 characters.
	nonceMaxLength = 1024
)

// NoncePool keeps unused nonces (RFC 8555 6.5). Nonces belong to the server, not to an account: share one pool among all the
// clients of one directory. It is safe for concurrent use; the zero value is an empty pool.
type NoncePool struct {
	mu     sync.Mutex
	nonces []pooledNonce // oldest first
}

type pooledNonce struct {
	value    string
	received time.Time
}

// put keeps a nonce for later. An empty or malformed one is ignored, as RFC 8555 6.5.1 demands.
func (p *NoncePool) put(value string, now time.Time) {
	if !usableNonce(value) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.nonces) == noncePoolSize {
		p.nonces = append(p.nonces[:0], p.nonces[1:]...)
	}
	p.nonces = append(p.nonces, pooledNonce{value, now})
}

// take returns the youngest nonce, or an empty string if there is none young enough.
func (p *NoncePool) take(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.nonces) == 0 {
		return ""
	}
	last := p.nonces[len(p.nonces)-1]
	if now.Sub(last.received) > nonceMaxAge {
		p.nonces = p.nonces[:0] // the others are older still
		return ""
	}
	p.nonces = p.nonces[:len(p.nonces)-1]
	return last.value
}

// nonce returns a nonce from the pool or fetches one (RFC 8555 7.2).
func (c *Client) nonce(ctx context.Context) (string, error) {
	if value := c.nonces.take(c.clock()); value != "" {
		return value, nil
	}
	return c.fetchNonce(ctx)
}

// fetchNonce asks newNonce and returns what it gave, past the pool, so that nobody else takes it.
func (c *Client) fetchNonce(ctx context.Context) (string, error) {
	directory, err := c.Directory(ctx)
	if err != nil {
		return "", err
	}
	answer, err := c.exchange(ctx, exchange{action: ActionGetNonce, method: http.MethodHead, url: directory.NewNonce})
	if err != nil {
		c.forgetDirectoryOn(err)
		return "", err
	}
	if !usableNonce(answer.nonce) {
		return "", answer.unusable("no usable Replay-Nonce header", nil)
	}
	return answer.nonce, nil
}

// usableNonce tells whether a Replay-Nonce value has the form of one (RFC 8555 6.5.1).
func usableNonce(value string) bool {
	return value != "" && len(value) <= nonceMaxLength && isBase64URL(value)
}

// isBase64URL tells whether s consists of the URL-safe base64 alphabet only: the form of nonces and tokens.
func isBase64URL(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}
