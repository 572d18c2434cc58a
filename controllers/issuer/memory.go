package issuer

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/lifecycle"
)

// memory holds the troubles of issuers with their CAs. Losing it costs one
// request to the CA for each.
type memory struct {
	mu      sync.Mutex
	issuers map[types.NamespacedName]recollection
	// changes counts the changes of an issuer's Secrets.
	changes map[types.NamespacedName]int
}

// recollection is what is remembered of one issuer, and of which state of it.
type recollection struct {
	uid        types.UID
	generation int64
	asked      string // by annotations
	changes    int
	trouble    *lifecycle.IssuerTrouble
}

func newMemory() *memory {
	return &memory{issuers: map[types.NamespacedName]recollection{}, changes: map[types.NamespacedName]int{}}
}

// of returns what is remembered of an issuer. A trouble is forgotten when the
// issuer is another one by now, or its Secrets; only that a CA asked to wait
// is not mended by another Secret.
func (m *memory) of(key types.NamespacedName, issuer cmv1.GenericIssuer) recollection {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := recollection{uid: issuer.GetUID(), generation: issuer.GetGeneration(), asked: issuers.Asked(issuer), changes: m.changes[key]}
	before := m.issuers[key]
	if before.trouble == nil || before.uid != now.uid || before.generation != now.generation || before.asked != now.asked {
		return now
	}
	if before.changes == now.changes || before.trouble.Fault.Kind == lifecycle.Wait {
		now.trouble = before.trouble
	}
	return now
}

// keep remembers the trouble that came of a check of the given state.
func (m *memory) keep(key types.NamespacedName, state recollection, trouble *lifecycle.IssuerTrouble) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if trouble == nil {
		delete(m.issuers, key)
		return
	}
	state.trouble = trouble
	m.issuers[key] = state
}

// changed notes that a Secret of an issuer has changed.
func (m *memory) changed(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes[key]++
}

func (m *memory) forget(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.issuers, key)
	delete(m.changes, key)
}
