package venafi

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// tokenMargin is how long before its end a token is replaced, so that none
	// ends on its way; a tenth of its life if that is shorter.
	tokenMargin = 2 * time.Minute

	// defaultTokenLife is that of a token whose answer does not say. Those of
	// the services have 15 minutes and say so.
	defaultTokenLife = 10 * time.Minute

	// refusalPause is how long refused credentials are not tried again, unless
	// they are replaced, for accounts are locked after a few attempts.
	refusalPause = 30 * time.Minute
)

// header is a credential that is the same for all time: an API key, or a token
// that the user has got.
type header struct{ name, value string }

func (h header) apply(_ context.Context, to http.Header) error {
	to.Set(h.name, h.value)
	return nil
}

func (header) refused(http.Header) bool { return false }

// token is what a server lets one do for a while.
type token struct {
	value string
	// life is how long it is good for; zero if the server does not say.
	life time.Duration
}

// session gets tokens: one for all requests, and another one near its end.
type session struct {
	login func(ctx context.Context) (token, error)
	clock func() time.Time

	mu      sync.Mutex // held during login: those who wait want the same token
	value   string
	until   time.Time
	refusal error
	again   time.Time // after a refusal
}

// apply implements credentials.
func (s *session) apply(ctx context.Context, to http.Header) error {
	value, err := s.get(ctx)
	if err != nil {
		return err
	}
	to.Set("Authorization", "Bearer "+value)
	return nil
}

func (s *session) get(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if s.value != "" && now.Before(s.until) {
		return s.value, nil
	}
	if s.refusal != nil && now.Before(s.again) {
		return "", s.refusal
	}
	got, err := s.login(ctx)
	if err != nil {
		s.refusal = nil
		if IsKind(err, Unauthorized) {
			s.refusal, s.again = err, now.Add(refusalPause)
		}
		return "", err
	}
	if got.life <= 0 {
		got.life = defaultTokenLife
	}
	s.value, s.refusal = got.value, nil
	s.until = now.Add(got.life - min(tokenMargin, got.life/10))
	return s.value, nil
}

// refused implements credentials.
func (s *session) refused(of http.Header) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.Get("Authorization") == "Bearer "+s.value {
		s.value = ""
	}
	return true
}
