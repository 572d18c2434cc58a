package lifecycle

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// seenOrder is an order whose one name is proved, and which the CA calls ready.
func seenOrder(edit func(*OrderSeen)) OrderSeen {
	now := acmeSimStart
	seen := OrderSeen{
		Order: &acmev1.Order{
			ObjectMeta: metav1.ObjectMeta{Name: "order"},
			Spec:       acmev1.OrderSpec{Request: []byte("csr"), DNSNames: []string{"b.example.com", "a.example.com", "b.example.com"}},
			Status: acmev1.OrderStatus{
				URL: "https://ca/order/1", FinalizeURL: "https://ca/finalize", State: acmev1.Pending,
				Authorizations: []acmev1.ACMEAuthorization{{URL: "https://ca/authz/1", Identifier: "a.example.com", InitialState: acmev1.Pending}},
			},
		},
		ACME: &acmev1.ACMEIssuer{},
		Turn: &Turn{Granted: true},
		Challenges: []*acmev1.Challenge{{
			ObjectMeta: metav1.ObjectMeta{Name: "order-1"},
			Spec:       acmev1.ChallengeSpec{AuthorizationURL: "https://ca/authz/1", DNSName: "a.example.com"},
			Status:     acmev1.ChallengeStatus{State: acmev1.Valid},
		}},
		CA: &OrderAtCA{
			URL: "https://ca/order/1", State: acmev1.Ready, FinalizeURL: "https://ca/finalize", CertificateURL: "https://ca/cert",
			At: now, Since: now, Expires: now.Add(time.Hour),
		},
	}
	edit(&seen)
	return seen
}

