package request

import (
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// How many events there may be, of each type, in the long run and at once.
// Meshes make hundreds of requests in a second. An event each would cost more
// than their certificates, in the API server, which keeps it for an hour, and
// here, where it is kept for up to 12 minutes, in case that it comes again.
// Conditions say the same and are always written.
const (
	eventsPerSecond = 10
	eventsAtOnce    = 500
)

// sparing is a recorder that leaves out events when there are too many.
type sparing struct {
	events.EventRecorder

	clock             func() time.Time
	normals, warnings *rate.Limiter
}

func newSparing(recorder events.EventRecorder, clock func() time.Time) *sparing {
	return &sparing{
		EventRecorder: recorder,
		clock:         clock,
		normals:       rate.NewLimiter(eventsPerSecond, eventsAtOnce),
		warnings:      rate.NewLimiter(eventsPerSecond, eventsAtOnce),
	}
}

// Eventf implements events.EventRecorder.
func (s *sparing) Eventf(regarding, related runtime.Object, kind, reason, action, note string, args ...any) {
	limit := s.normals
	if kind == corev1.EventTypeWarning {
		limit = s.warnings
	}
	if limit.AllowN(s.clock(), 1) {
		s.EventRecorder.Eventf(regarding, related, kind, reason, action, note, args...)
	}
}

// tellRefusal tells people that the API server does not let the operator write
// what it has found out, most likely because of somebody's policy: the request
// itself can not say so.
func tellRefusal(recorder events.EventRecorder, request runtime.Object, err error) {
	if text, refused := kube.Refusal(err); refused {
		kube.Record(recorder, request, []lifecycle.Event{{Type: lifecycle.Warning, Reason: statusRefused, Message: "The API server refuses the status: " + text}})
	}
}

// statusRefused is the reason of an event that the contract does not have.
const statusRefused = "StatusRefused"
