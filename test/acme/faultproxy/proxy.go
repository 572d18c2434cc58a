// Package faultproxy makes an ACME server misbehave on purpose.
//
// A Proxy is an http.Handler in front of another. Requests pass through it unless a Rule says otherwise: answer with an error, lose
// the answer after the server acted, refuse the connection, alter what the server said. Beside the rules it can refuse nonces at a
// rate. It records every request.
//
// For a server in the same process give New its handler; for one elsewhere, an httputil.ReverseProxy that keeps the Host header,
// which ACME servers build their URLs from and check signatures against.
package faultproxy

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Rule is one way to misbehave. The first rule in the order of Add that matches a request and is not used up applies.
type Rule struct {
	// Path is a prefix of the URL's path. Empty matches every path.
	Path string
	// Method is the HTTP method. Empty matches every method.
	Method string
	// Skip lets so many matching requests pass before the rule begins.
	Skip int
	// Times is how often the rule applies before it is used up. Zero means always.
	Times int
	// Fault is what happens.
	Fault Fault
}

// Fault does something with a request; next is the server.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// Answer answers in the server's place. The server does not see the request, so that its nonce stays unused.
func Answer(status int, header http.Header, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Problem answers with a problem document of a type that RFC 8555 registers, such as "rateLimited".
func Problem(status int, kind, detail string, header http.Header) Fault {
	with := header.Clone()
	if with == nil {
		with = http.Header{}
	}
	with.Set("Content-Type", "application/problem+json")
	return Answer(status, with, fmt.Sprintf(`{"type":"urn:ietf:params:acme:error:%s","detail":%q,"status":%d}`, kind, detail, status))
}

// Refuse closes the connection; the server does not see the request.
func Refuse() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// LoseAnswer lets the server act on the request and closes the connection instead of passing its answer on.
func LoseAnswer() Fault {
	return func(_ http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

// Response is an answer that can be altered on its way.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Alter passes the server's answer on as the function leaves it.
func Alter(alter func(*Response)) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, r)
		response := Response{Status: recorder.Code, Header: recorder.Header(), Body: recorder.Body.String()}
		response.Header.Del("Content-Length")
		alter(&response)
		Answer(response.Status, response.Header, response.Body)(w, r, next)
	}
}

// Seen is one request that came by.
type Seen struct {
	Method, Path string
	// Faulty is true if a rule applied, or the nonce was refused.
	Faulty bool
}

// Proxy is the handler in front. It is safe for concurrent use.
type Proxy struct {
	next http.Handler

	mu        sync.Mutex
	rules     []*activeRule
	seen      []Seen
	noncePath string
	percent   int
	random    *rand.Rand
}

type activeRule struct {
	Rule
	matched int
}

// New makes a proxy that lets everything through.
func New(next http.Handler) *Proxy { return &Proxy{next: next} }

// Add adds a rule.
func (p *Proxy) Add(rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &activeRule{Rule: rule})
}

// Reset removes the rules, lets all nonces through and forgets what was seen.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.seen, p.percent = nil, nil, 0
}

// RefuseNonces answers the given percentage of POSTs with badNonce and a fresh nonce, fetched at noncePath from the server. The
// choice follows from the seed.
func (p *Proxy) RefuseNonces(percent int, noncePath string, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.percent, p.noncePath, p.random = percent, noncePath, rand.New(rand.NewPCG(seed, seed)) // #nosec G404 -- repeatable on purpose
}

// Seen lists the requests so far whose path has the prefix, in their order of arrival.
func (p *Proxy) Seen(prefix string) []Seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	var matching []Seen
	for _, seen := range p.seen {
		if strings.HasPrefix(seen.Path, prefix) {
			matching = append(matching, seen)
		}
	}
	return matching
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if fault := p.choose(r); fault != nil {
		fault(w, r, p.next)
		return
	}
	p.next.ServeHTTP(w, r)
}

// choose finds the fault for a request and records it. Nil lets the request through.
func (p *Proxy) choose(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := p.chooseRule(r)
	if fault == nil && r.Method == http.MethodPost && p.percent > 0 && p.random.IntN(100) < p.percent {
		fault = refuseNonce(p.noncePath)
	}
	p.seen = append(p.seen, Seen{Method: r.Method, Path: r.URL.Path, Faulty: fault != nil})
	return fault
}

func (p *Proxy) chooseRule(r *http.Request) Fault {
	for _, rule := range p.rules {
		if !strings.HasPrefix(r.URL.Path, rule.Path) || rule.Method != "" && rule.Method != r.Method {
			continue
		}
		used := rule.matched - rule.Skip
		if rule.Times > 0 && used >= rule.Times {
			continue
		}
		if rule.matched++; used >= 0 {
			return rule.Fault
		}
	}
	return nil
}

// refuseNonce is what a server does that has forgotten its nonces.
func refuseNonce(noncePath string) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		fresh := r.Clone(r.Context())
		fresh.Method, fresh.Body, fresh.ContentLength = http.MethodHead, http.NoBody, 0
		fresh.URL.Path, fresh.RequestURI = noncePath, noncePath
		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, fresh)
		header := http.Header{"Replay-Nonce": {recorder.Header().Get("Replay-Nonce")}}
		Problem(http.StatusBadRequest, "badNonce", "refused by the fault proxy", header)(w, r, next)
	}
}
