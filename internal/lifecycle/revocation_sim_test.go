package lifecycle

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// Whatever happens to a Revocation, the process dying at any write included: no
// certificate but the one that was found is revoked, none before its
// replacement was stored if that was asked for, none is asked about in a loop,
// and once things are well again each Revocation comes to an end, and leaves no
// key behind.
func TestRevocationSurvivesDisturbances(t *testing.T) {
	t.Parallel()
	for seed := range *simSeeds {
		simulateRevocation(t, fmt.Sprintf("seed %d", seed), &dice{chance: rand.New(rand.NewSource(int64(seed)))})
	}
}

// The bytes are the schedule, as in FuzzCertificateSurvivesDisturbances.
func FuzzRevocationSurvivesDisturbances(f *testing.F) {
	f.Add([]byte{1, 7, 0, 3, 0, 0, 5, 1})
	f.Add([]byte("the CA loses its answer, and the process dies after it has asked"))
	f.Fuzz(func(t *testing.T, schedule []byte) {
		simulateRevocation(t, "schedule", &dice{schedule: schedule})
	})
}

// revocationSimulation is one history of one Revocation.
type revocationSimulation struct {
	*revocationWorld
	*dice

	t        testing.TB
	name     string
	replaced bool // the Certificate was Ready with neither certificate nor key
	calm     bool
}

func simulateRevocation(t testing.TB, name string, d *dice) {
	t.Helper()
	spec := revoking([]v1alpha1.RevocationReason{v1alpha1.KeyCompromise, v1alpha1.Superseded, v1alpha1.CessationOfOperation}[d.throw(3)])
	spec.Authorization = []v1alpha1.RevocationAuthorization{v1alpha1.AuthorizationAuto, v1alpha1.AuthorizationCertificateKey}[d.throw(2)]
	s := &revocationSimulation{revocationWorld: newRevocationWorld(spec), dice: d, t: t, name: name}
	healthy := s.answer
	s.answer = func() (RevokeOutcome, string, bool) {
		switch n := s.throw(8); {
		case s.calm:
		case n == 0:
			return nil, "no answer", false
		case n == 1:
			return nil, "the answer was lost", true
		case n == 2:
			return RevokeWait{Until: s.now.Add(time.Duration(s.throw(120)) * time.Minute), Message: "busy"}, "", false
		}
		return healthy()
	}
	for range 60 {
		s.disturb()
		s.step([]crashPoint{crashBeforeAction, crashBeforeStatus, crashBeforeEvents, noCrash, noCrash, noCrash}[s.throw(6)])
		if s.rev == nil {
			return
		}
	}
	s.calm = true
	for range 40 {
		d := s.rest(t)
		s.check()
		if RevocationOver(s.rev) {
			break
		}
		waits := ReplacementAsked(&s.crt.Status)
		switch {
		case waits:
			s.replaceNow()
		case d.Wake.IsZero():
			s.fail("waits for nothing")
			return
		default:
			s.now = d.Wake
		}
	}
	s.finish()
}

// disturb has something happen, or the Certificate's controller do its work.
func (s *revocationSimulation) disturb() {
	switch s.throw(12) {
	case 0:
		s.now = s.now.Add(time.Duration(s.throw(180)) * time.Second)
	case 1, 2:
		if ReplacementAsked(&s.crt.Status) {
			s.replaceNow()
		}
	case 3:
		if c := FindCertificateCondition(s.crt.Status.Conditions, "Issuing"); c != nil && ReplacementAsked(&s.crt.Status) {
			c.Status, c.Message = []cmmeta.ConditionStatus{cmmeta.ConditionFalse, cmmeta.ConditionTrue}[s.throw(2)], "Issuing certificate: x; the last attempt failed: y"
		}
	case 4:
		if s.issued < 10 && s.throw(3) == 0 && !ReplacementAsked(&s.crt.Status) {
			s.store(s.issued + 1) // a renewal, which keeps the key or does not
			s.note()
		}
	case 5:
		s.stored = -1
		s.setReady(cmmeta.ConditionFalse, "the Secret does not exist")
	case 6:
		if s.stored < 0 {
			s.store(s.issued)
			s.note()
		}
	}
}

