package lifecycle

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

var revocationStart = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// leaves are certificates with a key each, made once. The one after each is for
// the same key: 0 and 1, 2 and 3, and so on.
var leaves = sync.OnceValue(func() []*x509.Certificate {
	var list []*x509.Certificate
	for i := range 8 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err) // the random source of the system
		}
		for j := range 2 {
			template := &x509.Certificate{
				SerialNumber: big.NewInt(int64(0x100 + 2*i + j)), DNSNames: []string{"www.example.com"},
				NotBefore: revocationStart.Add(-day), NotAfter: revocationStart.Add(89 * day),
			}
			der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			if err != nil {
				panic(err)
			}
			leaf, err := x509.ParseCertificate(der)
			if err != nil {
				panic(err)
			}
			list = append(list, leaf)
		}
	}
	return list
})

// revocationWorld is a namespace with a Certificate, a CA, and a Revocation.
type revocationWorld struct {
	now time.Time
	rev *v1alpha1.Revocation // nil once it is pruned

	crt    *cmv1.Certificate // nil if it is deleted
	stored int               // which of the leaves is in the Secret; -1 for none
	issued int               // the last leaf that was issued

	kept                     KeptKey
	burned, burnedEverywhere bool
	burnRefused              string
	issuer                   RevokingIssuer
	retention                time.Duration

	// answer is what the CA says of a leaf that is not revoked; acts says
	// whether it revokes it all the same.
	answer  func() (outcome RevokeOutcome, trouble string, acts bool)
	revoked map[string]bool // serial numbers
	asked   []time.Time

	lines  []string
	events []Event
}

func newRevocationWorld(spec v1alpha1.RevocationSpec) *revocationWorld {
	w := &revocationWorld{
		now: revocationStart, stored: 0, revoked: map[string]bool{}, issuer: RevokingIssuer{Exists: true, ACME: true}, retention: 365 * day,
		rev: &v1alpha1.Revocation{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "leak", UID: "uid-leak", CreationTimestamp: metav1.NewTime(revocationStart), Generation: 1},
			Spec:       spec,
		},
		crt: &cmv1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "uid-web", Generation: 1}},
	}
	w.setReady(cmmeta.ConditionTrue, "Certificate is up to date and has not expired")
	w.answer = func() (RevokeOutcome, string, bool) {
		return Revoked{At: w.now, SignedWith: v1alpha1.AuthorizationAccountKey}, "", true
	}
	return w
}

func (w *revocationWorld) setReady(status cmmeta.ConditionStatus, message string) {
	w.crt.Status.Conditions = SetCertificateCondition(w.crt.Status.Conditions,
		cmv1.CertificateCondition{Type: cmv1.CertificateConditionReady, Status: status, Reason: cmv1.CertificateReasonReady, Message: message}, w.now)
}

// store is the end of an issuance of the Certificate.
func (w *revocationWorld) store(leaf int) {
	w.stored, w.issued = leaf, leaf
	c := w.crt.Status.Conditions[:0]
	for _, condition := range w.crt.Status.Conditions {
		if condition.Type != cmv1.CertificateConditionIssuing {
			c = append(c, condition)
		}
	}
	w.crt.Status.Conditions = c
	w.setReady(cmmeta.ConditionTrue, "Certificate is up to date and has not expired")
	w.tell("Certificate stores leaf %d", leaf)
}

// replace issues the next leaf with another key.
func (w *revocationWorld) replace() { w.store(w.issued/2*2 + 2) }

func (w *revocationWorld) tell(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf("%8s  ", w.now.Sub(revocationStart))+fmt.Sprintf(format, args...))
}

func (w *revocationWorld) leafOfStatus() *x509.Certificate {
	certs, err := pki.DecodeCertificates(w.rev.Status.CertificatePEM)
	if err != nil {
		return nil
	}
	return certs[0]
}

func (w *revocationWorld) see() RevocationSeen {
	seen := RevocationSeen{
		Revocation: w.rev, Kept: w.kept, Burned: w.burned, BurnedEverywhere: w.burnedEverywhere,
		Issuer: w.issuer, Retention: w.retention,
	}
	if len(w.rev.Status.CertificatePEM) == 0 {
		seen.Target = w.target()
		return seen
	}
	seen.Leaf = w.leafOfStatus()
	if seen.Leaf == nil {
		seen.LeafErr = fmt.Errorf("no certificate")
		return seen
	}
	if w.stored >= 0 {
		seen.Stored = leaves()[w.stored]
		seen.HasKey = pki.SameKey(seen.Stored.PublicKey, seen.Leaf.PublicKey)
	}
	seen.Certificate = w.crt
	return seen
}

