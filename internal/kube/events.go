package kube

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/certwright/certwright/internal/lifecycle"
)

// maxNote is what the API server takes as the note of an event.
const maxNote = 1024

// Record publishes the events of a decision. Call it after the status was
// stored: an event about something that did not happen misleads, and a pass
// that is repeated would say everything twice.
func Record(recorder events.EventRecorder, about runtime.Object, list []lifecycle.Event) {
	for _, e := range list {
		kind := corev1.EventTypeNormal
		if e.Type == lifecycle.Warning {
			kind = corev1.EventTypeWarning
		}
		note := e.Message
		if len(note) > maxNote {
			note = note[:maxNote]
		}
		recorder.Eventf(about, nil, kind, e.Reason, e.Reason, "%s", note)
	}
}
