package lifecycle

import (
	"testing"
	"time"
)

// simRenewalCA is the renewal information of a simulated CA, and what asks it in the
// background.
type simRenewalCA struct {
	source ARISource
	// says is what the CA answers about the certificate in the Secret, now.
	says func(now time.Time) ARIAnswer

	asked  []time.Time
	answer *ARIAnswer // the last one
}

func (ca *simRenewalCA) see(seen *CertificateSeen) {
	if ca == nil {
		return
	}
	seen.ARI.Source = ca.source
	if leaf := seen.Secret.Leaf(); leaf != nil {
		seen.ARI.CertificateID = "id." + leaf.SerialNumber.String()
	}
	seen.ARI.Answer = ca.answer
}

func (ca *simRenewalCA) ask(t testing.TB, id string, now time.Time) {
	t.Helper()
	ca.asked = append(ca.asked, now)
	answer := ca.says(now)
	answer.CertificateID, answer.At = id, now
	ca.answer = &answer
}

// suggesting is a CA that answers with a window, six hours at a time.
func suggesting(start, end time.Time, page string) func(time.Time) ARIAnswer {
	return func(now time.Time) ARIAnswer {
		return ARIAnswer{Start: start, End: end, ExplanationURL: page, RetryAfter: now.Add(6 * time.Hour)}
	}
}

func failing(why string) func(time.Time) ARIAnswer {
	return func(time.Time) ARIAnswer { return ARIAnswer{Err: why} }
}

// usual is the window that Boulder suggests: two days around the time at which a
// third of the life is left.
func usual(issued time.Time, lifetime time.Duration) func(time.Time) ARIAnswer {
	middle := issued.Add(lifetime * 2 / 3)
	return suggesting(middle.Add(-day), middle.Add(day), "")
}
