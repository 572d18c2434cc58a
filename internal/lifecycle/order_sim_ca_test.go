package lifecycle

import (
	"fmt"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// ask counts a request to the CA, and says what goes wrong with it.
func (w *acmeSim) ask(step Step) (fault *Fault, unanswered bool) {
	w.requests = append(w.requests, w.now)
	w.now = w.now.Add(time.Millisecond)
	if w.faults != nil {
		if f := w.faults(step, w.now); f != nil {
			w.note("CA        %s: %s: %s", step, f.Kind, f.Message)
			return f, false
		}
	}
	if w.lost[step] {
		delete(w.lost, step)
		w.note("CA        %s: answer lost", step)
		return &Fault{Kind: Retry, Message: string(step) + ": no answer"}, true
	}
	w.note("CA        %s", step)
	return nil, false
}

func (w *acmeSim) askForOrder(seen *OrderSeen, action OrderAction) bool {
	var step Step
	var answer func()
	switch a := action.(type) {
	case TakeTurn:
		seen.Turn = &Turn{Granted: true}
		return true
	case PlaceOrder:
		step, answer = StepPlaceOrder, func() {
			w.place(a)
			seen.CA = seen.CA.Follow(w.orderAtCA(), w.now)
		}
	case ReadOrder:
		step, answer = StepReadOrder, func() { seen.CA = seen.CA.Follow(w.orderAtCA(), w.now) }
	case FinalizeOrder:
		step, answer = StepFinalizeOrder, func() {
			if w.orderAtCA().State == acmev1.Ready {
				w.finalized = w.now
			}
			seen.CA = seen.CA.Follow(w.orderAtCA(), w.now)
		}
	case FetchCertificate:
		step, answer = StepFetchCertificate, func() { seen.Chain = []byte("chain") }
	case ReadAuthorization:
		step, answer = StepReadAuthorization, func() {
			known := map[string]acmev1.ACMEAuthorization{}
			for k, v := range seen.Authorizations {
				known[k] = v
			}
			known[a.URL] = w.storedAuthorization(a.URL)
			seen.Authorizations = known
		}
	default:
		return false
	}
	fault, unanswered := w.ask(step)
	if unanswered {
		before := *seen
		answer()
		*seen = before
	}
	if fault != nil {
		seen.Trouble = seen.Trouble.Again(step, *fault, w.now)
		return true
	}
	answer()
	if seen.Trouble != nil && seen.Trouble.Step == step {
		seen.Trouble = nil
	}
	return true
}

func (w *acmeSim) askForChallenge(seen *ChallengeSeen, name string, action ChallengeAction) bool {
	var step Step
	var answer func()
	switch a := action.(type) {
	case TakeSlot:
		seen.Slot = SlotTaken
		return true
	case CreateObject:
		if w.refuse == nil {
			return false
		}
		fault := w.refuse(a.Object)
		if fault == nil {
			return false
		}
		seen.Trouble = seen.Trouble.Again(StepPresent, *fault, w.now)
		return true
	case DeleteObject:
		if w.refuse == nil {
			return false
		}
		fault := w.refuse(a.Object)
		if fault == nil {
			return false
		}
		seen.Trouble = seen.Trouble.Again(StepCleanUp, *fault, w.now)
		return true
	case ReadChallenge:
		step, answer = StepReadAuthorization, func() { seen.CA = seen.CA.Follow(w.authorizationAtCA(a.AuthorizationURL), w.now) }
	case AcceptChallenge:
		step, answer = StepAcceptChallenge, func() {
			authz := w.authorization(seen.Challenge.Spec.AuthorizationURL)
			authz.accepts++
			if authz.accepted.IsZero() {
				authz.accepted = w.now
			}
			if !w.isPresented(name) {
				w.t.Errorf("the CA is told to look at %s, where nothing is presented", name)
			}
			next := w.authorizationAtCA(authz.url)
			next.Accepted, next.At = w.now, w.now
			seen.CA = &next
		}
	default:
		return false
	}
	fault, unanswered := w.ask(step)
	if unanswered {
		before := *seen
		answer()
		*seen = before
	}
	if fault != nil {
		seen.Trouble = seen.Trouble.Again(step, *fault, w.now)
		return true
	}
	answer()
	if seen.Trouble != nil && seen.Trouble.Step == step {
		seen.Trouble = nil
	}
	return true
}

func (w *acmeSim) place(a PlaceOrder) {
	w.placed++
	w.finalized = time.Time{}
	if w.orderExpires.IsZero() {
		w.orderExpires = w.now.Add(7 * 24 * time.Hour)
	}
	w.authorizations = nil
	for i, name := range a.DNSNames {
		w.authorizations = append(w.authorizations, &simAuthorization{url: fmt.Sprintf("https://ca/authz/%d/%d", w.placed, i), name: name})
	}
}

const (
	simValidation = 1200 * time.Millisecond
	simIssuing    = 3 * time.Second
)

func (w *acmeSim) orderAtCA() OrderAtCA {
	at := OrderAtCA{
		URL: fmt.Sprintf("https://ca/order/%d", w.placed), FinalizeURL: "https://ca/finalize", CertificateURL: "https://ca/cert",
		State: acmev1.Ready, Expires: w.orderExpires,
	}
	for _, a := range w.authorizations {
		at.Authorizations = append(at.Authorizations, a.url)
		switch w.authorizationAtCA(a.url).State {
		case acmev1.Valid:
		case acmev1.Invalid:
			at.State = acmev1.Invalid
			return at
		default:
			at.State = acmev1.Pending
		}
	}
	switch {
	case w.finalized.IsZero():
	case w.now.Sub(w.finalized) < simIssuing:
		at.State = acmev1.Processing
	default:
		at.State = acmev1.Valid
	}
	return at
}

func (w *acmeSim) authorization(url string) *simAuthorization {
	for _, a := range w.authorizations {
		if a.url == url {
			return a
		}
	}
	w.t.Fatalf("authorization %s is of no order that is live", url)
	return nil
}

func (w *acmeSim) authorizationAtCA(url string) AuthorizationAtCA {
	a := w.authorization(url)
	at := AuthorizationAtCA{State: acmev1.Pending, Challenge: acmev1.Pending, Expires: w.orderExpires}
	switch {
	case a.state != "":
		at.State, at.Challenge = a.state, a.state
	case a.accepted.IsZero():
	case w.now.Sub(a.accepted) < simValidation:
		at.Challenge = acmev1.Processing
	default:
		at.State = w.verdict(a.name)
		at.Challenge = at.State
	}
	return at
}

func (w *acmeSim) storedAuthorization(url string) acmev1.ACMEAuthorization {
	a := w.authorization(url)
	return acmev1.ACMEAuthorization{
		URL: url, Identifier: a.name, Wildcard: new(bool), InitialState: w.authorizationAtCA(url).State,
		Challenges: []acmev1.ACMEChallenge{
			{Type: "dns-persist-01", URL: url + "/p"},
			{Type: "dns-01", URL: url + "/d", Token: "token"},
			{Type: "http-01", URL: url + "/h", Token: "token"},
		},
	}
}
