package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

const day = 24 * time.Hour

// story tells what happens to a Certificate, line by line.
type story struct {
	*certificateWorld

	t     *testing.T
	lines []string
}

func (s *story) tell(format string, args ...any) {
	at := s.now.Sub(simStart)
	s.lines = append(s.lines, fmt.Sprintf("%-12s ", at)+fmt.Sprintf(format, args...))
}

// rest runs passes until nothing changes, and tells what each does.
func (s *story) rest() CertificateDecision {
	s.t.Helper()
	for range 50 {
		before := s.crt.Status.DeepCopy()
		events := len(s.events)
		d, changed := s.step(s.t)
		if !changed {
			return d
		}
		if _, idle := d.Action.(NoCertificateAction); !idle {
			s.tell("do     %s%+v", strings.TrimPrefix(fmt.Sprintf("%T", d.Action), "lifecycle."), d.Action)
		}
		for _, field := range changedFields(before, &s.crt.Status) {
			if name, _, _ := strings.Cut(field, "="); name != "conditions" {
				s.tell("status %s", field)
			}
		}
		s.tellConditions(before.Conditions)
		for _, e := range s.events[events:] {
			s.tell("event  %s %s: %s", e.Type, e.Reason, e.Message)
		}
	}
	s.t.Fatal("no rest")
	return CertificateDecision{}
}

