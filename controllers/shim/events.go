package shim

import (
	"fmt"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

func normal(reason, format string, args ...any) lifecycle.Event {
	return lifecycle.Event{Type: lifecycle.Normal, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// told remembers what each object was told last, so that a problem gives one
// event and not one for every look at it. The zero value is ready for use.
type told struct {
	mu   sync.Mutex
	last map[types.NamespacedName]string
}

// badConfig is the event about an object's problems, if they are news.
func (t *told) badConfig(key types.NamespacedName, uid types.UID, problems []string) []lifecycle.Event {
	if len(problems) == 0 {
		t.forget(key)
		return nil
	}
	message := strings.Join(problems, "; ")
	t.mu.Lock()
	defer t.mu.Unlock()
	now := string(uid) + " " + message
	if t.last[key] == now {
		return nil
	}
	if t.last == nil {
		t.last = map[types.NamespacedName]string{}
	}
	t.last[key] = now
	return []lifecycle.Event{{Type: lifecycle.Warning, Reason: cmv1.ShimEventBadConfig, Message: message}}
}

func (t *told) forget(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.last, key)
}
