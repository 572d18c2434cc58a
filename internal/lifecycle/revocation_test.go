package lifecycle

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

func revoking(reason v1alpha1.RevocationReason) v1alpha1.RevocationSpec {
	return v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{CertificateName: "web"}, Reason: reason, Authorization: v1alpha1.AuthorizationAuto}
}

// first is a Revocation of a Certificate that is to be issued anew before.
func first() v1alpha1.RevocationSpec { return revoking(v1alpha1.Superseded) }

// Stories of Revocations.
func TestRevocationTranscripts(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		spec    v1alpha1.RevocationSpec
		happens func(*testing.T, *revocationWorld)
	}{
		"at-once": {revoking(v1alpha1.CessationOfOperation), func(t *testing.T, w *revocationWorld) { w.rest(t) }},
		"replaced-first": {first(), func(t *testing.T, w *revocationWorld) {
			w.rest(t)
			w.now = w.now.Add(20 * time.Second)
			w.replace()
			w.now = w.rest(t).Wake
			w.rest(t)
		}},
		"of-a-compromised-key": {revoking(v1alpha1.KeyCompromise), func(t *testing.T, w *revocationWorld) {
			w.rest(t)
			w.replace()
			w.now = w.rest(t).Wake
			w.rest(t)
		}},
		"by-the-key-that-is-replaced": {func() v1alpha1.RevocationSpec {
			spec := first()
			spec.Authorization = v1alpha1.AuthorizationCertificateKey
			return spec
		}(), func(t *testing.T, w *revocationWorld) {
			w.rest(t)
			w.replace()
			w.now = w.rest(t).Wake
			w.rest(t)
		}},
		"the-replacement-fails-at-first": {first(), func(t *testing.T, w *revocationWorld) {
			w.rest(t)
			issuing := FindCertificateCondition(w.crt.Status.Conditions, "Issuing")
			issuing.Status, issuing.Message = cmmeta.ConditionFalse, `the last attempt failed: CertificateRequest "web-2": refused; next attempt at 2026-11-24T09:00:00Z`
			w.rest(t)
			w.now = w.now.Add(time.Hour)
			issuing.Status = cmmeta.ConditionTrue
			w.rest(t)
			w.replace()
			w.now = w.rest(t).Wake
			w.rest(t)
		}},
		"the-ca-is-in-trouble": {revoking(""), func(t *testing.T, w *revocationWorld) {
			answers := []RevokeOutcome{nil, RevokeWait{Until: revocationStart.Add(time.Hour), Message: "revoke certificate: too many (rateLimited)"}, RevokeWait{Until: revocationStart, Message: "revoke certificate: busy"}}
			healthy := w.answer
			w.answer = func() (RevokeOutcome, string, bool) {
				if len(answers) == 0 {
					return healthy()
				}
				answer := answers[0]
				answers = answers[1:]
				if answer == nil {
					return nil, "revoke certificate: no answer from ca.example.com: timed out", false
				}
				return answer, "", false
			}
			for range 3 {
				w.now = w.rest(t).Wake
			}
			w.rest(t)
		}},
		"pruned": {revoking(""), func(t *testing.T, w *revocationWorld) {
			w.now = w.rest(t).Wake
			w.rest(t)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRevocationWorld(story.spec)
			story.happens(t, w)
			compareTranscript(t, "revocation-"+name, strings.Join(w.lines, "\n")+"\n")
		})
	}
}

