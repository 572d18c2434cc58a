package lifecycle

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// States of a Revocation. Which certificate it is about is stored before
// anything is done; from then on it means that one, whatever becomes of the
// object that it was found through.
//
//	                   (new)
//	                     |
//	+-- nothing found for a minute, or nothing usable ------------> Failed
//	                     v
//	                Found=True    certificate, serial, issuer in status
//	                     |
//	                     | keyCompromise: BurnKey, here; and everywhere, if
//	                     |                the key itself is seen
//	+-- expired ---------|----------------------------------------> Failed
//	+-- the issuer can not revoke --------------------------------> Failed
//	                     |
//	         No          v          First
//	     +---------------+----------------+
//	     |                                |  authorization CertificateKey: KeepKey
//	     |                                v
//	     |                    Reissued=False ReissuePending
//	     |                                |  AskForReplacement, once
//	     |                                |  until another certificate with another
//	     |                                |  key is stored and Ready
//	     |                                v
//	     |                    Reissued=True, Revoked=False Hold
//	     |                                |  until the hold is over
//	     |                                v
//	     +------------------------> RevokeCertificate <---+  the CA says when, or
//	                                |    |    |           |  1 min .. 1 h, 20 times
//	                                |    |    +-----------+
//	     confirmed, or done before  |    |  refused
//	                                v    v
//	                    Revoked=True     Failed=True
//	                           |              |
//	                           +------+-------+
//	                                  v
//	                  DropKey; PruneRevocation after the retention
//
// A process that dies after the CA was asked asks it again: that the
// certificate is revoked already is a success.

// RevocationSeen is everything that one decision about a Revocation needs.
type RevocationSeen struct {
	Revocation *v1alpha1.Revocation

	// Target is what the spec names. It is looked for only until it is found.
	Target RevocationTarget

	// Leaf is the certificate in the status; LeafErr says why it is none.
	Leaf    *x509.Certificate
	LeafErr error

	// Certificate is the one that is to be issued anew, nil if there is none;
	// Stored is the certificate in its Secret, nil if there is none.
	Certificate *cmv1.Certificate
	Stored      *x509.Certificate

	// HasKey says whether the Secret holds the private key of Leaf.
	HasKey bool
	// Kept is the Secret in which the key of Leaf is kept over a reissue.
	Kept KeptKey

	// Burned and BurnedEverywhere say whether the key of Leaf is remembered as
	// compromised in this namespace, and in all. BurnRefused is why the API
	// server has refused that in this pass.
	Burned, BurnedEverywhere bool
	BurnRefused              string

	// Issuer is who can revoke.
	Issuer RevokingIssuer

	// Outcome is what the CA has answered in this pass; nil if it was not
	// asked. Trouble is why it could not be asked, or why the API server has
	// refused what comes before.
	Outcome RevokeOutcome
	Trouble string

	// Retention is how long a Revocation is kept that is over; zero is forever.
	Retention time.Duration
}

// RevocationTarget is what came of looking for the certificate.
type RevocationTarget struct {
	Leaf            *x509.Certificate // nil if there is none
	PEM             []byte            // of Leaf alone
	PublicKeyHash   string            // as in the names of CompromisedKeys
	Fingerprint     string            // SHA-256 of Leaf
	CertificateName string            // of the Certificate that it is of, if any
	IssuerRef       cmmeta.IssuerReference

	// Missing says what does not exist, which may still come.
	Missing string
	// Invalid says why what exists can not be meant.
	Invalid string
}

// KeptKey is how it stands about the Secret of KeptKeyName.
type KeptKey int

// The states of that Secret.
const (
	// NoKeptKey: there is no such Secret.
	NoKeptKey KeptKey = iota
	// KeptKeyThere: it is the Revocation's, and holds the key.
	KeptKeyThere
	// KeptKeyForeign: a Secret of that name belongs to somebody else.
	KeptKeyForeign
)

// RevokingIssuer is what a Revocation has to know of the issuer.
type RevokingIssuer struct {
	// Foreign is true for a reference to another API group.
	Foreign bool
	// Exists is false if there is no such issuer.
	Exists bool
	// ACME is true if the CA is asked over ACME.
	ACME bool
	// Cannot says why certificates of this issuer can not be revoked, and what
	// to do; empty if they can.
	Cannot string
}

