package lifecycle

import (
	"flag"
	"fmt"
	"math/rand"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// simSeeds is how many histories are simulated: some hundred at every run of
// the tests, thousands before a release (go test -run Disturbances -seeds 3000).
var simSeeds = flag.Int("seeds", 200, "histories of a Certificate to simulate")

const tenYears = 3652 * day

// Whatever happens to a Certificate in ten years, it is never ordered twice at
// a time, without a reason or too often, it never waits for nothing, its
// back-off never shrinks, it does not expire while all is well, and once it is
// left alone it comes to rest with a valid certificate.
func TestCertificateSurvivesDisturbances(t *testing.T) {
	t.Parallel()
	const groups = 8 // one subtest per seed would be most of the work
	for group := range groups {
		t.Run(fmt.Sprint(group), func(t *testing.T) {
			t.Parallel()
			for seed := group; seed < *simSeeds; seed += groups {
				s := newCertificateSimulation(t, &dice{chance: rand.New(rand.NewSource(int64(seed)))})
				s.name = fmt.Sprintf("seed %d", seed)
				s.simulate(tenYears)
			}
		})
	}
}

// The bytes are the schedule: each one decides about one thing that may
// happen. When they are used up nothing more does.
func FuzzCertificateSurvivesDisturbances(f *testing.F) {
	f.Add([]byte{1, 7, 0, 3, 0, 0, 5, 1})
	f.Add([]byte("a Secret is deleted, a request refused, and a clock jumps"))
	f.Fuzz(func(t *testing.T, schedule []byte) {
		s := newCertificateSimulation(t, &dice{schedule: schedule})
		s.name = "schedule"
		s.simulate(tenYears)
	})
}

// dice decide what happens: by chance, or by a schedule.
type dice struct {
	chance   *rand.Rand
	schedule []byte
}

// throw returns a number below n. The schedule's end is the highest for ever:
// what disturbs has to be among the low ones.
func (d *dice) throw(n int) int {
	if d.chance != nil {
		return d.chance.Intn(n)
	}
	if len(d.schedule) == 0 {
		return n - 1
	}
	b := d.schedule[0]
	d.schedule = d.schedule[1:]
	return int(b) % n
}

// certificateSimulation is one history of one Certificate.
type certificateSimulation struct {
	*certificateWorld
	*dice

	t    testing.TB
	name string
	past *certificateWorld // what a stale cache shows

	lifetime time.Duration
	rival    *certificateWorld // another Certificate that names the Secret; nil if there is none
	vandal   int               // so many times the Secret is destroyed as soon as it is there
	thief    int               // so many times the next key is deleted as soon as it is there

	simRecord
}

func newCertificateSimulation(t testing.TB, d *dice) *certificateSimulation {
	s := &certificateSimulation{certificateWorld: newCertificateWorld(), dice: d, t: t}
	s.cheap = true
	s.lifetime = []time.Duration{398 * day, 200 * day, 47 * day, 90 * day}[s.throw(4)]
	return s
}

func (s *certificateSimulation) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s, %s after the beginning: %s\nspec %+v\nstatus %+v", s.name, s.now.Sub(simStart), fmt.Sprintf(format, args...), s.crt.Spec, s.crt.Status)
}

func (s *certificateSimulation) simulate(span time.Duration) {
	s.t.Helper()
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
	s.forget()
	s.past = nil
	for pass := 0; ; pass++ {
		if pass > 80 {
			s.fatalf("hot loop: 80 passes at one instant")
		}
		seen := s.see()
		if s.past != nil && s.throw(8) == 0 {
			seen = s.past.see()
		}
		if s.throw(16) == 0 {
			s.past = s.snapshot()
		}
		crash := noCrash
		if n := s.throw(24); n < 3 {
			crash = crashPoint(1 + n)
		}
		before := s.before()
		d, changed := s.stepOn(s.t, seen, crash)
		s.check(before)
		if s.thief > 0 && len(s.keys) > 0 && s.pending() != nil {
			s.thief--
			clear(s.keys)
			continue
		}
		if !changed && crash == noCrash && seen.Certificate == s.crt {
			s.checkRest(d)
			s.pass(s.runRival(d))
			return
		}
	}
}

// runRival lets the other Certificate do what it wants to. It returns the
// decision with what is sooner to wake.
func (s *certificateSimulation) runRival(d CertificateDecision) CertificateDecision {
	if s.rival == nil {
		return d
	}
	s.rival.now = s.now
	before := s.secret
	rested := s.rival.settle(s.t)
	if req := s.rival.pending(); req != nil {
		s.rival.sign(s.t, req, 90*day)
		rested = s.rival.settle(s.t)
	}
	d.Wake = Sooner(d.Wake, rested.Wake)
	if s.secret != before {
		d.Wake = s.now.Add(time.Second) // the change is watched
	}
	return d
}