func TestRevocationsThatCanNotBeSayWhatToDo(t *testing.T) {
	t.Parallel()
	for sentence, row := range map[string]struct {
		change func(*revocationWorld)
		reason string
		want   string
		asked  int
	}{
		"there is no target, for a minute": {func(w *revocationWorld) { w.crt, w.now = nil, w.now.Add(time.Minute) }, v1alpha1.ReasonTargetNotFound,
			`Secret "web" does not exist; create another Revocation when it is there, or name the certificate by pem`, 0},
		"the certificate has expired": {func(w *revocationWorld) { w.now = w.now.Add(90 * day) }, v1alpha1.ReasonExpired, "nothing to revoke: the certificate has expired at ", 0},
		"the issuer is another's":     {func(w *revocationWorld) { w.issuer = RevokingIssuer{Foreign: true} }, v1alpha1.ReasonIssuerNotSupported, "revoke the certificate with the tools of its CA", 0},
		"the issuer keeps no list":    {func(w *revocationWorld) { w.issuer.Cannot = "set spec.ca.crl" }, v1alpha1.ReasonIssuerNotSupported, "set spec.ca.crl", 0},
		"the CA refuses": {func(w *revocationWorld) {
			w.answer = func() (RevokeOutcome, string, bool) {
				return RevokeRefused{Reason: v1alpha1.ReasonReasonRefused, Message: "another reason"}, "", false
			}
		}, v1alpha1.ReasonReasonRefused, "another reason", 1},
		"the key is not there": {func(w *revocationWorld) {
			w.rev.Spec = first()
			w.rev.Spec.Authorization = v1alpha1.AuthorizationCertificateKey
			w.step(noCrash)
			w.store(2)
		}, v1alpha1.ReasonNotAuthorized, "create another Revocation with authorization AccountKey", 0},
		"the place of the key is taken": {func(w *revocationWorld) {
			w.rev.Spec = first()
			w.rev.Spec.Authorization = v1alpha1.AuthorizationCertificateKey
			w.kept = KeptKeyForeign
		}, v1alpha1.ReasonNotAuthorized, "delete it, and create another Revocation", 0},
		"the Certificate is deleted": {func(w *revocationWorld) {
			w.rev.Spec = first()
			w.step(noCrash)
			w.crt = nil
		}, v1alpha1.ReasonTargetNotFound, "create another Revocation with reissue No", 0},
		"the status was tampered with": {func(w *revocationWorld) { w.rev.Status.CertificatePEM = []byte("x") }, v1alpha1.ReasonTargetInvalid, "status.certificatePEM: ", 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			w := newRevocationWorld(revoking(""))
			row.change(w)
			w.rest(t)
			end := w.over(t)
			if end.Type != v1alpha1.RevocationFailed || end.Reason != row.reason || !strings.Contains(end.Message, row.want) {
				t.Errorf("%s %s: %s", end.Type, end.Reason, end.Message)
			}
			if c := findCondition(w.rev.Status.Conditions, v1alpha1.RevocationRevoked); c.Status != metav1.ConditionFalse || c.Message != end.Message {
				t.Errorf("Revoked: %+v", c)
			}
			if last := w.events[len(w.events)-1]; last.Type != Warning || last.Reason != ReasonRevocationFailed {
				t.Errorf("event %+v", last)
			}
			if len(w.asked) != row.asked {
				t.Errorf("the CA was asked %d times, want %d", len(w.asked), row.asked)
			}
			lines := len(w.lines)
			w.now = w.now.Add(time.Hour)
			w.rest(t)
			if len(w.lines) != lines {
				t.Errorf("it went on: %q", w.lines[lines:])
			}
		})
	}
}

func TestReissueFirstNeedsACertificateThatMakesTheSecret(t *testing.T) {
	t.Parallel()
	target := RevocationTarget{Leaf: leaves()[0], PEM: []byte("x"), IssuerRef: cmmeta.IssuerReference{Name: "le"}}
	spec := v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{SecretName: "web"}, Reason: v1alpha1.Superseded, Reissue: v1alpha1.ReissueFirst}
	d := NextRevocation(RevocationSeen{Revocation: &v1alpha1.Revocation{Spec: spec}, Target: target}, revocationStart)
	if end := revocationOver(&d.Status); end == nil || end.Reason != v1alpha1.ReasonTargetInvalid || !strings.Contains(end.Message, "reissue No") {
		t.Errorf("end %+v", end)
	}
	spec.Reissue = ""
	d = NextRevocation(RevocationSeen{Revocation: &v1alpha1.Revocation{Spec: spec}, Target: target}, revocationStart)
	if c := findCondition(d.Status.Conditions, v1alpha1.RevocationReissued); c == nil || c.Reason != v1alpha1.ReasonReissueNotAsked {
		t.Errorf("without a word about it: %+v", c)
	}
}

func TestReissueComesFirstForSomeReasons(t *testing.T) {
	t.Parallel()
	for _, reason := range []v1alpha1.RevocationReason{"", v1alpha1.Unspecified, v1alpha1.KeyCompromise, v1alpha1.Superseded, v1alpha1.CessationOfOperation} {
		spec := revoking(reason)
		want := reason == v1alpha1.KeyCompromise || reason == v1alpha1.Superseded
		if got := RevocationReissues(&spec, "web"); got != want {
			t.Errorf("%s: %t", reason, got)
		}
		spec.Reissue = v1alpha1.ReissueNo
		if RevocationReissues(&spec, "web") {
			t.Errorf("%s: although it says No", reason)
		}
		spec = v1alpha1.RevocationSpec{Target: v1alpha1.RevocationTarget{CertificateRequestName: "web-1"}, Reason: reason}
		if RevocationReissues(&spec, "web") {
			t.Errorf("%s: for a CertificateRequest", reason)
		}
	}
}

