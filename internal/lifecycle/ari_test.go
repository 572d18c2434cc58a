package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

const page = "https://ca.example/incidents/7"

// advisedStory is a Certificate of 90 days whose CA suggests when to renew it.
func advisedStory(t *testing.T) *story {
	t.Helper()
	s := &story{certificateWorld: newCertificateWorld(), t: t}
	s.renewalCA = &simRenewalCA{source: ARIOffered, says: usual(simStart, 90*day)}
	return s
}

// untilRequested lets time pass until a certificate is asked for.
func (s *story) untilRequested() {
	s.t.Helper()
	for range 1000 {
		d := s.rest()
		if s.pending() != nil {
			return
		}
		s.now = d.Wake
	}
	s.t.Fatal("no certificate is asked for")
}

// What CAs say of renewal, as stories.
func TestRenewalInformationTranscripts(t *testing.T) {
	t.Parallel()
	for name, happens := range map[string]func(s *story){
		"usual": func(s *story) {
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.tell("time   %s", s.now.Format(time.RFC3339))
			s.rest()
		},
		"renewed-within-the-window": func(s *story) {
			s.renewalCA.says = func(now time.Time) ARIAnswer {
				a := usual(simStart, 90*day)(now)
				a.RetryAfter = now.Add(7 * day)
				return a
			}
			s.issued(90 * day)
			s.untilRequested()
			s.renewalCA.says = usual(s.now, 90*day)
			s.issued(90 * day)
		},
		"window-in-the-past": func(s *story) {
			s.issued(90 * day)
			s.renewalCA.says = suggesting(simStart.Add(-2*time.Hour), simStart.Add(-time.Hour), page)
			s.tell("CA     moves the window into the past")
			s.now = s.rest().Wake
			s.rest()
			s.renewalCA.says = usual(s.now, 90*day)
			s.issued(90 * day)
		},
		"window-in-the-past-outside-of-those-of-the-spec": func(s *story) {
			s.crt.Spec.Renewal = simNightly
			s.issued(90 * day)
			s.renewalCA.says = suggesting(simStart.Add(4*time.Hour), simStart.Add(4*time.Hour+time.Second), "")
			s.tell("CA     moves the window into the past")
			s.now = s.rest().Wake
			s.rest()
			s.tell("CA     refuses")
			s.refuse(s.pending(), "the CA is busy")
			s.now = s.rest().Wake
			s.tell("time   %s", s.now.Format(time.RFC3339))
			s.issued(90 * day)
		},
		"moved-into-a-window-of-the-spec": func(s *story) {
			s.crt.Spec.Renewal = simNightly
			s.issued(90 * day)
			s.tell("renewal %s", s.crt.Status.RenewalTime.UTC().Format(time.RFC3339))
		},
		"says-why": func(s *story) {
			s.issued(90 * day)
			s.renewalCA.says = suggesting(simStart.Add(10*day), simStart.Add(11*day), page)
			s.now = s.rest().Wake
			s.rest()
		},
		"down": func(s *story) {
			s.issued(90 * day)
			s.renewalCA.says = failing("get renewal info: no answer from ca.example: connection refused")
			for range 4 {
				s.now = s.rest().Wake
			}
			s.rest()
			s.renewalCA.says = usual(simStart, 90*day)
			s.now = s.rest().Wake
			s.rest()
		},
		"nonsense-from-the-beginning": func(s *story) {
			s.renewalCA.says = failing("get renewal info: ca.example answered 200 OK: suggestedWindow does not end after it starts")
			s.issued(90 * day)
			s.now = s.rest().Wake
			s.rest()
		},
		"no-longer-offered": func(s *story) {
			s.issued(90 * day)
			s.renewalCA.source = ARINone
			s.tell("CA     has no renewal information any more")
			s.rest()
		},
		"too-late": func(s *story) {
			s.renewalCA.says = suggesting(simStart.Add(89*day), simStart.Add(100*day), "")
			s.issued(90 * day)
		},
		"always-overdue": func(s *story) {
			s.renewalCA.says = func(now time.Time) ARIAnswer {
				return ARIAnswer{Start: now.Add(-time.Hour), End: now.Add(-30 * time.Minute), RetryAfter: now.Add(6 * time.Hour)}
			}
			s.issued(90 * day)
			for range 3 {
				s.untilRequested()
				s.issued(90 * day)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advisedStory(t)
			happens(s)
			compareTranscript(t, "certificate-ari-"+name, strings.Join(s.lines, "\n")+"\n")
		})
	}
}

