package lifecycle

import (
	"crypto/x509"
	"fmt"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// minSpacing is the least time between two issuances of one Certificate that
// nobody asked for. It is far below what makes sense to configure and far
// above what hurts an issuer.
const minSpacing = 5 * time.Minute

// renewalReserve is how long before expiry the last renewal window has to
// open: an attempt that fails is repeated after an hour at the earliest. Of
// certificates that are renewed later than that it is half the time left.
const renewalReserve = time.Hour

// Renewal is when a certificate is renewed because of time.
type Renewal struct {
	At   time.Time // zero: never
	Note string    // which part of the spec, or of the CA's advice, can not be followed, and what is done instead; mostly empty
	Why  string    // the CA's advice that the time follows; empty if it follows from the spec
}

// PlanRenewal says when a certificate is renewed (contract 2.2). The margin is
// measured on the certificate that was issued, not on the duration that was
// asked for. born is when it was asked for, zero if that is not known.
//
// Renewal begins only within a window, also when the one that it was planned
// for was missed or an attempt in it failed. But an expired certificate is
// worse than a renewal at the wrong time: if no window opens in time, the
// computed time holds as if there were none.
func PlanRenewal(spec *cmv1.CertificateSpec, windows []RenewalWindow, leaf *x509.Certificate, born, now time.Time) Renewal {
	if renewalDisabled(spec) {
		return Renewal{}
	}
	return windowed(computeRenewal(spec, leaf, born), windows, leaf, now)
}

// windowed moves a plan into the spec's windows.
func windowed(plan Renewal, windows []RenewalWindow, leaf *x509.Certificate, now time.Time) Renewal {
	if len(windows) == 0 {
		return plan
	}
	left := leaf.NotAfter.Sub(plan.At)
	latest := leaf.NotAfter.Add(-min(renewalReserve, left/2))
	if at, opens := withinWindows(windows, plan.At, now); opens && !at.After(latest) {
		plan.At = at
		return plan
	}
	plan.Note = joinNotes(plan.Note, fmt.Sprintf("no renewal window opens in time before the certificate expires at %s: it is renewed outside of spec.renewal.windows",
		leaf.NotAfter.UTC().Format(time.RFC3339)))
	return plan
}

func renewalDisabled(spec *cmv1.CertificateSpec) bool {
	return spec.Renewal != nil && spec.Renewal.Policy == cmv1.CertificateRenewalPolicyDisabled
}

// computeRenewal leaves windows aside.
func computeRenewal(spec *cmv1.CertificateSpec, leaf *x509.Certificate, born time.Time) Renewal {
	lifetime := leaf.NotAfter.Sub(leaf.NotBefore)
	margin := lifetime / 3
	configured := marginConfigured(spec)
	switch {
	case spec.RenewBefore != nil && spec.RenewBefore.Duration > 0:
		margin = spec.RenewBefore.Duration
	case configured:
		margin = lifetime / 100 * time.Duration(*spec.RenewBeforePercentage)
	}
	// CAs date certificates back, so that one may be due before it is there.
	if born.Before(leaf.NotBefore) {
		born = leaf.NotBefore
	}
	plan := Renewal{At: leaf.NotAfter.Add(-margin).Truncate(time.Second)}
	if configured && plan.At.Before(born.Add(minSpacing).Truncate(time.Second)) {
		plan.At = leaf.NotAfter.Add(-lifetime / 3).Truncate(time.Second)
		plan.Note = fmt.Sprintf("%s would renew a certificate that lives for %s as soon as it is issued: it is renewed when a third of its life is left", marginText(spec), lifetime)
	}
	return plan
}

// marginConfigured says whether the spec says how long before its expiry a
// certificate is renewed.
func marginConfigured(spec *cmv1.CertificateSpec) bool {
	percentage := spec.RenewBeforePercentage
	return (spec.RenewBefore != nil && spec.RenewBefore.Duration > 0) || (percentage != nil && *percentage >= 1 && *percentage <= 99)
}

func marginText(spec *cmv1.CertificateSpec) string {
	if spec.RenewBefore != nil && spec.RenewBefore.Duration > 0 {
		return fmt.Sprintf("spec.renewBefore (%s)", spec.RenewBefore.Duration)
	}
	return fmt.Sprintf("spec.renewBeforePercentage (%d)", *spec.RenewBeforePercentage)
}

// renewal is the plan for the certificate in the Secret, which must be there.
func (seen *CertificateSeen) renewal(now time.Time) Renewal {
	spec, leaf := &seen.Certificate.Spec, seen.Secret.Leaf()
	if renewalDisabled(spec) || seen.ARI.advice == nil {
		return PlanRenewal(spec, seen.Wanted.Windows, leaf, seen.born(), now)
	}
	plan := seen.advised(computeRenewal(spec, leaf, seen.born()))
	if seen.ARI.advice.urged {
		return plan
	}
	return windowed(plan, seen.Wanted.Windows, leaf, now)
}

// born is when the certificate in the Secret, which must be there, came to be:
// when it was asked for, or else the beginning of its validity, which CAs date
// back.
func (seen *CertificateSeen) born() time.Time {
	born := seen.Secret.Leaf().NotBefore
	if seen.Current != nil && seen.Current.Object.CreationTimestamp.After(born) {
		return seen.Current.Object.CreationTimestamp.Time
	}
	return born
}

func joinNotes(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
