package cainjection

import (
	"crypto/sha256"
	"crypto/x509"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// memory remembers for each target what it was found to be, so that it is not
// read again as long as neither it nor its source changes; and what people were
// told about it, so that a problem gives one event and not one for every look.
// The zero value is ready for use.
type memory struct {
	grace time.Duration // the usual if zero

	mu      sync.Mutex
	targets map[string]*remembered
}

type remembered struct {
	state state
	wake  time.Time

	problem string
	uid     types.UID
	since   time.Time
	told    bool
}

// state is a target and its source, for comparing.
type state struct {
	version string
	source  [sha256.Size]byte
}

func stateOf(uid types.UID, generation int64, resourceVersion string, source []*x509.Certificate) state {
	// The status of a target is not looked at. APIServices count no generations.
	version := string(uid) + "@" + resourceVersion
	if generation > 0 {
		version = string(uid) + "#" + strconv.FormatInt(generation, 10)
	}
	sum := sha256.New()
	for _, c := range source {
		sum.Write(c.Raw)
	}
	return state{version: version, source: [sha256.Size]byte(sum.Sum(nil))}
}

func (m *memory) of(name string) *remembered {
	if m.targets == nil {
		m.targets = map[string]*remembered{}
	}
	if m.targets[name] == nil {
		m.targets[name] = &remembered{}
	}
	return m.targets[name]
}

// settled reports whether a target was found to hold what it should, and until
// when that is so; the zero time is for ever.
func (m *memory) settled(name string, s state, now time.Time) (wake time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.of(name)
	return r.wake, r.state == s && (r.wake.IsZero() || now.Before(r.wake))
}

func (m *memory) settle(name string, s state, wake time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.of(name)
	r.state, r.wake = s, wake
}

func (m *memory) forget(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.targets, name)
}
