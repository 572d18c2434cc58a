package vaultserver

import (
	"crypto/rand"
	"net/http"
	"time"
)

type token struct {
	value     string
	created   time.Time
	expires   time.Time // zero: never
	renewable bool
	uses      int // zero: any number
	// silent tokens may not ask about themselves: they lack the default policy.
	silent bool
}

// AddToken adds a token that a person has made.
func (s *Server) AddToken(value string, ttl time.Duration, renewable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &token{value: value, created: s.Now(), renewable: renewable}
	if ttl > 0 {
		t.expires = t.created.Add(ttl)
	}
	s.tokens[value] = t
}

// AddSilentToken adds one without the default policy.
func (s *Server) AddSilentToken(value string) {
	s.AddToken(value, 0, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[value].silent = true
}

// RevokeTokens ends all tokens.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// find returns a token that is good, used for one request.
func (s *Server) find(value string) *token {
	t := s.tokens[value]
	if t == nil || (!t.expires.IsZero() && !s.Now().Before(t.expires)) {
		delete(s.tokens, value)
		return nil
	}
	if t.uses > 0 {
		if t.uses--; t.uses == 0 {
			delete(s.tokens, value)
		}
	}
	return t
}

// grant makes a token for a login.
func (s *Server) grant() reply {
	t := &token{value: "hvs." + rand.Text(), created: s.Now(), renewable: !s.NotRenewable && s.TokenTTL > 0, uses: s.TokenUses}
	if s.TokenTTL > 0 {
		t.expires = t.created.Add(s.TokenTTL)
	}
	s.tokens[t.value] = t
	return reply{status: http.StatusOK, auth: s.describe(t)}
}

func (s *Server) describe(t *token) map[string]any {
	return map[string]any{
		"client_token": t.value, "accessor": "accessor", "policies": []string{"default", "pki"},
		"lease_duration": s.left(t), "renewable": t.renewable, "num_uses": t.uses,
	}
}

// left is the life that is left, in seconds.
func (s *Server) left(t *token) int {
	if t.expires.IsZero() {
		return 0
	}
	return int(t.expires.Sub(s.Now()) / time.Second)
}

func (s *Server) lookup(r *request) reply {
	if r.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "unsupported operation")
	}
	if r.token.silent {
		return denied()
	}
	return reply{status: http.StatusOK, data: map[string]any{
		"id": r.token.value, "ttl": s.left(r.token), "renewable": r.token.renewable, "num_uses": r.token.uses,
	}}
}

func (s *Server) renew(r *request) reply {
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "unsupported operation")
	}
	var body struct{}
	if refusal := decode(r, &body); refusal != nil {
		return *refusal
	}
	if !r.token.renewable {
		return refuse(http.StatusBadRequest, "lease is not renewable")
	}
	now := s.Now()
	r.token.expires = now.Add(s.TokenTTL)
	if end := r.token.created.Add(s.TokenMaxTTL); s.TokenMaxTTL > 0 && r.token.expires.After(end) {
		r.token.expires = end
	}
	return reply{status: http.StatusOK, auth: s.describe(r.token)}
}
