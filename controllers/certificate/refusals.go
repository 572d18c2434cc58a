package certificate

import (
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// wordsKept is how long a refusal is told in the same words. A policy may put
// the time or the number of a request into its answer; told each time anew that
// would be a status write, which brings on a pass, which is refused again.
const wordsKept = 5 * time.Minute

// refusals remembers how a Certificate's writes were last refused.
type refusals struct {
	mu   sync.Mutex
	last map[types.NamespacedName]refusal
}

type refusal struct {
	text string
	at   time.Time
}

// impossible is what can not be made as the spec says. It is as if the API
// server had refused it: only an edit helps.
type impossible struct{ error }

// tell puts a refused write into words for the Certificate's condition. It
// says false if an error is no refusal.
func (r *refusals) tell(key types.NamespacedName, seen *lifecycle.CertificateSeen, action lifecycle.CertificateAction, err error, now time.Time) (string, bool) {
	var unmade impossible
	if errors.As(err, &unmade) {
		return unmade.Error(), true
	}
	text, refused := kube.Refusal(err)
	if !refused {
		return "", false
	}
	switch action.(type) {
	case lifecycle.StoreCertificate, lifecycle.StoreTemporary, lifecycle.SyncSecret:
		if seen.Secret != nil && seen.Secret.Immutable {
			return "it is immutable; delete it, or name another one in spec.secretName", true
		}
	default: // about another object
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, found := r.last[key]; found && now.Before(last.at.Add(wordsKept)) {
		return last.text, true
	}
	if r.last == nil {
		r.last = map[types.NamespacedName]refusal{}
	}
	r.last[key] = refusal{text, now}
	return text, true
}

func (r *refusals) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, key)
}