// A window that is known, and the renewal within it, cost no more than one
// write for each answer, and nothing between the answers.
func TestAnswersAreAllThatIsWritten(t *testing.T) {
	t.Parallel()
	s := advisedStory(t)
	s.issued(90 * day)
	writes, asked := s.writes, len(s.renewalCA.asked)
	for s.now.Before(simStart.Add(10 * day)) {
		d := s.settle(t)
		s.now = s.now.Add(min(d.Wake.Sub(s.now), 20*time.Minute)) // looked at for other reasons, too
	}
	if got, want := s.writes-writes, len(s.renewalCA.asked)-asked; got != want {
		t.Errorf("%d writes for %d answers", got, want)
	}
	// Ten days are forty times six hours; up to a tenth is jitter.
	if n := len(s.renewalCA.asked) - asked; n < 36 || n > 40 {
		t.Errorf("asked %d times in ten days", n)
	}
	if events := len(s.events); events != 2 {
		t.Errorf("events: %+v", s.events)
	}
}

func TestPausesKeepToTheirBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(now time.Time) ARIAnswer
		least  time.Duration
	}{
		"the CA says nothing":   {func(time.Time) ARIAnswer { return ARIAnswer{} }, 6 * time.Hour},
		"the CA says a second":  {func(now time.Time) ARIAnswer { return ARIAnswer{RetryAfter: now.Add(time.Second)} }, time.Hour},
		"the CA says two hours": {func(now time.Time) ARIAnswer { return ARIAnswer{RetryAfter: now.Add(2 * time.Hour)} }, 2 * time.Hour},
		"the CA says a year":    {func(now time.Time) ARIAnswer { return ARIAnswer{RetryAfter: now.AddDate(1, 0, 0)} }, 7 * day},
		"the CA is down":        {failing("down"), time.Hour},
		"the CA is busy for three hours": {func(now time.Time) ARIAnswer {
			return ARIAnswer{Err: "busy", RetryAfter: now.Add(3 * time.Hour)}
		}, 3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pauses := map[time.Duration]bool{}
			for i := range 20 {
				s := advisedStory(t)
				s.crt.UID = types.UID(fmt.Sprint(i))
				s.renewalCA.says = func(now time.Time) ARIAnswer {
					a := c.answer(now)
					a.Start, a.End = simStart.Add(60*day), simStart.Add(61*day)
					return a
				}
				s.issued(90 * day)
				pause := s.crt.Status.ACME.ARI.NextCheck.Sub(s.crt.Status.ACME.ARI.LastChecked.Time)
				if pause < c.least || pause > c.least+c.least/10 {
					t.Errorf("asked again after %s", pause)
				}
				pauses[pause] = true
			}
			if len(pauses) < 10 {
				t.Errorf("twenty certificates have only %d pauses", len(pauses))
			}
		})
	}
}

// Over many certificates the renewals are spread over the window.
func TestRenewalsAreSpreadOverTheWindow(t *testing.T) {
	t.Parallel()
	start := simStart.Add(50 * day)
	const certificates, parts = 400, 8
	var in [parts]int
	for i := range certificates {
		s := advisedStory(t)
		s.crt.UID = types.UID(fmt.Sprint(i))
		s.cheap = true
		s.renewalCA.says = suggesting(start, start.Add(parts*time.Hour), "")
		s.issued(90 * day)
		at := s.crt.Status.RenewalTime.Time
		if at.Before(start) || !at.Before(start.Add(parts*time.Hour)) {
			t.Fatalf("renewal at %s", at)
		}
		in[int(at.Sub(start)/time.Hour)]++
	}
	for hour, n := range in {
		if n < certificates/parts/2 || n > certificates/parts*2 {
			t.Errorf("%d renewals of %d in hour %d of the window: %v", n, certificates, hour, in)
		}
	}
}