// A lasting failure is asked about twenty times in all, ever more seldom.
func TestRevocationIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*revocationWorld){
		"the CA is down": func(w *revocationWorld) {
			w.answer = func() (RevokeOutcome, string, bool) { return nil, "revoke certificate: no answer", false }
		},
		"the issuer is gone": func(w *revocationWorld) { w.issuer = RevokingIssuer{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRevocationWorld(revoking(""))
			change(w)
			pauses := []time.Duration{}
			for !RevocationOver(w.rev) {
				d := w.rest(t)
				if !RevocationOver(w.rev) {
					pauses = append(pauses, d.Wake.Sub(w.now))
					w.now = d.Wake.Add(-time.Second)
					w.rest(t) // too early
					w.now = d.Wake
				}
			}
			if len(pauses) != maxRevocationAttempts-1 || pauses[0] != time.Minute || pauses[18] != time.Hour {
				t.Errorf("pauses %v", pauses)
			}
			if end := w.over(t); end.Type != v1alpha1.RevocationFailed || !strings.Contains(end.Message, "given up after 20 attempts") || !strings.Contains(end.Message, "create another Revocation") {
				t.Errorf("end %+v", end)
			}
			if len(w.asked) > maxRevocationAttempts {
				t.Errorf("asked %d times", len(w.asked))
			}
		})
	}
}

// What one namespace says of a key is true for all only if it is proved.
func TestKeyIsRememberedEverywhereOnlyIfItIsProved(t *testing.T) {
	t.Parallel()
	for sentence, row := range map[string]struct {
		change func(*revocationWorld)
		with   v1alpha1.RevocationAuthorization
		proved bool
	}{
		"the key is in the Secret":                    {func(*revocationWorld) {}, v1alpha1.AuthorizationAccountKey, true},
		"a CA of the cluster takes the account":       {func(w *revocationWorld) { w.stored = 2 }, v1alpha1.AuthorizationAccountKey, true},
		"any CA takes the key":                        {func(w *revocationWorld) { w.stored = 2; w.rev.Status.IssuerRef.Kind = "Issuer" }, v1alpha1.AuthorizationCertificateKey, true},
		"somebody's CA takes somebody's account":      {func(w *revocationWorld) { w.stored = 2; w.rev.Status.IssuerRef.Kind = "Issuer" }, v1alpha1.AuthorizationAccountKey, false},
		"a CA whose word is not a proof":              {func(w *revocationWorld) { w.stored = 2 }, "", false},
		"it had been revoked, for whatever reason":    {func(w *revocationWorld) { w.stored = 2; w.revoked[leaves()[0].SerialNumber.String()] = true }, v1alpha1.AuthorizationAccountKey, false},
		"the operator was down for more than an hour": {func(w *revocationWorld) { w.stored = 2 }, "late", false},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			spec := revoking(v1alpha1.KeyCompromise)
			spec.Reissue = v1alpha1.ReissueNo
			w := newRevocationWorld(spec)
			w.step(noCrash) // found
			row.change(w)
			late := row.with == "late"
			if late {
				row.with = v1alpha1.AuthorizationAccountKey
			}
			w.answer = func() (RevokeOutcome, string, bool) { return Revoked{At: w.now, SignedWith: row.with}, "", true }
			if late {
				for !RevocationOver(w.rev) {
					w.step(noCrash)
				}
				w.now = w.now.Add(burnPeriod)
			}
			w.rest(t)
			if w.over(t); !w.burned || w.burnedEverywhere != row.proved {
				t.Errorf("burned %t, everywhere %t, want %t:\n%s", w.burned, w.burnedEverywhere, row.proved, strings.Join(w.lines, "\n"))
			}
		})
	}
}

// That a quota is used up must not keep a certificate valid whose key leaked.
func TestRevocationGoesOnIfTheKeyCanNotBeRemembered(t *testing.T) {
	t.Parallel()
	spec := revoking(v1alpha1.KeyCompromise)
	spec.Reissue = v1alpha1.ReissueNo
	w := newRevocationWorld(spec)
	w.burnRefused = "exceeded quota"
	w.rest(t)
	if end := w.over(t); end.Type != v1alpha1.RevocationRevoked {
		t.Errorf("end %+v", end)
	}
	told := false
	for _, e := range w.events {
		told = told || (e.Reason == ReasonKeyNotRemembered && strings.Contains(e.Message, "exceeded quota"))
	}
	if !told {
		t.Errorf("events %+v", w.events)
	}
}

