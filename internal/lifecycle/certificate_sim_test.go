package lifecycle

import (
	"crypto/ed25519"
	"fmt"
	"math/rand"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// Whatever happens to a Certificate over a year, it is never ordered twice
// at a time or without a reason, it never waits for nothing, its back-off
// never shrinks, and once it is left alone it comes to rest with a valid
// certificate.
func TestCertificateSurvivesDisturbances(t *testing.T) {
	t.Parallel()
	seeds := 200
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			simulateCertificate(t, int64(seed), 365*24*time.Hour)
		})
	}
}

func FuzzCertificateSurvivesDisturbances(f *testing.F) {
	f.Add(int64(1))
	f.Fuzz(func(t *testing.T, seed int64) {
		simulateCertificate(t, seed, 365*24*time.Hour)
	})
}

// certificateSimulation is one history of one Certificate.
type certificateSimulation struct {
	*certificateWorld

	t      testing.TB
	chance *rand.Rand
	past   *certificateWorld // what a stale cache shows

	lifetime    time.Duration
	lastAttempt time.Time // when the issuance before this one began
	excused     bool      // an edit, a renewal by hand: attempts may come sooner
}

func simulateCertificate(t testing.TB, seed int64, span time.Duration) {
	t.Helper()
	s := &certificateSimulation{certificateWorld: newCertificateWorld(), t: t, chance: rand.New(rand.NewSource(seed))}
	s.past = s.snapshot()
	s.lifetime = []time.Duration{time.Hour, 6 * 24 * time.Hour, 90 * 24 * time.Hour}[s.chance.Intn(3)]
	if s.lifetime == time.Hour {
		span = 30 * 24 * time.Hour // as many renewals, less work
	}
	end := s.now.Add(span)
	for s.now.Before(end) {
		s.run()
		s.disturb()
	}
	s.finish()
}

// run passes until nothing changes, on stale views and through crashes, then
// lets time pass until something is due.
func (s *certificateSimulation) run() {
	for pass := 0; ; pass++ {
		if pass > 60 {
			s.t.Fatalf("hot loop: 60 passes at one instant; status %+v", s.crt.Status)
		}
		seen := s.see()
		if s.chance.Intn(8) == 0 {
			seen = s.past.see()
		}
		s.past = s.snapshot()
		crash := noCrash
		if s.chance.Intn(8) == 0 {
			crash = crashPoint(1 + s.chance.Intn(3))
		}
		ordered := s.orders
		was := IsIssuing(&s.crt.Status)
		d, changed := s.stepOn(s.t, seen, crash)
		s.checkBegin(was)
		s.checkOrders(ordered)
		if !changed && crash == noCrash && seen.Certificate == s.crt {
			s.checkRest(d)
			s.pass(d)
			return
		}
	}
}

// checkBegin watches the distance between attempts.
func (s *certificateSimulation) checkBegin(was bool) {
	if was || !IsIssuing(&s.crt.Status) {
		return
	}
	gap := s.now.Sub(s.lastAttempt)
	failed := s.crt.Status.FailedIssuanceAttempts != nil && *s.crt.Status.FailedIssuanceAttempts > 0
	if failed && !s.excused {
		// 1 h, 2 h, 4 h ..., 32 h: it never shrinks.
		least := min(time.Hour<<min(*s.crt.Status.FailedIssuanceAttempts-1, 5), 32*time.Hour)
		if gap < least {
			s.t.Fatalf("attempt %v after the one before, failure number %d", gap, *s.crt.Status.FailedIssuanceAttempts)
		}
	}
	s.lastAttempt, s.excused = s.now, false
}

func (s *certificateSimulation) checkOrders(before int) {
	if s.orders > before && !IsIssuing(&s.crt.Status) {
		s.t.Fatal("a certificate was requested although none is being issued")
	}
	live := 0
	for _, req := range s.requests {
		if r := s.read(req); !r.issued() && r.refused() == nil {
			live++
		}
	}
	if live > 1 {
		s.t.Fatalf("%d requests wait for an answer at once", live)
	}
}

// checkRest: who does nothing must have a reason to be woken, or be done.
func (s *certificateSimulation) checkRest(d CertificateDecision) {
	switch {
	case s.ready() && !IsIssuing(&s.crt.Status):
		if d.Wake.IsZero() {
			s.t.Fatal("a certificate without a wake-up for its renewal")
		}
		if len(s.keys) > 0 {
			s.t.Fatalf("private keys left behind: %d", len(s.keys))
		}
		if len(s.requests) > 2 {
			s.t.Fatalf("%d requests kept", len(s.requests))
		}
	case s.pending() != nil: // its answer is watched
	case !d.Wake.IsZero():
	default:
		s.t.Fatalf("waits for nothing; status %+v", s.crt.Status)
	}
}