func TestNextOrder(t *testing.T) {
	t.Parallel()
	now := acmeSimStart
	unplaced := func(s *OrderSeen) { s.Order.Status, s.CA, s.Challenges = acmev1.OrderStatus{}, nil, nil }
	failed := func(step Step, code FaultCode) *Trouble {
		return (*Trouble)(nil).Again(step, Fault{Kind: Failed, Code: code, Message: "refused"}, now)
	}
	place := PlaceOrder{DNSNames: []string{"a.example.com", "b.example.com"}}
	tests := map[string]struct {
		edit   func(*OrderSeen)
		at     time.Duration
		action OrderAction
		state  acmev1.State
		reason string
		wake   time.Duration // after acmeSimStart; 0 for never
	}{
		"a new order is placed with its names sorted, each once": {edit: unplaced, action: place},
		"the duration is asked for where the issuer says so": {
			edit: func(s *OrderSeen) {
				unplaced(s)
				s.Order.Spec.Duration = &metav1.Duration{Duration: 48 * time.Hour}
				s.ACME.EnableDurationFeature = true
			},
			action: PlaceOrder{DNSNames: place.DNSNames, NotAfter: now.Add(48 * time.Hour)},
		},
		"and not elsewhere": {
			edit: func(s *OrderSeen) {
				unplaced(s)
				s.Order.Spec.Duration = &metav1.Duration{Duration: 48 * time.Hour}
			},
			action: place,
		},
		"an order that replaces says what": {
			edit:   func(s *OrderSeen) { unplaced(s); s.Order.Spec.Replaces = "aki.serial" },
			action: PlaceOrder{DNSNames: place.DNSNames, Replaces: "aki.serial"},
		},
		"if the CA does not like it, it is placed without": {
			edit: func(s *OrderSeen) {
				unplaced(s)
				s.Order.Spec.Replaces = "aki.serial"
				s.Trouble = failed(StepPlaceOrder, AlreadyReplaced)
			},
			action: place,
		},
		"a new order waits for its turn": {
			edit:   func(s *OrderSeen) { unplaced(s); s.Turn = nil; s.Order.CreationTimestamp = metav1.Time{Time: now} },
			action: TakeTurn{Due: now.Add(24 * time.Hour)},
		},
		"which is that of the certificate that expires": {
			edit:   func(s *OrderSeen) { unplaced(s); s.Turn = nil; s.Expires = now.Add(time.Hour) },
			action: TakeTurn{Due: now.Add(time.Hour)},
		},
		"a turn that will not come at once is waited for in silence at first": {
			edit: func(s *OrderSeen) {
				unplaced(s)
				s.Turn = &Turn{Since: now, At: now.Add(time.Hour), Wake: now.Add(30 * time.Minute), Limit: OrderLimit{300, 3 * time.Hour}}
			},
			action: OrderNothing{}, wake: 15 * time.Second,
		},
		"and then people are told": {
			edit: func(s *OrderSeen) {
				unplaced(s)
				s.Turn = &Turn{Since: now.Add(-15 * time.Second), At: now.Add(time.Hour), Wake: now.Add(30 * time.Minute), Limit: OrderLimit{300, 3 * time.Hour}}
			},
			action: OrderNothing{}, wake: 30 * time.Minute,
			reason: "place order: waiting for a turn, because the CA takes 300 orders of an account in 3 hours and there are more that are due no later; next attempt at 2026-11-24T09:00:00Z",
		},
		"also if it was the CA that told": {
			edit: func(s *OrderSeen) {
				unplaced(s)
				s.Turn = &Turn{Since: now.Add(-15 * time.Second), At: now.Add(time.Hour), Wake: now.Add(30 * time.Minute), Blocked: true}
			},
			action: OrderNothing{}, wake: 30 * time.Minute,
			reason: "place order: the CA takes no more orders of this account for now; next attempt at 2026-11-24T09:00:00Z",
		},
		"an order that replaces needs no turn": {
			edit:   func(s *OrderSeen) { unplaced(s); s.Turn = nil; s.Order.Spec.Replaces = "aki.serial" },
			action: PlaceOrder{DNSNames: place.DNSNames, Replaces: "aki.serial"},
		},
		"but it does without": {
			edit: func(s *OrderSeen) {
				unplaced(s)
				s.Turn, s.Expires, s.Order.Spec.Replaces = nil, now.Add(time.Hour), "aki.serial"
				s.Trouble = failed(StepPlaceOrder, AlreadyReplaced)
			},
			action: TakeTurn{Due: now.Add(time.Hour)},
		},
		"an order that the CA refuses is errored": {
			edit:   func(s *OrderSeen) { unplaced(s); s.Trouble = failed(StepPlaceOrder, OtherFault) },
			action: OrderNothing{}, state: acmev1.Errored, reason: "refused",
		},
		"nothing is done without an issuer": {
			edit:   func(s *OrderSeen) { unplaced(s); s.ACME, s.IssuerTrouble = nil, "no such issuer" },
			action: OrderNothing{}, reason: "no such issuer",
		},
		"nothing is done about an order that is being deleted": {
			edit:   func(s *OrderSeen) { s.Order.DeletionTimestamp = &metav1.Time{Time: now} },
			action: OrderNothing{}, state: acmev1.Pending,
		},
		"after a restart the order is read": {
			edit:   func(s *OrderSeen) { s.CA = nil },
			action: ReadOrder{"https://ca/order/1"}, state: acmev1.Pending,
		},
		"what is remembered of another order does not count": {
			edit:   func(s *OrderSeen) { s.CA.URL = "https://ca/order/0" },
			action: ReadOrder{"https://ca/order/1"}, state: acmev1.Pending,
		},
		"an order that is ready is finalized": {
			edit:   func(*OrderSeen) {},
			action: FinalizeOrder{"https://ca/finalize", []byte("csr")}, state: acmev1.Pending,
		},
		"also if its challenges are not known to be valid": {
			edit:   func(s *OrderSeen) { s.Challenges = nil },
			action: FinalizeOrder{"https://ca/finalize", []byte("csr")}, state: acmev1.Pending,
		},
		"an order that came too early is looked at again": {
			edit: func(s *OrderSeen) {
				s.Trouble = (*Trouble)(nil).Again(StepFinalizeOrder, Fault{Kind: Retry, Code: OrderNotReady, Message: "not ready"}, now)
			},
			at: 5 * time.Second, action: ReadOrder{"https://ca/order/1"}, state: acmev1.Pending,
		},
		"a refused finalize is looked into": {
			edit:   func(s *OrderSeen) { s.Trouble = failed(StepFinalizeOrder, OtherFault) },
			action: ReadOrder{"https://ca/order/1"}, state: acmev1.Pending,
		},
		"and counts if the order is still ready": {
			edit:   func(s *OrderSeen) { s.Trouble = failed(StepFinalizeOrder, OtherFault); s.CA.At = now.Add(time.Second) },
			action: OrderNothing{}, state: acmev1.Errored, reason: "refused",
		},
		"but not if the order is valid": {
			edit: func(s *OrderSeen) {
				s.Trouble = failed(StepFinalizeOrder, OtherFault)
				s.CA.At, s.CA.State = now.Add(time.Second), acmev1.Valid
			},
			action: FetchCertificate{URL: "https://ca/cert"}, state: acmev1.Pending,
		},
		"an order that the CA no longer knows has expired": {
			edit:   func(s *OrderSeen) { s.CA = nil; s.Trouble = failed(StepReadOrder, NotFound) },
			action: OrderNothing{}, state: acmev1.Expired, reason: "refused",
		},
		"the CA is given time to issue": {
			edit:   func(s *OrderSeen) { s.CA.State = acmev1.Processing },
			action: OrderNothing{}, state: acmev1.Pending, wake: 500 * time.Millisecond,
		},
		"as much as it asks for": {
			edit:   func(s *OrderSeen) { s.CA.State, s.CA.RetryAfter = acmev1.Processing, now.Add(3*time.Second) },
			action: OrderNothing{}, state: acmev1.Pending, wake: 3 * time.Second,
		},
		"within reason": {
			edit:   func(s *OrderSeen) { s.CA.State, s.CA.RetryAfter = acmev1.Processing, now.Add(3*time.Hour) },
			action: OrderNothing{}, state: acmev1.Pending, wake: 30 * time.Second,
		},
		"and people are told if it takes long": {
			edit: func(s *OrderSeen) {
				s.CA.State, s.CA.Polls, s.CA.Since = acmev1.Processing, 6, now.Add(-15*time.Second)
			},
			action: OrderNothing{}, state: acmev1.Processing,
			reason: "the CA has accepted the order and is still issuing the certificate", wake: 10 * time.Second,
		},
		"the preferred chain is asked for": {
			edit:   func(s *OrderSeen) { s.CA.State, s.ACME.PreferredChain = acmev1.Valid, "Root X" },
			action: FetchCertificate{"https://ca/cert", "Root X"}, state: acmev1.Pending,
		},
		"an invalid order says why": {
			edit:   func(s *OrderSeen) { s.CA.State, s.CA.Problem = acmev1.Invalid, "CAA forbids it" },
			action: OrderNothing{}, state: acmev1.Invalid, reason: "CAA forbids it",
		},
		"its challenge says it better": {
			edit: func(s *OrderSeen) {
				s.CA.State, s.CA.Problem = acmev1.Invalid, "an authorization failed"
				s.Challenges[0].Status = acmev1.ChallengeStatus{State: acmev1.Invalid, Reason: "saw 404"}
			},
			action: OrderNothing{}, state: acmev1.Invalid, reason: "saw 404",
		},
		"the CA's deadline is the end": {
			edit: func(s *OrderSeen) { s.CA.State = acmev1.Pending }, at: time.Hour,
			action: OrderNothing{}, state: acmev1.Expired, reason: "the order was not completed before the CA's deadline",
		},
		"except for a certificate that is on its way": {
			edit: func(s *OrderSeen) { s.CA.State = acmev1.Valid }, at: time.Hour,
			action: FetchCertificate{URL: "https://ca/cert"}, state: acmev1.Pending,
		},
		"an order waits for its challenges and passes on what they say": {
			edit: func(s *OrderSeen) {
				s.CA.State = acmev1.Pending
				s.Challenges[0].Status = acmev1.ChallengeStatus{State: acmev1.Pending, Reason: "not to be seen"}
			},
			action: OrderNothing{}, state: acmev1.Pending, reason: "not to be seen", wake: time.Hour,
		},
		"a challenge that is being deleted is waited for": {
			edit: func(s *OrderSeen) {
				s.CA.State = acmev1.Pending
				s.Challenges[0].Status.State = acmev1.Pending
				s.Challenges[0].DeletionTimestamp = &metav1.Time{Time: now}
			},
			action: OrderNothing{}, state: acmev1.Pending, wake: time.Hour,
		},
		"a challenge with an account key of before gives way to another": {
			edit: func(s *OrderSeen) {
				s.CA.State = acmev1.Pending
				s.Challenges[0].Status.State = acmev1.Pending
				s.Outdated = s.Challenges
			},
			action: DeleteChallenge{&acmev1.Challenge{
				ObjectMeta: metav1.ObjectMeta{Name: "order-1"},
				Spec:       acmev1.ChallengeSpec{AuthorizationURL: "https://ca/authz/1", DNSName: "a.example.com"},
				Status:     acmev1.ChallengeStatus{State: acmev1.Pending},
			}}, state: acmev1.Pending,
		},
		"which is waited for": {
			edit: func(s *OrderSeen) {
				s.CA.State = acmev1.Pending
				s.Challenges[0].Status.State = acmev1.Pending
				s.Challenges[0].DeletionTimestamp = &metav1.Time{Time: now}
				s.Outdated = s.Challenges
			},
			action: OrderNothing{}, state: acmev1.Pending, wake: time.Hour,
		},
		"a proved order is finalized without asking whether it is ready": {
			edit:   func(s *OrderSeen) { s.CA.State = acmev1.Pending },
			action: FinalizeOrder{"https://ca/finalize", []byte("csr")}, state: acmev1.Pending,
		},
		"a CA that refuses that for a reason of its own is asked": {
			edit: func(s *OrderSeen) {
				s.CA.State, s.CA.At, s.CA.Polls = acmev1.Pending, now.Add(time.Millisecond), 1
				s.Trouble = failed(StepFinalizeOrder, OtherFault)
			},
			action: OrderNothing{}, state: acmev1.Pending, wake: time.Second + time.Millisecond,
		},
		"and when it says ready, finalize is sent again": {
			edit: func(s *OrderSeen) {
				s.CA.At, s.CA.Since = now.Add(time.Second), now.Add(time.Second)
				s.Trouble = failed(StepFinalizeOrder, OtherFault)
			},
			action: FinalizeOrder{"https://ca/finalize", []byte("csr")}, state: acmev1.Pending,
		},
		"a proved order that the CA calls pending is asked for again": {
			edit:   func(s *OrderSeen) { s.CA.State, s.CA.Polls = acmev1.Pending, 1 },
			action: OrderNothing{}, state: acmev1.Pending, wake: time.Second,
		},
		"with patience": {
			edit:   func(s *OrderSeen) { s.CA.State, s.CA.Polls = acmev1.Pending, 20 },
			action: OrderNothing{}, state: acmev1.Pending, wake: time.Minute,
			reason: "every name is proved, but the CA still calls the order pending",
		},
		"an authorization that was never any good ends the order": {
			edit: func(s *OrderSeen) {
				s.CA.State, s.Challenges = acmev1.Pending, nil
				s.Order.Status.Authorizations[0].InitialState = acmev1.Expired
			},
			action: OrderNothing{}, state: acmev1.Expired, reason: `the CA's authorization for "a.example.com" is expired`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := NextOrder(seenOrder(test.edit), now.Add(test.at))
			if !reflect.DeepEqual(d.Action, test.action) {
				t.Errorf("action %T %+v, want %T %+v", d.Action, d.Action, test.action, test.action)
			}
			got := fmt.Sprintf("%s|%s", d.Status.State, d.Status.Reason)
			if diff := cmp.Diff(fmt.Sprintf("%s|%s", test.state, test.reason), got); diff != "" {
				t.Errorf("state and reason (-want +got):\n%s", diff)
			}
			wake := time.Time{}
			if test.wake != 0 {
				wake = now.Add(test.wake)
			}
			if !d.Wake.Equal(wake) {
				t.Errorf("wake %s, want %s", d.Wake, wake)
			}
			if failedNow := d.Status.State.Final() && d.Status.State != acmev1.Valid; failedNow != (d.Status.FailureTime != nil) {
				t.Errorf("state %s, failure time %v", d.Status.State, d.Status.FailureTime)
			}
		})
	}
}

