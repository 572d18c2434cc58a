package lifecycle

import "time"

// Decision is what one pass over one object comes to: at most one thing to
// do, the status the object shall have once that is done, what to tell people
// about it, and when to look again although nothing happened.
//
// The caller carries it out in that order: Action, then Status if it differs
// from what is stored, then Events if the status was stored. If the action
// fails, nothing after it happens.
type Decision[A any, S any] struct {
	Action A
	Status S
	Events []Event

	// Wake is when to decide again if no watched object changes before.
	// The zero time means that only a change can make a difference.
	Wake time.Time
}

// EventType is the type of a Kubernetes event.
type EventType string

// The two types of Kubernetes events.
const (
	Normal  EventType = "Normal"
	Warning EventType = "Warning"
)

// Event is one fact for the people who look at an object.
type Event struct {
	Type    EventType
	Reason  string
	Message string
}

// Sooner returns the earlier of two wake times, where zero means never.
func Sooner(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
