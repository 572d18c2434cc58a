package lifecycle

import (
	"fmt"
	"math/rand"
	"testing"
	"time"
)

// The same disturbances, and a CA that says something else about renewals each
// time it is asked: windows to come, past ones, absurd ones, nothing at all.
func TestCertificateSurvivesDisturbancesAndAdvice(t *testing.T) {
	t.Parallel()
	seeds := max(*simSeeds/4, 1)
	const groups = 4
	for group := range groups {
		t.Run(fmt.Sprint(group), func(t *testing.T) {
			t.Parallel()
			for seed := group; seed < seeds; seed += groups {
				s := newCertificateSimulation(t, &dice{chance: rand.New(rand.NewSource(int64(seed)))})
				s.name = fmt.Sprintf("seed %d with advice", seed)
				s.adviseAnything(3 * 365 * day)
			}
		})
	}
}

func (s *certificateSimulation) adviseAnything(span time.Duration) {
	s.t.Helper()
	chance := rand.New(rand.NewSource(s.chance.Int63()))
	s.renewalCA = &simRenewalCA{source: ARIOffered, says: func(now time.Time) ARIAnswer { return anyAdvice(chance, now, s.lifetime) }}
	for end := s.now.Add(span); s.now.Before(end); {
		s.renewalCA.source = []ARISource{ARIOffered, ARIOffered, ARIOffered, ARIUnknown, ARINone}[chance.Intn(5)]
		s.run()
		s.checkAdvice()
		s.disturb()
	}
	s.renewalCA.source = ARINone
	s.finish()
}

// anyAdvice is mostly a window as CAs suggest it.
func anyAdvice(chance *rand.Rand, now time.Time, lifetime time.Duration) ARIAnswer {
	about := func(center time.Time, length time.Duration) ARIAnswer {
		start := center.Add(time.Duration(chance.Int63n(int64(length))) - length)
		return ARIAnswer{Start: start, End: start.Add(1 + time.Duration(chance.Int63n(int64(length)))), RetryAfter: now.Add(time.Duration(chance.Int63n(int64(20 * day))))}
	}
	switch chance.Intn(12) {
	case 0:
		return ARIAnswer{Err: "the CA is down"}
	case 1:
		return ARIAnswer{Err: "the CA is busy", RetryAfter: now.Add(time.Hour)}
	case 2: // over
		return about(now.Add(-day), day)
	case 3: // maybe over
		return about(now, day)
	case 4: // far too late
		return about(now.Add(2*lifetime), day)
	case 5:
		return ARIAnswer{Start: time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	case 6:
		a := about(now.Add(lifetime/10), day)
		a.ExplanationURL = page
		return a
	}
	return about(now.Add(lifetime/2), lifetime/10)
}

// checkAdvice: no advice moves a renewal to where it is too late, and what is
// stored of it is whole.
func (s *certificateSimulation) checkAdvice() {
	status := &s.crt.Status
	if status.RenewalTime != nil && !status.RenewalTime.Before(status.NotAfter) {
		s.fatalf("renewal at %s, expiry at %s", status.RenewalTime, status.NotAfter)
	}
	if status.ACME == nil {
		return
	}
	known := status.ACME.ARI
	if known == nil || known.LastChecked == nil || known.NextCheck == nil {
		s.fatalf("renewal information without the times at which it was and will be asked for: %+v", known)
	}
	if pause := known.NextCheck.Sub(known.LastChecked.Time); pause < leastPause || pause > mostPause+mostPause/10 {
		s.fatalf("asked again after %s", pause)
	}
	if known.SuggestedWindow != nil && !isWindow(known.SuggestedWindow) {
		s.fatalf("window %+v", known.SuggestedWindow)
	}
}

// urged says whether the CA wants the certificate renewed whatever the windows
// of the spec are.
func (s *certificateSimulation) urged() bool {
	status := &s.crt.Status
	return status.ACME != nil && status.ACME.ARI.SuggestedWindow != nil && !status.RenewalTime.Before(status.ACME.ARI.SuggestedWindow.End)
}