// pass lets the issuer answer, or time go by until something is due.
func (s *certificateSimulation) pass(d CertificateDecision) {
	switch req := s.pending(); {
	case req != nil && s.ofIssuance(req):
		s.now = s.now.Add(time.Duration(1+s.throw(120)) * time.Second)
		if s.throw(6) == 0 {
			s.refuse(req, "the issuer refused it")
			s.disturbed()
		} else {
			s.sign(s.t, req, s.lifetime)
		}
	case s.vandal > 0 && s.secret != nil:
		s.vandal--
		s.destroy()
	case d.Wake.IsZero():
		s.now = s.now.Add(30 * day) // for a person to do something
	case !d.Wake.After(s.now):
		s.fatalf("woken for %v, and nothing to do", d.Wake)
	default:
		s.now = d.Wake
	}
}

// ofIssuance says whether a request can be answered: one whose key was taken
// away waits for the next.
func (s *certificateSimulation) ofIssuance(req *cmv1.CertificateRequest) bool {
	key := simPublicKeys[string(s.keys[NextKeyNameOf(s.crt)])]
	return key != nil && pki.SameKey(key, s.read(req).CSR.PublicKey)
}

// disturb does one of the things that happen in clusters, sometimes.
func (s *certificateSimulation) disturb() {
	n := s.throw(48)
	if n >= len(disturbances) {
		return
	}
	s.disturbed()
	disturbances[n](s)
}

var disturbances = []func(s *certificateSimulation){
	(*certificateSimulation).destroy,
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.DNSNames = []string{fmt.Sprintf("shop%d.example.com", s.throw(5))}
	},
	func(s *certificateSimulation) { // a request is deleted, and with it what it tells
		for _, name := range sortedKeys(s.requests) {
			delete(s.requests, name)
			break
		}
		s.excuse()
	},
	func(s *certificateSimulation) { clear(s.keys); s.damaged = true },
	func(s *certificateSimulation) {
		for name := range s.keys {
			s.keys[name] = []byte("garbage")
		}
		s.damaged = true
	},
	func(s *certificateSimulation) {
		if o := s.secret; o != nil {
			s.secret = &storedObject{o.labels, o.annotations, map[string][]byte{TLSKey: []byte("garbage"), TLSCert: o.data[TLSCert]}}
			s.damaged = true
		}
	},
	func(s *certificateSimulation) {
		if o := s.secret; o != nil {
			s.secret = &storedObject{data: o.data}
			s.damaged = true
		}
	},
	func(s *certificateSimulation) { // cmctl renew
		if !IsIssuing(&s.crt.Status) {
			s.crt.Status.Conditions = SetCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateCondition{
				Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateReasonManuallyTriggered,
			}, s.now)
			s.lastAttempt = s.now
			s.excuse()
		}
	},
	func(s *certificateSimulation) { s.now = s.now.Add(time.Duration(s.throw(48)) * time.Hour) }, // the operator was down
	func(s *certificateSimulation) { // the clock was ahead, and is set right
		s.now = s.now.Add(-time.Duration(1+s.throw(100)) * time.Hour)
		s.excuse()
		s.clockSet = true
	},
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.IssuerRef.Name = []string{"ca", "other-ca"}[s.throw(2)]
	},
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.SecretTemplate = &cmv1.CertificateSecretTemplate{Labels: map[string]string{"team": fmt.Sprint(s.throw(3))}}
	},
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.PrivateKey.RotationPolicy = []cmv1.PrivateKeyRotationPolicy{cmv1.RotationPolicyAlways, cmv1.RotationPolicyNever}[s.throw(2)]
	},
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.PrivateKey.Algorithm = []cmv1.PrivateKeyAlgorithm{cmv1.Ed25519KeyAlgorithm, cmv1.ECDSAKeyAlgorithm}[s.throw(2)]
		s.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyAlways
	},
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.RenewBefore = []*metav1.Duration{nil, {Duration: 20 * day}, {Duration: s.lifetime - time.Minute}, {Duration: 2 * s.lifetime}}[s.throw(4)]
	},
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.Renewal = simRenewals[s.throw(len(simRenewals))]
	},
	func(s *certificateSimulation) { s.vandal = 1 + s.throw(4) },
	func(s *certificateSimulation) { s.thief = 1 + s.throw(4) },
	func(s *certificateSimulation) { // another Certificate for the same Secret comes, or goes
		if s.rival != nil {
			s.removeRival()
			return
		}
		s.rival = newCertificateWorld()
		s.rival.crt.Name, s.rival.crt.UID = "rival", "uid-rival"
		s.rival.crt.CreationTimestamp = metav1.NewTime(simStart.Add(time.Duration(s.throw(2)) * time.Hour))
		s.rival.simVault, s.rival.parsed, s.rival.cheap = s.simVault, s.parsed, true
		s.rival.others, s.others = []*certificateWorld{s.certificateWorld}, []*certificateWorld{s.rival}
	},
	func(s *certificateSimulation) { // others know the key in the Secret
		if secret := s.readSecret(); secret != nil {
			s.burn(secret.PublicKey)
			s.excuse()
		}
	},
	func(s *certificateSimulation) { // others know the next key
		for _, key := range s.keys {
			s.burn(simPublicKeys[string(key)])
			s.excuse()
		}
	},
	func(s *certificateSimulation) { // the CA revokes the certificate
		s.revoke([]string{"keyCompromise", "superseded"}[s.throw(2)])
		s.excuse()
	},
	func(s *certificateSimulation) { s.unread = !s.unread; s.excuse() }, // the CA's list can not be read, or is read again
	func(s *certificateSimulation) {
		s.edit()
		s.crt.Spec.RevocationPolicy = []cmv1.RevocationPolicy{cmv1.RevocationPolicyNever, cmv1.RevocationPolicyOnDelete, cmv1.RevocationPolicyOnReplace}[s.throw(3)]
	},
	func(s *certificateSimulation) { // a replacement is asked for
		if AskReplacement(s.crt, simWish, s.now) {
			s.lastAttempt = s.now
			s.excuse()
		}
	},
	func(s *certificateSimulation) { // the status is lost, as by a restore
		s.crt.Status = cmv1.CertificateStatus{}
		s.excuse()
	},
}

