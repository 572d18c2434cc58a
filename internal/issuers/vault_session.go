package issuers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers/vault"
	"github.com/certwright/certwright/internal/lifecycle"
)

// vaultBackoff is the pause between attempts while a server is in trouble, for
// all requests of an issuer together: 1,000 of them are one attempt.
var vaultBackoff = lifecycle.Backoff{Least: 5 * time.Second, Most: 5 * time.Minute}

const (
	// vaultProbe is the time in which the one attempt after a pause has an
	// answer: a little more than a request may take.
	vaultProbe = 15 * time.Second

	// vaultDoubtPause is how long a token counts as good after Vault has taken
	// it. What Vault forbids meanwhile, another token would not be allowed
	// either; so that a role that is wrong is not one login for each request.
	vaultDoubtPause = time.Minute

	// vaultRenewPause is when to try to renew a token again.
	vaultRenewPause = time.Minute

	// A token is renewed when two thirds of its life are over, so that there is
	// time for several attempts.
	renewNumerator, renewDenominator = 2, 3
)

// vaultSession is what the requests of one issuer share: connections, a token,
// and the trouble with the server. It is lost at a restart, at the cost of one
// login.
type vaultSession struct {
	settings *vaultSettings
	client   *vault.Client
	clock    func() time.Time

	mu      sync.Mutex // held while logging in, so that one does it for all
	token   vault.Token
	life    time.Duration // of a token when it was new
	proved  time.Time     // when Vault has taken the token last
	due     time.Time     // when to renew it; zero: never
	expires time.Time     // zero: never

	failures int // in a row
	until    time.Time
	probing  bool // one attempt is under way, which others wait for
	message  string
}

// vaultPauseError means that it is too early to try again.
type vaultPauseError struct {
	until time.Time
	text  string // what went wrong last
}

func (p *vaultPauseError) Error() string { return p.text }

// session returns what the requests of an issuer share. The error is a
// *vaultSetupError, or of the API server.
func (v *vaultIssuers) session(ctx context.Context, issuer cmv1.GenericIssuer) (*vaultSession, error) {
	settings, err := v.settings(ctx, issuer)
	if err != nil {
		return nil, err
	}
	id := strings.Join([]string{cmKind(issuer), issuer.GetNamespace(), issuer.GetName()}, "/")
	v.mu.Lock()
	defer v.mu.Unlock()
	kept := v.sessions[id]
	if kept != nil && kept.settings.version == settings.version {
		return kept, nil
	}
	client, err := vault.New(settings.config)
	if err != nil {
		return nil, &vaultSetupError{reason: cmv1.CertificateRequestEventSecretInvalidData, text: "vault: " + err.Error(), watched: true}
	}
	if kept != nil {
		kept.client.Close()
	} else if len(v.sessions) >= maxKept {
		clear(v.sessions) // rare, and each costs one login to come back
	}
	made := &vaultSession{settings: settings, client: client, clock: v.clock}
	v.sessions[id] = made
	return made, nil
}

// authenticate returns a token that Vault takes as far as is known: the one that
// is there, renewed if that is due, or a new one. While the server is in trouble
// it errs with a *vaultPauseError, unless it is to be asked in any case.
func (s *vaultSession) authenticate(ctx context.Context, inAnyCase bool) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if s.failures > 0 && !inAnyCase {
		if now.Before(s.until) {
			return "", &vaultPauseError{until: s.until, text: s.message}
		}
		s.until, s.probing = now.Add(vaultProbe), true
	}
	var err error
	switch {
	case !s.usable(now):
		err = s.obtain(ctx)
	case !s.due.IsZero() && !now.Before(s.due):
		if err = s.renew(ctx); err != nil && ctx.Err() == nil {
			s.due, err = now.Add(vaultRenewPause), nil // it is good until it expires
		}
	}
	if err != nil {
		s.fail(err)
		return "", err
	}
	return s.use(), nil
}

