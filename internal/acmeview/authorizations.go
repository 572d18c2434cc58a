package acmeview

import (
	"sync"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Authorizations are those that the order controller has read a moment ago, so
// that the challenge controller, which has to know whether there is anything
// left to prove, need not ask the CA for the same again. Each is handed over
// once: from then on the challenge controller has its own view.
//
// They are in memory only. After a restart there are none, and the CA is asked:
// a challenge may have been accepted meanwhile. A nil pointer keeps nothing.
type Authorizations struct {
	mu   sync.Mutex
	read map[string]reading // by URL of a challenge
}

type reading struct {
	authorization *acme.Authorization
	at            time.Time
}

const (
	// freshFor is how long a reading counts. Challenges are created in the same
	// second, unless the API server refuses them for a while.
	freshFor = time.Minute
	// mostReadings bounds the memory; some three are of each name, and those
	// for which no Challenge is created stay until they are too old.
	mostReadings = 3000
)

// Put keeps an authorization.
func (r *Authorizations) Put(a *acme.Authorization, now time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.read == nil || len(r.read)+len(a.Challenges) > mostReadings {
		r.dropOld(now)
	}
	for i := range a.Challenges {
		r.read[a.Challenges[i].URL] = reading{a, now}
	}
}

// dropOld makes room: of what is too old, and of everything if that is not
// enough, as it is only a saving.
func (r *Authorizations) dropOld(now time.Time) {
	kept := map[string]reading{}
	for url, one := range r.read {
		if now.Sub(one.at) < freshFor {
			kept[url] = one
		}
	}
	if len(kept) > mostReadings/2 {
		clear(kept)
	}
	r.read = kept
}

// Take returns what was read of the authorization of a challenge, and forgets
// it. Nil if nothing was, or not lately.
func (r *Authorizations) Take(challengeURL string, now time.Time) *lifecycle.AuthorizationAtCA {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	one, ok := r.read[challengeURL]
	delete(r.read, challengeURL)
	if !ok || now.Sub(one.at) >= freshFor {
		return nil
	}
	at := Authorization(one.authorization, challengeURL)
	return (*lifecycle.AuthorizationAtCA)(nil).Follow(at, one.at)
}