func TestTimeOfRenewalWithinAWindow(t *testing.T) {
	t.Parallel()
	// Without advice the renewal is 60 days after the beginning.
	for name, c := range map[string]struct {
		spec  func(*cmv1.CertificateSpec)
		then  []func(time.Time) ARIAnswer // one after the other
		check func(at time.Time, first time.Time) bool
	}{
		"a time chosen before is kept while it is within": {
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(50*day), simStart.Add(51*day), ""), suggesting(simStart.Add(40*day), simStart.Add(52*day), "")},
			check: func(at, first time.Time) bool { return at.Equal(first) },
		},
		"a time chosen before is given up when it is not within any more": {
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(50*day), simStart.Add(51*day), ""), suggesting(simStart.Add(40*day), simStart.Add(41*day), "")},
			check: func(at, _ time.Time) bool { return !at.Before(simStart.Add(40*day)) && !at.After(simStart.Add(41*day)) },
		},
		"a past window is taken back by one to come": {
			then: []func(time.Time) ARIAnswer{
				suggesting(simStart.Add(59*day), simStart.Add(60*day), ""), suggesting(simStart, simStart.Add(time.Hour), ""), suggesting(simStart.Add(50*day), simStart.Add(51*day), ""),
			},
			check: func(at, _ time.Time) bool { return !at.Before(simStart.Add(50*day)) && !at.After(simStart.Add(51*day)) },
		},
		"a window of one second counts": {
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(50*day), simStart.Add(50*day+time.Second), "")},
			check: func(at, _ time.Time) bool { return at.Equal(simStart.Add(50 * day)) },
		},
		"a window of one nanosecond counts": {
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(50*day), simStart.Add(50*day+1), "")},
			check: func(at, _ time.Time) bool { return at.Equal(simStart.Add(50 * day)) },
		},
		"what the spec says explicitly is kept if it is within": {
			spec:  func(spec *cmv1.CertificateSpec) { spec.RenewBefore = &metav1.Duration{Duration: 20 * day} },
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(69*day), simStart.Add(72*day), "")},
			check: func(at, _ time.Time) bool { return at.Equal(simStart.Add(70 * day)) },
		},
		"what the spec says explicitly gives way if it is not within": {
			spec:  func(spec *cmv1.CertificateSpec) { spec.RenewBefore = &metav1.Duration{Duration: 10 * day} },
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(50*day), simStart.Add(51*day), "")},
			check: func(at, _ time.Time) bool { return !at.Before(simStart.Add(50*day)) && !at.After(simStart.Add(51*day)) },
		},
		"a window that ends after the expiry is used in its safe part": {
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(70*day), simStart.Add(400*day), "")},
			check: func(at, _ time.Time) bool { return !at.Before(simStart.Add(70*day)) && !at.After(simStart.Add(75*day)) },
		},
		"a window after the expiry is not followed": {
			then:  []func(time.Time) ARIAnswer{suggesting(simStart.Add(91*day), simStart.Add(92*day), "")},
			check: func(at, _ time.Time) bool { return at.Equal(simStart.Add(75 * day)) },
		},
		"of a window of millennia the part before the certificate does not count": {
			then:  []func(time.Time) ARIAnswer{suggesting(time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "")},
			check: func(at, _ time.Time) bool { return at.After(simStart) && !at.After(simStart.Add(75*day)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advisedStory(t)
			if c.spec != nil {
				c.spec(&s.crt.Spec)
			}
			s.renewalCA.says = c.then[0]
			s.issued(90 * day)
			first := s.crt.Status.RenewalTime.Time
			for _, says := range c.then[1:] {
				s.renewalCA.says = says
				// What it says is stored, but no renewal begins, as if that had
				// to wait.
				s.now = s.crt.Status.ACME.ARI.NextCheck.Time
				s.renewalCA.ask(t, s.see().ARI.CertificateID, s.now)
				heard := NextCertificate(s.see(), s.now).Status
				s.crt.Status.RenewalTime, s.crt.Status.ACME = heard.RenewalTime, heard.ACME
			}
			at := s.crt.Status.RenewalTime.Time
			if !c.check(at, first) {
				t.Errorf("renewal %s after the issuance, at first %s", at.Sub(simStart), first.Sub(simStart))
			}
			writes := s.writes
			s.now = s.now.Add(time.Minute)
			s.settle(t)
			if s.writes != writes {
				t.Errorf("%d writes a minute later: it does not stay", s.writes-writes)
			}
		})
	}
}

// Nobody is asked before there is a certificate, about what is not fit, when
// nothing would come of it, or while an answer is under way.
func TestWhenTheCAIsNotAsked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s *story, seen *CertificateSeen){
		"an answer is under way":         func(_ *story, seen *CertificateSeen) { seen.ARI.Asking = true },
		"it can not be told whom to ask": func(_ *story, seen *CertificateSeen) { seen.ARI.Source = ARIUnknown },
		"the issuer says not to":         func(_ *story, seen *CertificateSeen) { seen.ARI.Source = ARINone },
		"the certificate has no name":    func(_ *story, seen *CertificateSeen) { seen.ARI.CertificateID = "" },
		"there is no Secret":             func(_ *story, seen *CertificateSeen) { seen.Secret = nil },
		"the Secret is another's":        func(_ *story, seen *CertificateSeen) { seen.SecretOwner = "other" },
		"the Certificate is deleted": func(s *story, _ *CertificateSeen) {
			s.crt.DeletionTimestamp = stamp(s.now)
		},
		"renewal is disabled": func(s *story, _ *CertificateSeen) {
			s.crt.Spec.Renewal = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyDisabled}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advisedStory(t)
			s.issued(90 * day)
			s.now = s.crt.Status.ACME.ARI.NextCheck.Add(time.Second)
			seen := s.see()
			if d := NextCertificate(seen, s.now); d.Action != (AskRenewalInfo{CertificateID: "id.1"}) {
				t.Fatalf("action %#v without a reason not to ask", d.Action)
			}
			change(s, &seen)
			if d := NextCertificate(seen, s.now); d.Action == (AskRenewalInfo{CertificateID: seen.ARI.CertificateID}) {
				t.Error("the CA is asked")
			}
		})
	}
	s := advisedStory(t)
	s.rest()
	if n := len(s.renewalCA.asked); n != 0 {
		t.Errorf("asked %d times before there was a certificate", n)
	}
}

