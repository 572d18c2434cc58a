package lifecycle

import (
	"strings"
	"testing"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

const simWish = `Revocation "leak"`

func (s *story) askReplacement() {
	s.t.Helper()
	s.tell("%s asks for a replacement", simWish)
	if !AskReplacement(s.crt, simWish, s.now) {
		s.t.Fatal("a replacement is asked for already")
	}
}

// A replacement that somebody asks for has another key, and the wish lasts
// until it is fulfilled, as stories.
func TestReplacementTranscripts(t *testing.T) {
	t.Parallel()
	never := func(s *story) { s.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever }
	for name, happens := range map[string]func(s *story){
		"asked": func(s *story) {
			s.issued(90 * day)
			s.askReplacement()
			s.issued(90 * day)
		},
		"asked-of-a-key-that-is-kept": func(s *story) {
			never(s)
			s.issued(90 * day)
			s.askReplacement()
			s.issued(90 * day)
		},
		"asked-while-the-key-is-kept-for-a-renewal": func(s *story) {
			never(s)
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.rest()
			s.askReplacement()
			s.issued(90 * day)
		},
		"asked-when-the-kept-key-was-stored-again": func(s *story) {
			never(s)
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.rest()
			s.sign(s.t, s.pending(), 90*day)
			s.step(s.t) // the Secret is written, the status is not
			s.askReplacement()
			s.issued(90 * day)
		},
		"refused-then-granted": func(s *story) {
			s.issued(90 * day)
			s.askReplacement()
			for range 2 {
				s.rest()
				s.tell("CA     refuses")
				s.refuse(s.pending(), "too many certificates")
				s.now = s.rest().Wake
			}
			s.issued(90 * day)
		},
		"refused-then-edited": func(s *story) {
			never(s)
			s.issued(90 * day)
			s.askReplacement()
			s.rest()
			s.tell("CA     refuses")
			s.refuse(s.pending(), "too many certificates")
			s.rest()
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.issued(90 * day)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &story{certificateWorld: newCertificateWorld(), t: t}
			happens(s)
			compareTranscript(t, "replacement-"+name, strings.Join(s.lines, "\n")+"\n")
			if ReplacementAsked(&s.crt.Status) || !s.ready() {
				t.Error("the wish was not fulfilled")
			}
		})
	}
}

func TestReplacementHasAnotherKeyWhateverTheRotationPolicySays(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever
	w.issue(t, 90*day)
	before := w.readSecret().PublicKey
	if !AskReplacement(w.crt, simWish, w.now) {
		t.Fatal("not asked")
	}
	if AskReplacement(w.crt, `Reissue "other"`, w.now) {
		t.Error("asked twice")
	}
	w.issue(t, 90*day)
	if pki.SameKey(before, w.readSecret().PublicKey) {
		t.Error("the key was kept")
	}
	if w.orders != 2 {
		t.Errorf("%d certificates were ordered, want 2", w.orders)
	}
}

// Who asks is a person: that a certificate was issued a moment ago, and one
// before that, holds nothing up.
func TestReplacementDoesNotWaitForTheSpacing(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.issue(t, 90*day)
	for range 3 {
		w.now = w.now.Add(time.Second)
		AskReplacement(w.crt, simWish, w.now)
		if d := w.issue(t, 90*day); IsIssuing(&d.Status) {
			t.Fatalf("still issuing: %+v", d.Status.Conditions)
		}
	}
	if w.orders != 4 {
		t.Errorf("%d certificates were ordered, want 4", w.orders)
	}
}

// The process may die at every write, before and after.
func TestReplacementSurvivesCrashesAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, policy := range []cmv1.PrivateKeyRotationPolicy{cmv1.RotationPolicyAlways, cmv1.RotationPolicyNever} {
		for _, crash := range []crashPoint{crashBeforeAction, crashBeforeStatus, crashBeforeEvents} {
			for at := range 12 {
				w := newCertificateWorld()
				w.crt.Spec.PrivateKey.RotationPolicy = policy
				w.issue(t, 90*day)
				before := w.readSecret().PublicKey
				AskReplacement(w.crt, simWish, w.now)
				for pass := range 40 {
					c := noCrash
					if pass == at {
						c = crash
					}
					if req := w.pending(); req != nil {
						w.sign(t, req, 90*day)
					}
					w.stepOn(t, w.see(), c)
				}
				if ReplacementAsked(&w.crt.Status) || !w.ready() || pki.SameKey(before, w.readSecret().PublicKey) || w.orders != 2 {
					t.Errorf("%s, crash %d at pass %d: %d orders, conditions %+v", policy, crash, at, w.orders, w.crt.Status.Conditions)
				}
			}
		}
	}
}
