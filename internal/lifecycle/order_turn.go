package lifecycle

import (
	"fmt"
	"time"
)

// TakeTurn asks for the turn of an Order in the queue of its account. Answer:
// Turn. Due is when the certificate is needed.
type TakeTurn struct{ Due time.Time }

func (TakeTurn) isOrderAction() {}

// newcomer is how long a certificate that there is none of yet can wait,
// compared with those that expire: it goes before whatever has more than a day.
const newcomer = 24 * time.Hour

// isNotItsTurn: a CA takes so many orders of an account in so many hours. Those
// that replace a certificate in its time are not counted (RFC 9773, section 5,
// and the limits of Let's Encrypt).
func (p *orderPass) isNotItsTurn() bool {
	switch {
	case p.Order.Status.URL != "" || p.CA != nil:
		return false
	case p.failed(StepPlaceOrder) && p.Trouble.Fault.Code != AlreadyReplaced:
		return false // there will be no other attempt
	case p.Order.Spec.Replaces != "" && !p.failed(StepPlaceOrder):
		return false
	case p.Turn == nil:
		p.d.Action = TakeTurn{Due: p.due()}
		return true
	case p.Turn.Granted:
		return false
	}
	reason := ""
	wake := p.Turn.Wake
	if told := p.Turn.Since.Add(grace); p.now.Before(told) {
		wake = Sooner(wake, told)
	} else {
		reason = p.Turn.message()
	}
	p.wait(reason, wake)
	return true
}

func (p *orderPass) due() time.Time {
	if p.Expires.IsZero() {
		return p.Order.CreationTimestamp.Add(newcomer)
	}
	return p.Expires
}

func (t *Turn) message() string {
	if t.Blocked {
		return "place order: the CA takes no more orders of this account for now; next attempt at " + second(t.At)
	}
	return fmt.Sprintf("place order: waiting for a turn, because the CA takes %d orders of an account in %s and there are more that are due no later; next attempt at %s",
		t.Limit.Count, hours(t.Limit.Period), second(t.At))
}

func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return d.String()
}
