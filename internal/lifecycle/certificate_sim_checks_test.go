package lifecycle

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

// simRecord is what a simulation remembers to check what happens.
type simRecord struct {
	lastAttempt time.Time // when the issuance before this one began
	asked       bool      // an edit, a renewal by hand: the next attempt may come sooner
	clockSet    bool      // back-off is measured by another clock

	orderTimes []time.Time // of orders since somebody asked for one
	damaged    bool        // something was destroyed since the last order
	calm       bool        // nothing has happened since the last certificate was asked for
}

// excuse: somebody asked for what comes next.
func (s *certificateSimulation) excuse() {
	s.asked = true
	s.orderTimes = s.orderTimes[:0]
}

// disturbed: what comes next is not what comes when all is well.
func (s *certificateSimulation) disturbed() { s.calm = false }

// simBefore is what a pass is compared with.
type simBefore struct {
	issuing bool
	orders  int
	events  int
}

func (s *certificateSimulation) before() simBefore {
	s.events = s.events[:0]
	return simBefore{IsIssuing(&s.crt.Status), s.orders, 0}
}

// check looks at what one pass has done.
func (s *certificateSimulation) check(before simBefore) {
	if !before.issuing && IsIssuing(&s.crt.Status) {
		s.checkBegin()
	}
	if s.orders > before.orders {
		s.checkOrder()
	}
	live := 0
	for _, req := range s.requests {
		if r := s.read(req); !r.issued() && r.refused() == nil {
			live++
		}
	}
	if live > 1 {
		s.fatalf("%d requests wait for an answer at once", live)
	}
}

// checkBegin: back-off never shrinks, and a renewal keeps to its windows.
func (s *certificateSimulation) checkBegin() {
	gap := s.now.Sub(s.lastAttempt)
	if failed := s.crt.Status.FailedIssuanceAttempts; failed != nil && *failed > 0 && !s.asked && !s.clockSet {
		// 1 h, 2 h, 4 h ..., 32 h.
		if least := min(time.Hour<<min(*failed-1, 5), 32*time.Hour); gap < least-time.Second {
			s.fatalf("attempt %v after the one before, failure number %d", gap, *failed)
		}
	}
	s.lastAttempt, s.asked, s.clockSet = s.now, false, false
	s.calm = s.vandal == 0 && s.thief == 0
	why := FindCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateConditionIssuing)
	if why.Reason != cmv1.CertificateReasonRenewing {
		return
	}
	if policy := s.crt.Spec.Renewal; policy != nil && policy.Policy == cmv1.CertificateRenewalPolicyDisabled {
		s.fatalf("renewed although that is disabled")
	}
	if s.crt.Spec.Renewal == simNightly && !s.urged() && s.now.Hour() != 2 && s.now.Hour() != 3 {
		night := s.now.Truncate(day).Add(26 * time.Hour)
		if s.now.Hour() < 2 {
			night = night.Add(-day)
		}
		if leaf := s.readSecret().Leaf(); night.Before(leaf.NotAfter.Add(-renewalReserve)) {
			s.fatalf("renewed outside of the window: %s, and it expires at %s", why.Message, leaf.NotAfter)
		}
	}
}

// checkOrder: a certificate is asked for only when one is being issued, and
// without somebody's asking at most once in five minutes; what has been
// destroyed is mended at once, but not what has just been mended.
func (s *certificateSimulation) checkOrder() {
	if !IsIssuing(&s.crt.Status) {
		s.fatalf("a certificate was requested although none is being issued")
	}
	s.orderTimes = append(s.orderTimes, s.now)
	n := len(s.orderTimes)
	if n >= 2 && s.now.Sub(s.orderTimes[n-2]) < minSpacing && !s.damaged {
		s.fatalf("a certificate %s after the one before, and nothing was destroyed", s.now.Sub(s.orderTimes[n-2]))
	}
	if n >= 3 && s.now.Sub(s.orderTimes[n-3]) < minSpacing {
		s.fatalf("three certificates within %s", s.now.Sub(s.orderTimes[n-3]))
	}
	if n > 3 {
		s.orderTimes = append(s.orderTimes[:0], s.orderTimes[n-3:]...)
	}
	s.damaged = false
}

// checkRest: who does nothing must have a reason to be woken, or be done.
func (s *certificateSimulation) checkRest(d CertificateDecision) {
	ready := FindCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateConditionReady)
	disabled := renewalDisabled(&s.crt.Spec)
	switch {
	case s.see().SecretOwner != "":
		if ready.Reason != ReasonSecretConflict || !strings.Contains(ready.Message, `"rival"`) {
			s.fatalf("the Secret belongs to another, and nobody is told")
		}
	case s.ready() && !IsIssuing(&s.crt.Status):
		if d.Wake.IsZero() {
			s.fatalf("a certificate without a wake-up for its renewal")
		}
		if len(s.keys) > 0 {
			s.fatalf("private keys left behind: %d", len(s.keys))
		}
		if len(s.requests) > 2 {
			s.fatalf("%d requests kept", len(s.requests))
		}
		if s.rival != nil && !strings.Contains(ready.Message, `"rival"`) {
			s.fatalf("another Certificate names the same Secret, and nobody is told")
		}
	case s.pending() != nil: // its answer is watched
	case ready.Reason == cmv1.CertificateReasonExpired && disabled && !IsIssuing(&s.crt.Status):
	case !d.Wake.IsZero():
	case ready.Reason == cmv1.CertificateReasonSecretMismatch && strings.Contains(ready.Message, "rotationPolicy is Never"):
	default:
		s.fatalf("waits for nothing")
	}
	if s.calm && IsIssuing(&s.crt.Status) && ready.Reason != cmv1.CertificateReasonExpired {
		if why := FindCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateConditionIssuing); why.Reason == cmv1.CertificateReasonRenewing && !s.ready() {
			s.fatalf("not ready while a valid certificate is renewed")
		}
	}
	if ready.ObservedGeneration != s.crt.Generation {
		s.fatalf("the condition speaks of generation %d, this is %d", ready.ObservedGeneration, s.crt.Generation)
	}
}

// certificateFits checks the outcome against the spec, without the policies.
func certificateFits(w *certificateWorld) error {
	secret := w.readSecret()
	leaf := secret.Leaf()
	if leaf == nil {
		return fmt.Errorf("no certificate in the Secret: %w", secret.ChainErr)
	}
	if got, want := leaf.DNSNames, w.crt.Spec.DNSNames; len(got) != 1 || got[0] != want[0] {
		return fmt.Errorf("certificate is for %v, want %v", got, want)
	}
	if !pki.SameKey(secret.PublicKey, leaf.PublicKey) {
		return fmt.Errorf("the Secret's key is not the certificate's")
	}
	if got := w.crt.Status.NotAfter; got == nil || !got.Equal(&metav1.Time{Time: leaf.NotAfter}) {
		return fmt.Errorf("status.notAfter is %v, want %v", got, leaf.NotAfter)
	}
	return nil
}