func TestAClockThatWasWrongDoesNotKeepTheCAFromBeingAsked(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(s *story){
		"it was ahead when the CA was asked": func(s *story) {
			s.crt.Status.ACME.ARI.LastChecked = stamp(s.now.AddDate(1, 0, 0))
			s.crt.Status.ACME.ARI.NextCheck = stamp(s.now.AddDate(1, 0, 1))
		},
		"somebody wrote a time of fantasy": func(s *story) { s.crt.Status.ACME.ARI.NextCheck = stamp(s.now.AddDate(1, 0, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advisedStory(t)
			s.issued(90 * day)
			s.renewalCA.answer = nil // it has been stored
			wrong(s)
			asked := len(s.renewalCA.asked)
			s.now = s.now.Add(time.Minute)
			s.rest()
			if len(s.renewalCA.asked) != asked+1 {
				t.Errorf("asked %d times", len(s.renewalCA.asked)-asked)
			}
		})
	}
}

// An answer about a certificate that is in the Secret no longer is dropped, and
// so is what was known about it.
func TestWhatWasSaidOfAnotherCertificateDoesNotCount(t *testing.T) {
	t.Parallel()
	s := advisedStory(t)
	s.issued(90 * day)
	late := s.renewalCA.answer
	s.renewalCA.says = suggesting(simStart.Add(20*day), simStart.Add(21*day), "")
	s.now = s.now.Add(day)
	s.crt.Status.Conditions = SetCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
	}, s.now)
	s.settle(t)
	s.sign(t, s.pending(), 90*day)
	s.renewalCA.source = ARIUnknown // so that nobody is asked again
	s.renewalCA.answer = late
	s.settle(t)
	if s.crt.Status.ACME != nil {
		t.Errorf("status.acme is %+v", s.crt.Status.ACME.ARI)
	}
	if got, want := s.crt.Status.RenewalTime.Time, s.now.Add(60*day); !got.Equal(want) {
		t.Errorf("renewal at %s, want %s", got, want)
	}
}

// A request says which certificate it replaces only if the CA is the one that
// knows it, and only about names that it has.
func TestRequestNamesTheCertificateThatItReplaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(s *story)
		want   string
	}{
		"renewal by hand": {func(*story) {}, "id.1"},
		"one name more":   {func(s *story) { s.crt.Spec.DNSNames = append(s.crt.Spec.DNSNames, "www.example.com") }, "id.1"},
		"the same name in capitals": {func(s *story) {
			s.crt.Spec.DNSNames = []string{"SHOP.example.com"}
		}, "id.1"},
		"other names":    {func(s *story) { s.crt.Spec.DNSNames = []string{"www.example.com"} }, ""},
		"another issuer": {func(s *story) { s.crt.Spec.IssuerRef.Name = "other" }, ""},
		"the Secret is gone": {func(s *story) {
			s.secret = nil
		}, ""},
		"the CA does not offer it": {func(s *story) { s.renewalCA.source = ARINone; s.rest() }, ""},
		"the CA has never said anything": {func(s *story) {
			s.crt.Status.ACME.ARI.SuggestedWindow = nil
			s.crt.Status.ACME.ARI.LastError = "down"
		}, ""},
		"the annotation is a user's": {func(s *story) {
			s.crt.Annotations = map[string]string{ReplacesAnnotation: "mine", EarlyRenewalAnnotation: "mine"}
			s.crt.Spec.IssuerRef.Name = "other"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advisedStory(t)
			s.issued(90 * day)
			c.change(s)
			s.crt.Status.Conditions = SetCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateCondition{
				Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			}, s.now)
			s.rest()
			req := s.pending()
			if got := req.Annotations[ReplacesAnnotation]; got != c.want {
				t.Errorf("replaces %q, want %q", got, c.want)
			}
			if _, early := req.Annotations[EarlyRenewalAnnotation]; early {
				t.Error("it is no early renewal")
			}
		})
	}
}

func TestReplacesIsTheNameOfACertificate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE": true,
		"a-_A.BB":                             true,
		"":                                    false, ".": false, "AA.": false, ".AA": false, "AA": false, "AA.BB.CC": false, "A+.BB": false, "A A.BB": false, "AA.B\nB": false,
		strings.Repeat("A", 256) + ".AA": false,
	} {
		req := &cmv1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{ReplacesAnnotation: text}}}
		if got := Replaces(req); (got == text) != (want || text == "") || (!want && got != "") {
			t.Errorf("%q: replaces %q", text, got)
		}
	}
}
