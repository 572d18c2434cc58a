package order

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// memory holds what was learned about unfinished Orders and is not stored.
type memory struct {
	mu     sync.Mutex
	orders map[types.NamespacedName]*recollection
}

// recollection is what is remembered of one Order. One worker at a time looks
// at an Order, so that it needs no lock.
type recollection struct {
	uid            types.UID
	order          *lifecycle.OrderAtCA
	authorizations map[string]acmev1.ACMEAuthorization
	trouble        *lifecycle.Trouble
	issuer         string
}

func newMemory() *memory {
	return &memory{orders: map[types.NamespacedName]*recollection{}}
}

// of returns what is remembered of an Order: nothing, if it is another Order
// with the same name.
func (m *memory) of(key types.NamespacedName, uid types.UID) *recollection {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.orders[key]
	if r == nil || r.uid != uid {
		r = &recollection{uid: uid, authorizations: map[string]acmev1.ACMEAuthorization{}}
		m.orders[key] = r
	}
	return r
}

// forget returns whose memory it was; empty if there was none.
func (m *memory) forget(key types.NamespacedName) types.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.orders[key]
	delete(m.orders, key)
	if r == nil {
		return ""
	}
	return r.uid
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

// answer remembers what the CA says of the order.
func (s *sight) answer(order lifecycle.OrderAtCA, now time.Time) {
	s.CA = s.CA.Follow(order, now)
	s.remember.order = s.CA
}

// authorization remembers an authorization.
func (s *sight) authorization(url string, a acmev1.ACMEAuthorization) {
	known := maps.Clone(s.Authorizations)
	known[url] = a
	s.Authorizations, s.remember.authorizations = known, known
}

// issuerVersion changes when the issuer becomes another or better one.
func issuerVersion(issuer cmv1.GenericIssuer) string {
	ready := ""
	for _, c := range issuer.GetStatus().Conditions {
		if c.Type == cmv1.IssuerConditionReady {
			ready = string(c.Status)
		}
	}
	account := ""
	if acme := issuer.GetStatus().ACME; acme != nil {
		account = acme.URI + " " + acme.LastPrivateKeyHash
	}
	return fmt.Sprintf("%s/%d/%s/%s", issuer.GetUID(), issuer.GetGeneration(), ready, account)
}