func TestNextOrderKeepsTheChallengesThatTellWhyItFailed(t *testing.T) {
	t.Parallel()
	seen := seenOrder(func(s *OrderSeen) {
		s.Order.Status.State = acmev1.Invalid
		s.Challenges[0].Status.State = acmev1.Invalid
		s.Challenges = append(s.Challenges, &acmev1.Challenge{ObjectMeta: metav1.ObjectMeta{Name: "order-2"}})
	})
	d := NextOrder(seen, acmeSimStart)
	if got, ok := d.Action.(DeleteChallenge); !ok || got.Challenge.Name != "order-2" {
		t.Errorf("action %T %+v", d.Action, d.Action)
	}
	seen.Challenges = seen.Challenges[:1]
	if d := NextOrder(seen, acmeSimStart); d.Action != (OrderNothing{}) {
		t.Errorf("action %T", d.Action)
	}
}

func TestTroubleBacksOffAndKeepsItsMessage(t *testing.T) {
	t.Parallel()
	now := acmeSimStart
	var trouble *Trouble
	last := time.Duration(0)
	for range 12 {
		trouble = trouble.Again(StepReadOrder, Fault{Kind: Retry, Message: "down"}, now)
		pause := trouble.next().Sub(now)
		if pause < last || pause > 30*time.Minute || pause < 5*time.Second {
			t.Errorf("pause %s after %s", pause, last)
		}
		if !trouble.waiting(now) || trouble.waiting(trouble.next()) {
			t.Error("waits at the wrong time")
		}
		last, now = pause, trouble.next()
	}
	if last != 30*time.Minute {
		t.Errorf("last pause %s", last)
	}
	if other := trouble.Again(StepFinalizeOrder, Fault{Kind: Retry}, now); other.Failures != 1 || !other.First.Equal(now) {
		t.Errorf("another step counts on: %+v", other)
	}
	for kind, want := range map[FaultKind]string{
		Retry:   "down; retried within a minute",
		Wait:    "down; next attempt at 2026-11-24T09:00:01Z",
		Stalled: "down; next attempt at 2026-11-24T08:30:00Z",
	} {
		fault := Fault{Kind: kind, Message: "down", Until: acmeSimStart.Add(time.Hour + time.Millisecond)}
		if got := (*Trouble)(nil).Again(StepReadOrder, fault, acmeSimStart).message(); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}