// RevocationDecision is what NextRevocation comes to.
type RevocationDecision = Decision[RevocationAction, v1alpha1.RevocationStatus]

// RevocationAction is what to do about a Revocation.
//
//sumtype:decl
type RevocationAction interface{ isRevocationAction() }

type (
	// RevocationNothing does nothing.
	RevocationNothing struct{}
	// BurnKey creates the CompromisedKey for the key of the certificate: in
	// the Revocation's namespace, or in the cluster resource namespace.
	BurnKey struct{ Everywhere bool }
	// KeepKey copies the certificate's private key into the Secret of
	// KeptKeyName, which the Revocation owns.
	KeepKey struct{}
	// DropKey deletes that Secret.
	DropKey struct{}
	// AskForReplacement has the Certificate issued anew, with another key.
	AskForReplacement struct{}
	// RevokeCertificate asks the CA. Answer: Outcome or Trouble.
	RevokeCertificate struct{}
	// PruneRevocation deletes the Revocation itself.
	PruneRevocation struct{}
)

func (RevocationNothing) isRevocationAction() {}
func (BurnKey) isRevocationAction()           {}
func (KeepKey) isRevocationAction()           {}
func (DropKey) isRevocationAction()           {}
func (AskForReplacement) isRevocationAction() {}
func (RevokeCertificate) isRevocationAction() {}
func (PruneRevocation) isRevocationAction()   {}

const (
	// DefaultRevocationHold is how long an old certificate is left valid
	// without spec.hold. The kubelet brings a changed Secret into pods within
	// two minutes, and servers look for it every minute or so.
	DefaultRevocationHold = 5 * time.Minute

	// targetPatience is how long the target is waited for, so that what is
	// applied together with it may come later. No longer: a Revocation that lies
	// in wait would hit a certificate that nobody thought of.
	targetPatience = time.Minute

	// targetRecheck is how often it is looked for meanwhile: not everything
	// that a target can be is watched.
	targetRecheck = 5 * time.Second

	// maxRevocationAttempts is after how many failures it is given up. With
	// the back-off that is after some 15 hours: longer than CAs are down, and
	// in the time in which a person has to know.
	maxRevocationAttempts = 20

	// burnPeriod is how long after its revocation a key is remembered
	// everywhere if it is not yet: long enough for an operator that was down,
	// and over when somebody takes it back.
	burnPeriod = time.Hour
)

// revocationBackoff is the wait after an attempt at a CA that is in trouble.
var revocationBackoff = Backoff{Least: time.Minute, Most: time.Hour}

// Reasons of a Revocation's events that are no reasons of conditions.
const (
	ReasonRevocationFailed  = "RevocationFailed"
	ReasonRevocationDelayed = "RevocationDelayed"
	ReasonKeyNotRemembered  = "KeyNotRemembered"
)

// KeptKeyName is the name of the Secret in which a Revocation keeps the key of
// the certificate until it has signed the request with it.
func KeptKeyName(rev *v1alpha1.Revocation) string {
	return cut(rev.Name, maxName-12) + "-" + shortHash("revocation key", string(rev.UID))
}

// RevocationOver says whether nothing more comes of a Revocation.
func RevocationOver(rev *v1alpha1.Revocation) bool {
	return revocationOver(&rev.Status) != nil
}

// revocationOver returns the condition that ends a Revocation, or nil.
func revocationOver(status *v1alpha1.RevocationStatus) *metav1.Condition {
	for _, t := range []string{v1alpha1.RevocationRevoked, v1alpha1.RevocationFailed} {
		if c := findCondition(status.Conditions, t); c != nil && c.Status == metav1.ConditionTrue {
			return c
		}
	}
	return nil
}

// RevocationReissues says whether a Revocation has its certificate issued anew
// before it is revoked. certificateName is the Certificate that the target is
// of; empty if there is none.
func RevocationReissues(spec *v1alpha1.RevocationSpec, certificateName string) bool {
	if spec.Reissue != "" {
		return spec.Reissue == v1alpha1.ReissueFirst
	}
	named := spec.Target.CertificateName != "" || spec.Target.SecretName != ""
	return named && certificateName != "" && (spec.Reason == v1alpha1.KeyCompromise || spec.Reason == v1alpha1.Superseded)
}

