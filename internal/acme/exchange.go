package acme

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Action names what a request is for: the value of the metrics' action label, and the start of an error's text.
type Action string

const (
	ActionGetDirectory            Action = "get_directory"
	ActionGetNonce                Action = "get_nonce"
	ActionCreateAccount           Action = "create_account"
	ActionGetAccount              Action = "get_account"
	ActionUpdateAccount           Action = "update_account"
	ActionDeactivateAccount       Action = "deactivate_account"
	ActionChangeKey               Action = "change_key"
	ActionCreateOrder             Action = "create_order"
	ActionGetOrder                Action = "get_order"
	ActionGetAuthorization        Action = "get_authorization"
	ActionDeactivateAuthorization Action = "deactivate_authorization"
	ActionGetChallenge            Action = "get_challenge"
	ActionAcceptChallenge         Action = "accept_challenge"
	ActionFinalizeOrder           Action = "finalize_order"
	ActionGetCertificate          Action = "get_certificate"
	ActionRevokeCertificate       Action = "revoke_certificate"
	ActionGetRenewalInfo          Action = "get_renewal_info"
)

// words is the action as it reads in a sentence: "get order".
func (a Action) words() string { return strings.ReplaceAll(string(a), "_", " ") }

// NoAnswer is the Status of a Request that got no answer. The number is the one that dashboards made for the wire contract's
// metrics know.
const NoAnswer = 999

// Request describes one HTTP request that has ended, for metrics (wire contract 4).
type Request struct {
	Scheme   string
	Host     string // with the port, if the URL has one
	Action   Action
	Method   string
	Status   int // HTTP status code, or NoAnswer
	Duration time.Duration
	// Problem is the kind of the problem that the server answered with, without
	// the prefix of its URN, such as "rateLimited"; "other" if RFC 8555 and its
	// successors do not know it. Empty if there was none.
	Problem string
}

const (
	// maxDocument bounds an answer other than a certificate chain, in bytes. The largest real ones are orders of 100 names with
	// 100 authorization URLs, some 20 KB; a megabyte is no hindrance to anybody and harmless to hold.
	maxDocument = 1 << 20

	// maxChain bounds a certificate chain, in bytes of PEM. A certificate with 100 names and post-quantum signatures stays
	// under 30 KB, a chain of four under 120 KB; and a Secret could not store more than a megabyte anyway.
	maxChain = 1 << 20

	// maxMediaType bounds what an error quotes of a content type, in bytes.
	maxMediaType = 64
)

// exchange is one HTTP request.
type exchange struct {
	action Action
	method string
	url    string
	body   string // a serialised JWS; only for POST
	accept string // media type; JSON if empty
	limit  int64  // bytes of body to accept; maxDocument if zero
}

// answer is one HTTP response, read whole.
type answer struct {
	action     Action
	url        string
	host       string
	status     int
	header     http.Header
	mediaType  string // lower case, without parameters
	body       []byte
	nonce      string    // Replay-Nonce, unchecked
	retryAfter time.Time // zero when the response has none
}

// exchange sends one request. On an answer other than 2xx the error is a *Problem or an *HTTPError, and the answer is returned
// beside it; without an answer the error is a *TransportError.
func (c *Client) exchange(ctx context.Context, e exchange) (*answer, error) {
	target, err := url.Parse(e.url)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.action.words(), errBadURL)
	}
	request, err := http.NewRequestWithContext(ctx, e.method, e.url, strings.NewReader(e.body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.action.words(), errBadURL)
	}
	request.Header.Set("User-Agent", c.userAgent)
	request.Header.Set("Accept-Language", "en") // RFC 8555 6.1; problem details end up in conditions that people read
	request.Header.Set("Accept", "application/json")
	if e.accept != "" {
		request.Header.Set("Accept", e.accept)
	}
	if e.method == http.MethodPost {
		request.Header.Set("Content-Type", "application/jose+json") // RFC 8555 6.2
	}
	if e.limit == 0 {
		e.limit = maxDocument
	}

	started := c.clock()
	response, err := c.http.Do(request)
	seen := Request{Scheme: target.Scheme, Host: target.Host, Action: e.action, Method: e.method, Status: NoAnswer}
	if err != nil {
		seen.Duration = c.clock().Sub(started)
		c.observe(seen)
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the URL, whose query may hold what is not for logs
		}
		return nil, &TransportError{Action: e.action, Host: target.Host, Err: err}
	}
	defer func() { _ = response.Body.Close() }() // it has been read
	body, err := io.ReadAll(io.LimitReader(response.Body, e.limit+1))
	ended := c.clock()
	seen.Status, seen.Duration = response.StatusCode, ended.Sub(started)
	defer func() { c.observe(seen) }()

	a := &answer{
		action:     e.action,
		url:        e.url,
		host:       target.Host,
		status:     response.StatusCode,
		header:     response.Header,
		body:       body,
		nonce:      response.Header.Get("Replay-Nonce"),
		retryAfter: retryAfterHeader(response.Header, ended),
	}
	a.mediaType, _, _ = mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return a, &TransportError{Action: e.action, Host: target.Host, Err: fmt.Errorf("read answer: %w", err)}
	case int64(len(body)) > e.limit:
		return a, a.unusable(fmt.Sprintf("larger than %d bytes", e.limit), nil)
	case a.status < 200 || a.status > 299:
		problem := a.problem()
		seen.Problem = kindOfProblem(problem)
		return a, problem
	}
	return a, nil
}