func (s *vaultSession) usable(now time.Time) bool {
	return s.token.Value != "" && (s.expires.IsZero() || now.Before(s.expires))
}

// use takes the token for one request.
func (s *vaultSession) use() string {
	value := s.token.Value
	if s.token.Uses > 0 {
		if s.token.Uses--; s.token.Uses == 0 {
			s.token = vault.Token{} // the last one
		}
	}
	return value
}

// obtain gets a token, or learns how long the one that is given lives.
func (s *vaultSession) obtain(ctx context.Context) error {
	if s.settings.login != nil {
		login, err := s.settings.login(ctx)
		if err != nil {
			return err
		}
		token, err := s.client.Login(ctx, login)
		if err != nil {
			return err
		}
		s.adopt(token)
		s.life = token.TTL
		return nil
	}
	token, err := s.client.Lookup(ctx, s.settings.token)
	if vault.IsInvalidToken(err) {
		return fmt.Errorf("the token of tokenSecretRef is not valid, or not any more: %w", err)
	}
	if vault.IsForbidden(err) {
		// It may be good for signing without being allowed to ask about itself.
		token, err = vault.Token{Value: s.settings.token}, nil
	}
	if err != nil {
		return err
	}
	s.adopt(token)
	return nil
}

// renew makes the token live longer. One that has been got by a login is
// replaced if that is not possible, or does not help for long.
func (s *vaultSession) renew(ctx context.Context) error {
	given := s.settings.login == nil
	if !s.token.Renewable {
		return s.obtain(ctx)
	}
	renewed, err := s.client.Renew(ctx, s.token.Value)
	switch {
	case err == nil && (given || renewed.TTL == 0 || renewed.TTL >= s.life/2):
		s.adopt(renewed)
		return nil
	case err != nil && (vault.IsPassing(err) || ctx.Err() != nil):
		return err
	case !given:
		return s.obtain(ctx)
	}
	s.token.Renewable, s.due = false, time.Time{}
	return nil
}

// adopt keeps a token that Vault has just given, or taken.
func (s *vaultSession) adopt(token vault.Token) {
	now := s.clock()
	s.token, s.proved, s.due, s.expires = token, now, time.Time{}, time.Time{}
	if token.TTL > 0 {
		s.expires = now.Add(token.TTL)
		if token.Renewable || s.settings.login != nil {
			s.due = now.Add(token.TTL * renewNumerator / renewDenominator)
		}
	}
}

// doubt says whether a request that Vault has forbidden may be tried again with
// another token.
func (s *vaultSession) doubt(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.Value != token {
		return true // it has been replaced, or used up
	}
	if s.clock().Sub(s.proved) < vaultDoubtPause {
		return false
	}
	s.token = vault.Token{}
	return true
}

// failed notes that the server is in trouble.
func (s *vaultSession) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(err)
}

// fail is failed with the lock held. Requests that were under way together and
// fail one after the other are one failure.
func (s *vaultSession) fail(err error) {
	if errors.Is(err, context.Canceled) || isOfAPI(err) {
		return // the operator ends, or the server is not to blame
	}
	now := s.clock()
	s.message = err.Error()
	if s.failures > 0 && now.Before(s.until) && !s.probing {
		return
	}
	s.failures, s.probing = s.failures+1, false
	s.until = now.Add(max(vaultBackoff.Delay(s.failures), vault.RetryAfter(err)))
}

// succeeded notes that the server is well.
func (s *vaultSession) succeeded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures, s.until, s.probing, s.message = 0, time.Time{}, false, ""
}

// pausedUntil is when the next attempt is due.
func (s *vaultSession) pausedUntil() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until
}

// future is when the token has to be looked after, and when it is over for good;
// zero: never.
func (s *vaultSession) future() (due, over time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due.IsZero() {
		return time.Time{}, s.expires
	}
	return s.due, time.Time{}
}