// revocationGuards are asked from the first to the last. The first that knows
// what to do decides; the last always does.
var revocationGuards = []func(*revocationPass) bool{
	(*revocationPass).isDeleted,
	(*revocationPass).isOver,
	(*revocationPass).lacksTarget,
	(*revocationPass).isUnreadable,
	(*revocationPass).isToBurn,
	(*revocationPass).isExpired,
	(*revocationPass).isAnswered,
	(*revocationPass).isUnrevocable,
	(*revocationPass).awaitsAttempt,
	(*revocationPass).isToKeepKey,
	(*revocationPass).awaitsReissue,
	(*revocationPass).isHeld,
	(*revocationPass).lacksIssuer,
	(*revocationPass).isToRevoke,
}

// NextRevocation decides about a Revocation.
func NextRevocation(seen RevocationSeen, now time.Time) RevocationDecision {
	p := &revocationPass{RevocationSeen: seen, now: now}
	p.d.Action = RevocationNothing{}
	p.d.Status = *seen.Revocation.Status.DeepCopy()
	for _, guard := range revocationGuards {
		if guard(p) {
			break
		}
	}
	return p.d
}

// revocationPass is one decision in the making.
type revocationPass struct {
	RevocationSeen

	now time.Time
	d   RevocationDecision
}

func (p *revocationPass) isDeleted() bool { return p.Revocation.DeletionTimestamp != nil }

// isOver leaves a record, and nothing else.
func (p *revocationPass) isOver() bool {
	end := revocationOver(&p.d.Status)
	if end == nil {
		return false
	}
	prune := end.LastTransitionTime.Add(p.Retention)
	switch {
	case p.Kept == KeptKeyThere:
		p.d.Action, p.d.Wake = DropKey{}, p.now
	case p.isProvenLate():
		p.d.Action, p.d.Wake = BurnKey{Everywhere: true}, p.now
	case p.Retention == 0:
	case p.now.Before(prune):
		p.d.Wake = prune
	default:
		p.d.Action = PruneRevocation{}
	}
	return true
}

// isProvenLate says whether it is known since the revocation only that it was
// the key's holder who said that it is compromised: somebody who speaks for the
// key, to a CA that the owner of the cluster has chosen. The CA of an Issuer
// may be its author's own, and confirm anything.
func (p *revocationPass) isProvenLate() bool {
	s := &p.d.Status
	end := revocationOver(s)
	if p.Revocation.Spec.Reason != v1alpha1.KeyCompromise || p.BurnedEverywhere || p.BurnRefused != "" || s.RevokedAt == nil {
		return false
	}
	if end.Type != v1alpha1.RevocationRevoked || end.Reason != v1alpha1.ReasonRevoked || !p.now.Before(s.RevokedAt.Add(burnPeriod)) {
		return false
	}
	switch s.SignedWith {
	case v1alpha1.AuthorizationCertificateKey:
		return true
	case v1alpha1.AuthorizationAccountKey:
		return s.IssuerRef != nil && s.IssuerRef.KindOrDefault() == cmv1.ClusterIssuerKind
	case v1alpha1.AuthorizationAuto: // never what was used
	}
	return false
}

func (p *revocationPass) lacksTarget() bool {
	if len(p.d.Status.CertificatePEM) > 0 {
		return false
	}
	t := &p.Target
	switch due := p.Revocation.CreationTimestamp.Add(targetPatience); {
	case t.Leaf == nil && t.Invalid == "" && p.now.Before(due):
		p.d.Wake = Sooner(due, p.now.Add(targetRecheck))
		p.set(v1alpha1.RevocationFound, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound, t.Missing)
		p.await(v1alpha1.ReasonPending, t.Missing+"; that is waited for until "+stampText(due))
	case t.Leaf == nil && t.Invalid == "":
		p.set(v1alpha1.RevocationFound, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound, t.Missing)
		p.fail(v1alpha1.ReasonTargetNotFound, t.Missing+"; create another Revocation when it is there, or name the certificate by pem")
	case t.Leaf == nil:
		p.invalid(t.Invalid)
	case p.Revocation.Spec.Reissue == v1alpha1.ReissueFirst && t.CertificateName == "":
		p.invalid("reissue is First, but no Certificate makes what the target holds, so that nothing can be issued anew; create another Revocation with reissue No")
	default:
		p.found()
	}
	return true
}