// destroy removes the Secret, or puts something else in its place.
func (s *certificateSimulation) destroy() {
	s.damaged = true
	if s.secret == nil || s.throw(2) == 0 {
		s.secret = nil
		return
	}
	foreign := simKeyPool[s.see().Wanted.Key][0]
	o := *s.secret
	s.secret = &storedObject{o.labels, o.annotations, map[string][]byte{TLSKey: foreign, TLSCert: o.data[TLSCert]}}
}

func (s *certificateSimulation) removeRival() {
	s.rival, s.others = nil, nil
	s.excuse() // whose Secret it is has changed
}

var simRenewals = []*cmv1.CertificateRenewal{
	nil,
	simNightly,
	{Policy: cmv1.CertificateRenewalPolicyRenewBefore, Windows: []cmv1.CertificateRenewalWindows{
		{Cron: "CRON_TZ=Europe/Vienna 30 2 * * 0", WindowDuration: &metav1.Duration{Duration: 90 * time.Minute}},
		{Cron: "0 12 1 * *", Timezone: "America/Sao_Paulo", WindowDuration: &metav1.Duration{Duration: time.Hour}},
	}},
	{Policy: cmv1.CertificateRenewalPolicyRenewBefore, Windows: []cmv1.CertificateRenewalWindows{
		{Cron: "0 0 29 2 *", WindowDuration: &metav1.Duration{Duration: day}}, // mostly too late
	}},
	{Policy: cmv1.CertificateRenewalPolicyRenewBefore, Windows: []cmv1.CertificateRenewalWindows{
		{Cron: "0 0 30 2 *", WindowDuration: &metav1.Duration{Duration: day}}, // never
	}},
	{Policy: cmv1.CertificateRenewalPolicyDisabled},
}

// simNightly is from two to four in the morning.
var simNightly = &cmv1.CertificateRenewal{Policy: cmv1.CertificateRenewalPolicyRenewBefore, Windows: []cmv1.CertificateRenewalWindows{
	{Cron: "0 2 * * *", WindowDuration: &metav1.Duration{Duration: 2 * time.Hour}},
}}

// edit begins a change of the spec.
func (s *certificateSimulation) edit() {
	s.crt.Generation++
	s.excuse()
}

// finish leaves the Certificate alone, with an issuer that works: within the
// longest back-off it must be at rest.
func (s *certificateSimulation) finish() {
	s.removeRival()
	s.edit()
	s.crt.Spec.Renewal, s.crt.Spec.RenewBefore = nil, nil
	s.crt.Spec.PrivateKey.RotationPolicy = cmv1.RotationPolicyAlways
	s.unread = false
	end := s.now.Add(IssuanceBackoff.Most + time.Hour)
	for {
		d := s.settle(s.t)
		if s.ready() && !IsIssuing(&s.crt.Status) {
			break
		}
		switch req := s.pending(); {
		case req != nil && s.ofIssuance(req):
			s.sign(s.t, req, 365*day)
		case d.Wake.IsZero() || d.Wake.After(end):
			s.fatalf("did not come to rest")
		default:
			s.now = d.Wake
		}
	}
	if err := certificateFits(s.certificateWorld); err != nil {
		s.fatalf("%v", err)
	}
	if leaf := s.readSecret().Leaf(); s.burned(leaf.PublicKey) || s.revoked[string(leaf.Raw)].Revoked {
		s.fatalf("comes to rest with a certificate that nobody should trust")
	}
	if c := FindCertificateCondition(s.crt.Status.Conditions, cmv1.CertificateConditionRevoked); c != nil {
		s.fatalf("still said to be revoked: %s", c.Message)
	}
}
