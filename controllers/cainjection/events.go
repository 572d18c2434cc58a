package cainjection

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/lifecycle"
)

// eventNotInjected is the reason of the event on a target whose CA can not be
// injected. It says what a person has to mend.
const eventNotInjected = "CANotInjected"

// usualGrace is how long a problem has to last before anybody is told: who
// installs a webhook and its Certificate in one go does so within a few seconds,
// and the certificate takes a few more.
const usualGrace = 15 * time.Second

// trouble is the event about a problem, if it is news and has lasted, and when
// it will have. Without a problem the last one is over.
func (m *memory) trouble(name string, uid types.UID, problem string, now time.Time) (events []lifecycle.Event, wake time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.of(name)
	if r.problem != problem || r.uid != uid {
		r.problem, r.uid, r.since, r.told = problem, uid, now, false
	}
	if problem == "" || r.told {
		return nil, time.Time{}
	}
	if due := r.since.Add(cmp.Or(m.grace, usualGrace)); now.Before(due) {
		return nil, due
	}
	r.told = true
	return []lifecycle.Event{{Type: lifecycle.Warning, Reason: eventNotInjected, Message: problem}}, time.Time{}
}
