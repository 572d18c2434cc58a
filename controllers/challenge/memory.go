package challenge

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// memory holds what was learned about Challenges and is not stored.
type memory struct {
	mu         sync.Mutex
	challenges map[types.NamespacedName]*recollection
}

// recollection is what is remembered of one Challenge. One worker at a time
// looks at a Challenge, so that it needs no lock.
type recollection struct {
	uid     types.UID
	ca      *lifecycle.AuthorizationAtCA
	trouble *lifecycle.Trouble
	issuer  string
	present time.Time // since when all objects are there
}

func newMemory() *memory {
	return &memory{challenges: map[types.NamespacedName]*recollection{}}
}

// of returns what is remembered of a Challenge: nothing, if it is another one
// with the same name. The UID of that one is returned, too.
func (m *memory) of(key types.NamespacedName, uid types.UID) (r *recollection, replaced types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r = m.challenges[key]
	if r != nil && r.uid == uid {
		return r, ""
	}
	if r != nil {
		replaced = r.uid
	}
	r = &recollection{uid: uid}
	m.challenges[key] = r
	return r, replaced
}

// forget returns the UID of the Challenge that was forgotten.
func (m *memory) forget(key types.NamespacedName) types.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.challenges[key]
	delete(m.challenges, key)
	if r == nil {
		return ""
	}
	return r.uid
}

// presentedSince remembers since when the challenge is presented.
func (r *recollection) presentedSince(presented bool, now time.Time) time.Time {
	switch {
	case !presented:
		r.present = time.Time{}
	case r.present.IsZero():
		r.present = now
	}
	return r.present
}

// adapt forgets a trouble that a change of the issuer may have mended. What the
// CA asked to wait for is no such thing.
func (r *recollection) adapt(issuer cmv1.GenericIssuer) {
	if issuer == nil {
		return
	}
	version := issuerVersion(issuer)
	if r.issuer != version && r.trouble != nil && (r.trouble.Step == lifecycle.StepAccount || r.trouble.Fault.Kind == lifecycle.Stalled) {
		r.trouble = nil
	}
	r.issuer = version
}

// failed remembers that a step failed.
func (s *sight) failed(step lifecycle.Step, fault lifecycle.Fault, now time.Time) {
	s.Trouble = s.Trouble.Again(step, fault, now)
	s.remember.trouble = s.Trouble
}

// succeeded forgets the trouble with a step.
func (s *sight) succeeded(step lifecycle.Step) {
	if s.Trouble != nil && s.Trouble.Step == step {
		s.Trouble, s.remember.trouble = nil, nil
	}
}

// answer remembers what the CA says of the authorization.
func (s *sight) answer(ca *lifecycle.AuthorizationAtCA) { s.CA, s.remember.ca = ca, ca }

// issuerVersion changes when the issuer becomes another or better one.
func issuerVersion(issuer cmv1.GenericIssuer) string {
	ready := ""
	for _, c := range issuer.GetStatus().Conditions {
		if c.Type == cmv1.IssuerConditionReady {
			ready = string(c.Status)
		}
	}
	return fmt.Sprintf("%s/%d/%s", issuer.GetUID(), issuer.GetGeneration(), ready)
}
