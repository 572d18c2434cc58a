package lifecycle

import (
	"strings"
	"testing"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// What becomes of a certificate that nobody should trust, as stories.
func TestRevokedTranscripts(t *testing.T) {
	t.Parallel()
	never := func(s *story) { s.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever }
	burn := func(s *story) {
		s.tell("others know the key in the Secret")
		s.burn(s.readSecret().PublicKey)
	}
	revoke := func(s *story, reason string) {
		s.tell("CA     revokes: %s", reason)
		s.revoke(reason)
	}
	for name, happens := range map[string]func(s *story){
		"key-known": func(s *story) {
			s.issued(90 * day)
			burn(s)
			s.issued(90 * day)
		},
		"key-known-that-is-kept": func(s *story) {
			never(s)
			s.issued(90 * day)
			burn(s)
			s.issued(90 * day)
		},
		"key-known-while-it-is-kept-for-a-renewal": func(s *story) {
			never(s)
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.rest()
			burn(s)
			s.issued(90 * day)
		},
		"key-known-and-its-request-refused-for-that": func(s *story) {
			never(s)
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.rest()
			burn(s)
			s.refuse(s.pending(), "the key must not be used any more")
			s.issued(90 * day)
		},
		"key-known-put-back-again-and-again": func(s *story) {
			s.issued(90 * day)
			old := s.secret
			burn(s)
			s.issued(90 * day)
			for range 2 {
				s.now = s.now.Add(time.Minute)
				s.tell("the Secret is restored")
				s.secret = old
				s.now = s.rest().Wake
				s.issued(90 * day)
			}
		},
		"key-known-and-the-issuer-refuses": func(s *story) {
			s.issued(90 * day)
			burn(s)
			s.rest()
			s.tell("CA     refuses")
			s.refuse(s.pending(), "too many certificates")
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"imported-key-known": func(s *story) {
			never(s)
			imported := simKeyPool[pki.KeySpec{Algorithm: pki.Ed25519}][9]
			s.secret = &storedObject{data: map[string][]byte{TLSKey: imported}}
			burn(s)
			s.issued(90 * day)
		},
		"revoked-elsewhere": func(s *story) {
			s.issued(90 * day)
			revoke(s, "superseded")
			s.issued(90 * day)
		},
		"revoked-elsewhere-with-a-key-that-is-kept": func(s *story) {
			never(s)
			s.issued(90 * day)
			revoke(s, "superseded")
			s.issued(90 * day)
			revoke(s, "keyCompromise")
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"revoked-elsewhere-and-the-list-is-not-read-again": func(s *story) {
			s.issued(90 * day)
			revoke(s, "keyCompromise")
			s.rest()
			s.unread = true
			s.tell("the operator is restarted")
			s.refuse(s.pending(), "the CA is down")
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"put-on-hold-and-taken-off": func(s *story) {
			s.crt.Spec.Renewal = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyDisabled}
			s.issued(90 * day)
			s.ended, s.endedSerial = "end", s.serial
			revoke(s, "certificateHold")
			s.rest()
			s.ended = ""
			clear(s.revoked)
			s.rest()
		},
		"ended-on-purpose": func(s *story) {
			s.issued(90 * day)
			s.ended, s.endedSerial = "end", s.serial
			revoke(s, "cessationOfOperation")
			s.rest()
			s.now = s.crt.Status.RenewalTime.Add(time.Hour)
			s.tell("the renewal would be due")
			s.rest()
			s.now = s.now.Add(90 * day)
			s.rest()
			s.tell("renewed by hand")
			s.crt.Status.Conditions = SetCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateCondition{
				Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			}, s.now)
			s.issued(90 * day)
		},
		"ended-on-purpose-with-a-key-that-others-know": func(s *story) {
			never(s)
			s.issued(90 * day)
			s.ended, s.endedSerial = "end", s.serial
			burn(s)
			s.rest()
			s.tell("edited")
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.issued(90 * day)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &story{certificateWorld: newCertificateWorld(), t: t}
			happens(s)
			compareTranscript(t, "revoked-"+name, strings.Join(s.lines, "\n")+"\n")
			if s.burned(s.readSecret().PublicKey) || FindCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateConditionRevoked) != nil {
				t.Errorf("it ends with a certificate that nobody should trust: %+v", s.crt.Status.Conditions)
			}
		})
	}
}

// What is told does not change with the passes, or each would bring on the
// next.
func TestRevokedIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.issue(t, 90*day)
	w.ended, w.endedSerial = "end", w.serial
	w.revoke("keyCompromise")
	w.burn(w.readSecret().PublicKey)
	w.settle(t)
	writes, events := w.writes, len(w.events)
	for range 5 {
		w.now = w.now.Add(time.Hour)
		w.settle(t)
	}
	if w.writes != writes || len(w.events) != events {
		t.Errorf("%d writes and %d events more", w.writes-writes, len(w.events)-events)
	}
}

// The process may die at every write, before and after: no certificate is ever
// asked for with the key, and what was revoked is replaced.
func TestKnownKeyIsReplacedThroughCrashesAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, when := range []int{0, 1, 2, 3, 4} { // passes into a renewal that keeps the key
		for _, crash := range []crashPoint{crashBeforeAction, crashBeforeStatus, crashBeforeEvents} {
			for at := range 14 {
				w := newCertificateWorld()
				w.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever
				w.issue(t, 90*day)
				w.now = w.settle(t).Wake
				known := w.readSecret().PublicKey
				for pass := range 60 {
					if pass == when {
						w.burn(known)
					}
					c := noCrash
					if pass == at {
						c = crash
					}
					d, changed := w.stepOn(t, w.see(), c)
					if req := w.pending(); req != nil && pass%2 == 1 {
						w.sign(t, req, 90*day)
						continue
					}
					if !changed && d.Wake.After(w.now) && pass > when && pass > at {
						break
					}
				}
				if !w.ready() || pki.SameKey(known, w.readSecret().PublicKey) {
					t.Fatalf("crash %d at pass %d, known at pass %d: conditions %+v", crash, at, when, w.crt.Status.Conditions)
				}
			}
		}
	}
}