// get sends an unauthenticated GET, which ACME allows for the directory and for renewal information only (RFC 8555 6.3).
func (c *Client) get(ctx context.Context, action Action, url string) (*answer, error) {
	return c.exchange(ctx, exchange{action: action, method: http.MethodGet, url: url})
}

// post is a signed request before it has a nonce.
type post struct {
	action  Action
	url     string
	payload any  // marshalled to JSON; nil makes a POST-as-GET
	byKey   bool // authenticate by the key itself: newAccount
	accept  string
	limit   int64
}

// post sends a signed request, again with another nonce as often as the server refuses the nonce (RFC 8555 6.5).
func (c *Client) post(ctx context.Context, p post) (*answer, error) {
	c.account.mu.RLock()
	defer c.account.mu.RUnlock()
	a, err := c.postByKey(ctx, p)
	if !p.byKey && IsAccountDoesNotExist(err) {
		c.lost()
	}
	return a, err
}

// postByKey is post for whoever holds the lock of the key.
func (c *Client) postByKey(ctx context.Context, p post) (*answer, error) {
	if c.account.key == nil {
		return nil, fmt.Errorf("%s: %w", p.action.words(), errNoKey)
	}
	if !p.byKey && c.accountURL == "" {
		return nil, fmt.Errorf("%s: %w", p.action.words(), errNoAccount)
	}
	if err := checkURL(p.url); err != nil {
		return nil, fmt.Errorf("%s: %w", p.action.words(), err)
	}
	payload := []byte{} // not nil: a POST-as-GET has the member "payload", empty (RFC 8555 6.3)
	if p.payload != nil {
		var err error
		if payload, err = json.Marshal(p.payload); err != nil {
			return nil, fmt.Errorf("%s: encode request: %w", p.action.words(), err)
		}
	}
	nonce, err := c.nonce(ctx)
	if err != nil {
		return nil, err
	}
	for retries := 0; ; retries++ {
		body, err := c.sign(p.url, nonce, payload, p.byKey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.action.words(), err)
		}
		a, err := c.exchange(ctx, exchange{action: p.action, method: http.MethodPost, url: p.url, body: body, accept: p.accept, limit: p.limit})
		if !isType(err, typeBadNonce) {
			if a != nil {
				c.nonces.put(a.nonce, c.clock())
			}
			return a, err
		}
		// The others in the pool may be dead too, or not. Each that is costs one more refusal, which brings a live one; to
		// throw them away would cost a request for each.
		if retries == MaxNonceRetries {
			c.nonces.put(a.nonce, c.clock())
			return a, err
		}
		if nonce = a.nonce; !usableNonce(nonce) {
			if nonce, err = c.fetchNonce(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// decode reads the answer's body as JSON into the given value.
func (a *answer) decode(into any) error {
	if a.mediaType != "" && a.mediaType != "application/json" {
		return a.unusable(fmt.Sprintf("content type %q instead of JSON", truncate(a.mediaType, maxMediaType)), nil)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return a.unusable("not the JSON document that was asked for", err)
	}
	return nil
}

// unusable makes the error for an answer that cannot be used.
func (a *answer) unusable(reason string, cause error) error {
	return &HTTPError{Action: a.action, Host: a.host, Status: a.status, Reason: reason, RetryAfter: a.retryAfter, Err: cause}
}

// problem makes the error for an answer that is not 2xx: a *Problem if the server sent one, else an *HTTPError.
func (a *answer) problem() error {
	if a.mediaType == "application/problem+json" || a.mediaType == "application/json" {
		if p, err := ParseProblem(a.body); err == nil {
			p.Action, p.Status, p.RetryAfter = a.action, a.status, a.retryAfter
			p.TermsOfService = firstLink(a.url, a.header, "terms-of-service")
			return p
		}
	}
	return a.unusable("no problem document", nil)
}

// location resolves the Location header, which names the object that the answer is about (RFC 8555 7.1).
func (a *answer) location() (string, error) {
	value := a.header.Get("Location")
	if value == "" {
		return "", errors.New("no Location header")
	}
	return resolveURL(a.url, value)
}