// What comes before is tried again like the revocation itself, and no sooner.
func TestRefusedWriteBeforeTheRevocationIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(first())
	w.step(noCrash)
	seen := w.see()
	seen.Trouble = "ask for the replacement: denied by a policy"
	d := NextRevocation(seen, w.now)
	c := findCondition(d.Status.Conditions, v1alpha1.RevocationRevoked)
	if c.Message != "ask for the replacement: denied by a policy; next attempt at 2026-11-24T08:01:00Z" || d.Status.FailedAttempts != 1 {
		t.Errorf("condition %+v", c)
	}
	w.rev.Status = d.Status
	if d, changed := w.step(noCrash); changed || d.Wake.Sub(w.now) != time.Minute {
		t.Errorf("before its time: %+v", d)
	}
	w.now = w.now.Add(time.Minute)
	w.rest(t)
	if !ReplacementAsked(&w.crt.Status) {
		t.Error("not asked")
	}
}

// Whoever brings the old Secret back during the hold would be left without a
// certificate.
func TestOldCertificateThatComesBackIsReplacedAgain(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(first())
	w.rest(t)
	w.replace()
	w.rest(t)
	w.store(0)
	w.now = w.now.Add(time.Hour)
	w.rest(t)
	if len(w.asked) != 0 || !ReplacementAsked(&w.crt.Status) {
		t.Fatalf("asked %d times:\n%s", len(w.asked), strings.Join(w.lines, "\n"))
	}
	w.issued = 2
	w.replace()
	w.now = w.rest(t).Wake
	w.rest(t)
	if end := w.over(t); end.Type != v1alpha1.RevocationRevoked {
		t.Errorf("end %+v", end)
	}
}

// A renewal that keeps the key is no replacement, and neither is a certificate
// that is there only until the real one comes.
func TestReplacementIsAnotherCertificateWithAnotherKeyThatIsReady(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(first())
	w.rest(t)
	w.store(1)
	w.rest(t)
	if w.rev.Status.ReissuedAt != nil || !ReplacementAsked(&w.crt.Status) {
		t.Fatalf("the renewal was taken for it:\n%s", strings.Join(w.lines, "\n"))
	}
	w.stored = 2
	w.setReady(cmmeta.ConditionFalse, "Issuing certificate as Secret contains a temporary certificate")
	w.rest(t)
	if w.rev.Status.ReissuedAt != nil {
		t.Fatalf("the temporary certificate was taken for it:\n%s", strings.Join(w.lines, "\n"))
	}
	w.replace()
	w.rest(t)
	if w.rev.Status.ReissuedAt == nil {
		t.Fatalf("the replacement was not seen:\n%s", strings.Join(w.lines, "\n"))
	}
}

func TestHoldCanBeNothing(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(first())
	w.rev.Spec.Hold = &metav1.Duration{}
	w.rest(t)
	w.replace()
	d, _ := w.step(noCrash)
	if w.rev.Status.ReissuedAt == nil || len(w.asked) != 0 || d.Wake != w.now {
		t.Fatalf("that the replacement is stored was not written first: %+v", d)
	}
	w.rest(t)
	if end := w.over(t); end.Type != v1alpha1.RevocationRevoked {
		t.Errorf("end %+v", end)
	}
}

func TestNamesOfKeptKeysFit(t *testing.T) {
	t.Parallel()
	rev := &v1alpha1.Revocation{ObjectMeta: metav1.ObjectMeta{Name: strings.Repeat("a", 253), UID: "1"}}
	if name := KeptKeyName(rev); len(name) > 253 {
		t.Errorf("%d characters", len(name))
	}
	other := rev.DeepCopy()
	other.UID = "2"
	if KeptKeyName(rev) == KeptKeyName(other) {
		t.Error("two Revocations share a Secret")
	}
}

// Who creates a Revocation when the new certificate is there already can still
// have the old one left valid for a while.
func TestHoldWithoutReissueIsFromTheCreation(t *testing.T) {
	t.Parallel()
	w := newRevocationWorld(v1alpha1.RevocationSpec{
		Target: v1alpha1.RevocationTarget{CertificateName: "web"}, Reissue: v1alpha1.ReissueNo, Hold: &metav1.Duration{Duration: 5 * time.Minute},
	})
	d := w.rest(t)
	if want := w.rev.CreationTimestamp.Add(5 * time.Minute); len(w.asked) != 0 || !d.Wake.Equal(want) {
		t.Fatalf("asked %d times, woken at %s, want none before %s", len(w.asked), d.Wake, want)
	}
	w.now = d.Wake
	w.rest(t)
	if end := w.over(t); end.Type != v1alpha1.RevocationRevoked {
		t.Errorf("end %+v", end)
	}
}