func (s *revocationSimulation) replaceNow() {
	if s.issued >= 12 {
		s.issued = 2 // enough keys for anybody, and none that was revoked
	}
	s.replace()
	s.note()
}

// note keeps in mind that there was a replacement.
func (s *revocationSimulation) note() {
	leaf := s.leafOfStatus()
	if leaf == nil {
		return
	}
	stored := leaves()[s.stored]
	s.replaced = s.replaced || (!sameCertificate(stored, leaf) && !pki.SameKey(stored.PublicKey, leaf.PublicKey))
}

func (s *revocationSimulation) step(crash crashPoint) {
	before := len(s.asked)
	s.revocationWorld.step(crash)
	if s.rev != nil && len(s.asked) > before {
		s.asks()
	}
	s.check()
}

// asks checks what has to be so when the CA is asked.
func (s *revocationSimulation) asks() {
	status := &s.rev.Status
	if RevocationReissues(&s.rev.Spec, status.CertificateName) && (status.ReissuedAt == nil || !s.replaced) {
		s.fail("the CA was asked before the replacement was stored")
	}
}

func (s *revocationSimulation) check() {
	if s.rev == nil {
		return
	}
	leaf := s.leafOfStatus()
	for serial := range s.revoked {
		if leaf == nil || leaf.SerialNumber.String() != serial {
			s.fail("the certificate %s was revoked, which nobody asked for", serial)
		}
	}
	if s.rev.Status.FailedAttempts > maxRevocationAttempts {
		s.fail("%d attempts", s.rev.Status.FailedAttempts)
	}
}

func (s *revocationSimulation) finish() {
	end := revocationOver(&s.rev.Status)
	switch {
	case end == nil:
		s.fail("it does not come to an end")
		return
	case end.Type == v1alpha1.RevocationRevoked && len(s.revoked) != 1:
		s.fail("it says that it has revoked something")
	case s.kept != NoKeptKey:
		s.fail("the key was left behind")
	case s.rev.Spec.Reason == v1alpha1.KeyCompromise && findCondition(s.rev.Status.Conditions, v1alpha1.RevocationFound).Status == metav1.ConditionTrue && !s.burned:
		s.fail("the key was forgotten")
	}
}

func (s *revocationSimulation) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("%s: %s:\n%s", s.name, fmt.Sprintf(format, args...), strings.Join(s.lines, "\n"))
}

// The process may die at every write, before and after, on the way of every
// kind of Revocation.
func TestRevocationSurvivesCrashesAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, reason := range []v1alpha1.RevocationReason{v1alpha1.KeyCompromise, v1alpha1.Superseded, v1alpha1.Unspecified} {
		for _, with := range []v1alpha1.RevocationAuthorization{v1alpha1.AuthorizationAuto, v1alpha1.AuthorizationCertificateKey} {
			for _, crash := range []crashPoint{crashBeforeAction, crashBeforeStatus, crashBeforeEvents} {
				for at := range 14 {
					spec := revoking(reason)
					spec.Authorization = with
					w := newRevocationWorld(spec)
					for pass := range 40 {
						c := noCrash
						if pass == at {
							c = crash
						}
						asked := len(w.asked)
						d, _ := w.step(c)
						if len(w.asked) > asked && RevocationReissues(&spec, "web") && (w.rev.Status.ReissuedAt == nil || w.stored == 0) {
							t.Errorf("%s, crash %d at pass %d: revoked before it was replaced", reason, crash, at)
						}
						if ReplacementAsked(&w.crt.Status) {
							w.replace()
						}
						if d.Wake.After(w.now) && d.Wake.Before(w.now.Add(day)) {
							w.now = d.Wake
						}
					}
					end := w.over(t)
					if end.Type != v1alpha1.RevocationRevoked || len(w.revoked) != 1 || len(w.asked) > 2 || w.kept != NoKeptKey || w.burned != (reason == v1alpha1.KeyCompromise) {
						t.Errorf("%s, %s, crash %d at pass %d: %s %s; asked %d times, kept %d, burned %t:\n%s",
							reason, with, crash, at, end.Type, end.Reason, len(w.asked), w.kept, w.burned, strings.Join(w.lines, "\n"))
					}
				}
			}
		}
	}
}