// pass lets the issuer answer, or time go by until something is due.
func (s *certificateSimulation) pass(d CertificateDecision) {
	if req := s.pending(); req != nil {
		s.now = s.now.Add(time.Duration(1+s.chance.Intn(120)) * time.Second)
		if s.chance.Intn(5) == 0 {
			s.refuse(req, "the issuer refused it")
		} else {
			s.sign(s.t, req, s.lifetime)
		}
		return
	}
	if !d.Wake.After(s.now) {
		s.t.Fatalf("woken at %v for %v, and nothing to do", s.now, d.Wake)
	}
	s.now = d.Wake
}

// disturb does one of the things that happen in clusters, sometimes.
func (s *certificateSimulation) disturb() {
	switch s.chance.Intn(24) {
	case 0:
		s.secret = nil
	case 1:
		s.crt.Generation++
		s.crt.Spec.DNSNames = []string{fmt.Sprintf("shop%d.example.com", s.chance.Intn(5))}
		s.excused = true
	case 2:
		for name := range s.requests {
			delete(s.requests, name)
			break
		}
		s.excused = true // the evidence of the last failure may be gone with it
	case 3:
		for name := range s.keys {
			delete(s.keys, name)
		}
	case 4:
		for name := range s.keys {
			s.keys[name] = []byte("garbage")
		}
	case 5:
		if s.secret != nil {
			s.secret.data = map[string][]byte{TLSKey: []byte("garbage"), TLSCert: s.secret.data[TLSCert]}
		}
	case 6:
		if s.secret != nil {
			s.secret.labels, s.secret.annotations = nil, nil
		}
	case 7:
		if !IsIssuing(&s.crt.Status) {
			s.crt.Status.Conditions = SetCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateCondition{
				Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			}, s.now)
			s.lastAttempt = s.now
			s.excused = true
		}
	case 8:
		s.now = s.now.Add(time.Duration(s.chance.Intn(48)) * time.Hour)
	case 9:
		s.crt.Generation++
		s.crt.Spec.IssuerRef.Name = []string{"ca", "other-ca"}[s.chance.Intn(2)]
		s.excused = true
	case 10:
		s.crt.Generation++
		s.crt.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"team": fmt.Sprint(s.chance.Intn(3))}}
	case 11:
		s.crt.Generation++
		policy := []cmv1.PrivateKeyRotationPolicy{cmv1.RotationPolicyAlways, cmv1.RotationPolicyNever}[s.chance.Intn(2)]
		s.crt.Spec.PrivateKey.RotationPolicy = policy
	}
}

// finish leaves the Certificate alone, with an issuer that works: within the
// longest back-off it must be at rest.
func (s *certificateSimulation) finish() {
	end := s.now.Add(IssuanceBackoff.Most + time.Hour)
	for {
		d := s.settle(s.t)
		if req := s.pending(); req != nil {
			s.sign(s.t, req, 365*24*time.Hour)
			continue
		}
		if s.ready() && !IsIssuing(&s.crt.Status) {
			break
		}
		if d.Wake.IsZero() || d.Wake.After(end) {
			s.t.Fatalf("did not come to rest; status %+v", s.crt.Status)
		}
		s.now = d.Wake
	}
	if err := certificateFits(s.certificateWorld); err != nil {
		s.t.Fatal(err)
	}
}

// certificateFits checks the outcome against the spec, without the policies.
func certificateFits(w *certificateWorld) error {
	secret := ReadSecret(w.secret.labels, w.secret.annotations, w.secret.data)
	leaf := secret.Leaf()
	if leaf == nil {
		return fmt.Errorf("no certificate in the Secret: %w", secret.ChainErr)
	}
	if got, want := leaf.DNSNames, w.crt.Spec.DNSNames; len(got) != 1 || got[0] != want[0] {
		return fmt.Errorf("certificate is for %v, want %v", got, want)
	}
	if !secret.PublicKey.(ed25519.PublicKey).Equal(leaf.PublicKey) {
		return fmt.Errorf("the Secret's key is not the certificate's")
	}
	if got := w.crt.Status.NotAfter; got == nil || !got.Equal(&metav1.Time{Time: leaf.NotAfter}) {
		return fmt.Errorf("status.notAfter is %v, want %v", got, leaf.NotAfter)
	}
	return nil
}