func (s *story) tellConditions(before []cmv1.CertificateCondition) {
	for _, c := range s.crt.Status.Conditions {
		old := FindCertificateCondition(before, c.Type)
		if old == nil || old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message {
			s.tell("%s %s, %s: %s", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	for _, c := range before {
		if FindCertificateCondition(s.crt.Status.Conditions, c.Type) == nil {
			s.tell("%s removed", c.Type)
		}
	}
}

// issued lets the CA answer what is asked, and tells the rest.
func (s *story) issued(lifetime time.Duration) {
	s.t.Helper()
	s.rest()
	s.tell("CA     issues for %s", lifetime)
	s.sign(s.t, s.pending(), lifetime)
	s.rest()
}

// Each reason for an issuance, and each way out of one, as a story.
func TestCertificateTranscripts(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(s *story){
		"first": func(s *story) { s.issued(90 * day) },
		"renewal": func(s *story) {
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"secret-deleted": func(s *story) {
			s.issued(90 * day)
			s.secret = nil
			s.issued(90 * day)
		},
		"missing-data": func(s *story) {
			s.issued(90 * day)
			s.secret.data = map[string][]byte{TLSCert: s.secret.data[TLSCert]}
			s.rest()
		},
		"garbage-key": func(s *story) {
			s.issued(90 * day)
			s.secret.data = map[string][]byte{TLSCert: s.secret.data[TLSCert], TLSKey: []byte("garbage")}
			s.rest()
		},
		"garbage-certificate": func(s *story) {
			s.issued(90 * day)
			s.secret.data = map[string][]byte{TLSKey: s.secret.data[TLSKey], TLSCert: []byte("garbage")}
			s.rest()
		},
		"another-issuer": func(s *story) {
			s.issued(90 * day)
			s.crt.Spec.IssuerRef = cmmeta.IssuerReference{Name: "other", Kind: cmv1.ClusterIssuerKind}
			s.rest()
		},
		"another-certificate": func(s *story) {
			s.issued(90 * day)
			s.secret.annotations[cmv1.CertificateNameKey] = "former"
			s.rest()
		},
		"another-key-size": func(s *story) {
			s.issued(90 * day)
			s.crt.Spec.PrivateKey.Algorithm = cmv1.ECDSAKeyAlgorithm
			s.rest()
		},
		"swapped-key-pair": func(s *story) {
			s.issued(90 * day)
			other := &story{certificateWorld: newCertificateWorld(), t: s.t}
			other.keySeed = 7
			other.issued(90 * day)
			s.secret.data = other.secret.data
			s.rest()
		},
		"another-name": func(s *story) {
			s.issued(90 * day)
			s.crt.Spec.DNSNames = append(s.crt.Spec.DNSNames, "www.example.com")
			s.issued(90 * day)
		},
		"another-name-without-request": func(s *story) {
			s.issued(90 * day)
			s.requests = map[string]*cmv1.CertificateRequest{}
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.rest()
		},
		"by-hand": func(s *story) {
			s.issued(90 * day)
			s.crt.Status.Conditions = SetCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateCondition{
				Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			}, s.now)
			s.issued(90 * day)
		},
		"refused-twice": func(s *story) {
			for range 2 {
				s.rest()
				s.tell("CA     refuses")
				s.refuse(s.pending(), "the CA does not like shop.example.com")
				s.now = s.rest().Wake
			}
			s.issued(90 * day)
		},
		"refused-then-edited": func(s *story) {
			s.rest()
			s.refuse(s.pending(), "the CA does not like shop.example.com")
			s.rest()
			s.crt.Spec.DNSNames = []string{"www.example.com"}
			s.rest()
		},
		"died-before-it-said-that-it-issues": func(s *story) {
			s.stepOn(s.t, s.see(), crashBeforeStatus)
			s.tell("crash  before the status was written")
			s.issued(90 * day)
		},
		"denied": func(s *story) {
			s.rest()
			s.pending().Status.Conditions = []cmv1.CertificateRequestCondition{{
				Type: cmv1.CertificateRequestConditionDenied, Status: cmmeta.ConditionTrue, Reason: "Policy", Message: "no such names here",
			}}
			s.rest()
		},
		"trouble-then-mended": func(s *story) {
			s.rest()
			s.answer(s.pending(), cmmeta.ConditionFalse, cmv1.CertificateRequestReasonPending, `Issuer "ca" is not ready: Secret "ca" does not exist`)
			s.now = s.rest().Wake
			s.rest()
			s.issued(90 * day)
		},
		"key-kept-that-no-longer-fits": func(s *story) {
			s.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyNever
			s.issued(90 * day)
			s.crt.Spec.PrivateKey.Algorithm = cmv1.ECDSAKeyAlgorithm
			s.rest()
		},
		"renewed-at-birth": func(s *story) {
			s.crt.Spec.RenewBefore = &metav1.Duration{Duration: 59 * time.Minute}
			s.issued(time.Hour)
			s.now = s.rest().Wake
			s.issued(time.Hour)
		},
		"temporary": func(s *story) {
			s.crt.Annotations = map[string]string{cmv1.IssueTemporaryCertificateAnnotation: "true"}
			s.issued(90 * day)
		},
		"key-not-of-the-request": func(s *story) {
			s.issued(90 * day)
			// Another pair, whole in itself, with the annotations of ours.
			other := newCertificateWorld()
			other.keySeed = 7
			other.issue(s.t, 90*day)
			s.secret.data = other.secret.data
			s.rest()
		},
		"expired": func(s *story) {
			s.crt.Spec.Renewal = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyDisabled}
			s.issued(90 * day)
			s.now = s.rest().Wake
			if d := s.rest(); !d.Wake.IsZero() {
				s.t.Errorf("woken at %v, although nothing will happen", d.Wake)
			}
		},
		"expired-while-the-issuer-is-down": func(s *story) {
			s.issued(90 * day)
			for s.ready() {
				s.now = s.rest().Wake
				if req := s.pending(); req != nil {
					s.refuse(req, "the CA is down")
				}
			}
			s.lines = append(s.lines[:12], s.lines[len(s.lines)-12:]...)
		},
		"window-error": func(s *story) {
			s.crt.Spec.Renewal = windows(window("0 2 * * *", "", time.Hour), window("61 * * * *", "", time.Hour))
			s.issued(90 * day)
			s.now = s.rest().Wake // as if there were no windows
			s.issued(90 * day)
			s.crt.Spec.Renewal = windows(window("0 2 * * *", "", time.Hour))
			s.rest()
		},
		"window": func(s *story) {
			s.now = s.now.Add(10 * time.Hour)
			s.crt.Spec.Renewal = windows(window("0 2 * * 6", "Europe/Vienna", time.Hour))
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"window-missed": func(s *story) {
			s.now = s.now.Add(10 * time.Hour)
			s.crt.Spec.Renewal = windows(window("0 2 * * *", "", time.Hour))
			s.issued(90 * day)
			s.now = s.rest().Wake.Add(2 * time.Hour)
			s.tell("the operator was down until now")
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"window-too-late": func(s *story) {
			s.crt.Spec.Renewal = windows(window("0 2 29 2 *", "", time.Hour))
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"destroyed-again-and-again": func(s *story) {
			s.issued(90 * day)
			s.secret = nil
			s.issued(90 * day)
			s.now = s.now.Add(time.Minute)
			s.secret = nil
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"key-stolen": func(s *story) {
			s.rest()
			clear(s.keys)
			s.now = s.rest().Wake
			s.issued(90 * day)
		},
		"failed-and-died-before-it-said-so": func(s *story) {
			s.rest()
			s.refuse(s.pending(), "the CA does not like shop.example.com")
			s.stepOn(s.t, s.see(), crashBeforeStatus)
			s.tell("crash  before the status was written")
			s.now = s.rest().Wake
			s.rest()
		},
		"shared-secret": func(s *story) {
			s.issued(90 * day)
			rival := newCertificateWorld()
			rival.crt.Name, rival.crt.UID = "rival", "uid-rival"
			rival.keySeed = 7
			rival.simVault, rival.others, s.others = s.simVault, []*certificateWorld{s.certificateWorld}, []*certificateWorld{rival}
			s.tell("a Certificate comes that names the same Secret")
			s.rest()
			s.tell("its side:")
			other := &story{certificateWorld: rival, t: s.t}
			other.rest()
			s.lines = append(s.lines, other.lines...)
			other.lines = nil
			s.tell("the owner is deleted; its side:")
			rival.others = nil
			other.issued(90 * day)
			s.lines = append(s.lines, other.lines...)
		},
		"usages-no-longer-encoded": func(s *story) {
			s.issued(90 * day)
			no := false
			s.crt.Spec.EncodeUsagesInRequest = &no
			s.issued(90 * day)
		},
		"name-constraints": func(s *story) {
			s.crt.Spec.IsCA = true
			s.issued(90 * day)
			s.crt.Spec.NameConstraints = &cmv1.NameConstraints{Permitted: &cmv1.NameConstraintItem{DNSDomains: []string{"example.com"}}}
			s.issued(90 * day)
		},
		"signature-algorithm": func(s *story) {
			s.crt.Spec.PrivateKey.Algorithm = cmv1.ECDSAKeyAlgorithm
			s.issued(90 * day)
			s.crt.Spec.SignatureAlgorithm = cmv1.ECDSAWithSHA512
			s.issued(90 * day)
		},
		"template-while-renewed": func(s *story) {
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.rest()
			s.crt.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"team": "shop"}}
			s.issued(90 * day)
		},
		"garbage-spec": func(s *story) {
			s.crt.Spec.IPAddresses = []string{"not an address"}
			s.rest()
			s.crt.Spec.IPAddresses = nil
			s.rest()
		},
		"template": func(s *story) {
			s.issued(90 * day)
			s.crt.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"team": "shop"}}
			s.rest()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &story{certificateWorld: newCertificateWorld(), t: t}
			happens(s)
			compareTranscript(t, "certificate-"+name, strings.Join(s.lines, "\n")+"\n")
		})
	}
}

// The writes of one issuance are the budget: key, request, Secret, key gone,
// and the status when it begins and when it is done.
func TestIssuanceCostsSixWrites(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.issue(t, 90*day)
	if w.writes != 6 {
		t.Errorf("%d writes, want 6", w.writes)
	}
	if len(w.events) != 2 {
		t.Errorf("events %+v, want 2", w.events)
	}
}

// An unready Certificate that waits for its back-off says when it is tried
// again, and says it once.
func TestFailureSaysWhenTheNextAttemptIs(t *testing.T) {
	t.Parallel()
	w := newCertificateWorld()
	w.settle(t)
	w.refuse(w.pending(), "the CA does not like shop.example.com")
	w.settle(t)
	writes := w.writes
	w.now = w.now.Add(10 * time.Minute)
	w.settle(t)
	ready := FindCertificateCondition(w.crt.Status.Conditions, cmv1.CertificateConditionReady)
	want := `Secret "web-tls" does not exist; CertificateRequest "web-1": the CA does not like shop.example.com; next attempt at 2026-11-01T01:00:00Z`
	if ready.Message != want {
		t.Errorf("message %q, want %q", ready.Message, want)
	}
	if w.writes != writes {
		t.Errorf("%d writes while waiting, want none", w.writes-writes)
	}
}

func windows(list ...cmv1.CertificateRenewalWindows) *cmv1.CertificateRenewal {
	return &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyRenewBefore, Windows: list}
}

func window(cron, zone string, length time.Duration) cmv1.CertificateRenewalWindows {
	return cmv1.CertificateRenewalWindows{Cron: cron, Timezone: zone, WindowDuration: &metav1.Duration{Duration: length}}
}