func (p *revocationPass) found() {
	t, s := &p.Target, &p.d.Status
	s.CertificatePEM = t.PEM
	s.SerialNumber = hex.EncodeToString(t.Leaf.SerialNumber.Bytes())
	s.Fingerprint, s.PublicKeyHash = t.Fingerprint, t.PublicKeyHash
	s.CertificateName = t.CertificateName
	ref := t.IssuerRef
	s.IssuerRef = &ref
	p.set(v1alpha1.RevocationFound, metav1.ConditionTrue, v1alpha1.ReasonTargetFound, fmt.Sprintf("the certificate with the serial number %s of %s", s.SerialNumber, p.issuerName()))
	if !p.reissues() {
		p.set(v1alpha1.RevocationReissued, metav1.ConditionFalse, v1alpha1.ReasonReissueNotAsked, "nothing is issued because of this Revocation")
	}
	p.await(v1alpha1.ReasonPending, "the certificate is known, and is going to be revoked")
	p.d.Wake = p.now // now that it is stored
}

func (p *revocationPass) isUnreadable() bool {
	if p.LeafErr == nil {
		return false
	}
	p.invalid(fmt.Sprintf("status.certificatePEM: %v", p.LeafErr))
	return true
}

// isToBurn comes before everything that can end a Revocation: that others know
// the key is true also if there is nothing to revoke.
func (p *revocationPass) isToBurn() bool {
	if p.Revocation.Spec.Reason != v1alpha1.KeyCompromise {
		return false
	}
	switch seesKey := p.HasKey || p.Kept == KeptKeyThere; {
	case p.BurnRefused != "":
		p.event(Warning, ReasonKeyNotRemembered, fmt.Sprintf("the key can be used again, because its CompromisedKey %q could not be created: %s", p.d.Status.PublicKeyHash, p.BurnRefused))
		return false
	case !p.Burned:
		p.d.Action = BurnKey{}
	case seesKey && !p.BurnedEverywhere:
		p.d.Action = BurnKey{Everywhere: true}
	default:
		return false
	}
	p.d.Wake = p.now
	return true
}

func (p *revocationPass) isExpired() bool {
	if !p.now.After(p.Leaf.NotAfter) {
		return false
	}
	p.fail(v1alpha1.ReasonExpired, "nothing to revoke: the certificate has expired at "+stampText(p.Leaf.NotAfter))
	return true
}

// isUnrevocable is asked before anything is issued anew, so that it is known at
// once.
func (p *revocationPass) isUnrevocable() bool {
	switch {
	case p.Issuer.Foreign:
		p.fail(v1alpha1.ReasonIssuerNotSupported, p.issuerName()+" is of another API group: revoke the certificate with the tools of its CA")
	case p.Issuer.Exists && p.Issuer.Cannot != "":
		p.fail(v1alpha1.ReasonIssuerNotSupported, p.Issuer.Cannot)
	default:
		return false
	}
	return true
}

// isHeld gives workloads the time to load the new certificate. Without a
// reissue, too, if that is asked for: the new one is there then already.
func (p *revocationPass) isHeld() bool {
	since, what := p.d.Status.ReissuedAt, "the new certificate is stored; the old one is revoked at "
	if since == nil && !p.reissues() && p.Revocation.Spec.Hold != nil {
		since, what = &p.Revocation.CreationTimestamp, "spec.hold asks to wait; the certificate is revoked at "
	}
	if since == nil {
		return false
	}
	hold := DefaultRevocationHold
	if p.Revocation.Spec.Hold != nil {
		hold = p.Revocation.Spec.Hold.Duration
	}
	end := since.Add(hold)
	if !p.now.Before(end) {
		return false
	}
	p.await(v1alpha1.ReasonHold, what+stampText(end))
	p.d.Wake = end
	return true
}

func (p *revocationPass) awaitsAttempt() bool {
	next := p.d.Status.NextAttempt
	if next == nil || !p.now.Before(next.Time) {
		return false
	}
	p.d.Wake = next.Time
	return true
}

// lacksIssuer counts as an attempt: whoever has deleted the issuer may bring it
// back.
func (p *revocationPass) lacksIssuer() bool {
	if p.Issuer.Exists {
		return false
	}
	p.retry(p.issuerName() + " does not exist")
	return true
}

func (p *revocationPass) isToRevoke() bool {
	p.d.Action = RevokeCertificate{}
	return true
}

func (p *revocationPass) reissues() bool {
	return RevocationReissues(&p.Revocation.Spec, p.d.Status.CertificateName)
}