func (w *revocationWorld) target() RevocationTarget {
	if w.crt == nil || w.stored < 0 {
		return RevocationTarget{Missing: `Secret "web" does not exist`}
	}
	leaf := leaves()[w.stored]
	sum := sha256.Sum256(leaf.Raw)
	hash, err := pki.KeyHash(leaf.PublicKey)
	if err != nil {
		panic(err)
	}
	return RevocationTarget{
		Leaf: leaf, PEM: pki.EncodeCertificates(leaf), PublicKeyHash: hash, Fingerprint: hex.EncodeToString(sum[:]),
		CertificateName: "web", IssuerRef: cmmeta.IssuerReference{Name: "le", Kind: "ClusterIssuer"},
	}
}

// act carries an action out. It says false if nothing was written.
func (w *revocationWorld) act(action RevocationAction) bool {
	switch a := action.(type) {
	case RevocationNothing, RevokeCertificate:
		return false
	case BurnKey:
		if a.Everywhere {
			w.burnedEverywhere = true
		} else {
			w.burned = true
		}
	case KeepKey:
		w.kept = KeptKeyThere
	case DropKey:
		w.kept = NoKeptKey
	case AskForReplacement:
		if !AskReplacement(w.crt, `Revocation "leak"`, w.now) {
			return false
		}
	case PruneRevocation:
		w.rev = nil
	}
	w.tell("%T %+v", action, action)
	return true
}

// ask asks the CA.
func (w *revocationWorld) ask(seen *RevocationSeen) {
	w.asked = append(w.asked, w.now)
	serial := seen.Leaf.SerialNumber.String()
	if w.revoked[serial] {
		seen.Outcome = Revoked{At: w.now, Already: true, SignedWith: v1alpha1.AuthorizationAccountKey}
		w.tell("CA says that it is revoked already")
		return
	}
	outcome, trouble, acts := w.answer()
	seen.Outcome, seen.Trouble = outcome, trouble
	if acts {
		w.revoked[serial] = true
	}
	w.tell("CA answers %T %s", outcome, trouble)
}

// step is one pass of the controller, which may end early. It says whether
// anything was done.
func (w *revocationWorld) step(crash crashPoint) (RevocationDecision, bool) {
	seen := w.see()
	d := NextRevocation(seen, w.now)
	if crash == crashBeforeAction {
		return d, true
	}
	changed := false
answers:
	for range 8 {
		switch a := d.Action.(type) {
		case RevokeCertificate:
			w.ask(&seen)
			changed = true
			if crash == crashBeforeStatus {
				return d, true
			}
		case BurnKey:
			if w.burnRefused == "" {
				break answers
			}
			seen.BurnRefused = w.burnRefused
			w.tell("API server refuses %+v", a)
		default:
			break answers
		}
		d = NextRevocation(seen, w.now)
	}
	if w.act(d.Action) {
		changed = true
	}
	if w.rev == nil || crash == crashBeforeStatus {
		return d, true
	}
	if !equality.Semantic.DeepEqual(w.rev.Status, d.Status) {
		changed = true
		for _, c := range d.Status.Conditions {
			if old := findCondition(w.rev.Status.Conditions, c.Type); old == nil || old.Status != c.Status || old.Reason != c.Reason || old.Message != c.Message {
				w.tell("%s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
			}
		}
		w.rev.Status = d.Status
		if crash != crashBeforeEvents {
			for _, e := range d.Events {
				w.tell("event %s %s: %s", e.Type, e.Reason, e.Message)
			}
			w.events = append(w.events, d.Events...)
		}
	}
	return d, changed
}

// rest takes steps until nothing more happens at this time, and returns the
// last decision.
func (w *revocationWorld) rest(t testing.TB) RevocationDecision {
	t.Helper()
	for range 30 {
		d, changed := w.step(noCrash)
		if w.rev == nil || (!changed && (d.Wake.IsZero() || d.Wake.After(w.now))) {
			return d
		}
	}
	t.Fatalf("no rest:\n%s", strings.Join(w.lines, "\n"))
	return RevocationDecision{}
}

// over is the condition that ended the Revocation.
func (w *revocationWorld) over(t testing.TB) *metav1.Condition {
	t.Helper()
	end := revocationOver(&w.rev.Status)
	if end == nil {
		t.Fatalf("not over:\n%s", strings.Join(w.lines, "\n"))
	}
	return end
}
