package lifecycle

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// advice is when to renew because of what the CA said.
type advice struct {
	at    time.Time
	urged bool   // ahead of everything else, renewal windows of the spec included
	why   string // a clause about the CA's window
}

// advise makes advice of what the status knows now.
//
// Within the window the time is, in this order: what the spec says explicitly,
// if it is in it; what was chosen before, if it is in it still, so that a
// window that moves a little moves nothing; else by chance, where chance is a
// hash, the same at every pass: a CA spreads its load by windows, and all who
// take the middle undo that.
//
// A window that is over when the CA first speaks of it is how CAs say that a
// certificate will be, or is, revoked: the time is the moment at which that was
// heard, and no window of the spec holds it up. status.renewalTime that equals
// lastChecked is how a later pass, after a failed attempt or a restart, knows
// that: a time within a window is never that late, and what the spec's windows
// move to is not past when it is chosen. Back-off and the least spacing of
// issuances do hold it up.
func (c *certificateLadder) advise() *advice {
	known := c.ari()
	if known == nil || !isWindow(known.SuggestedWindow) {
		return nil
	}
	w := known.SuggestedWindow
	a := &advice{why: "the CA suggests to renew it " + windowText(w)}
	if known.ExplanationURL != "" {
		a.why += ", see " + known.ExplanationURL
	}
	if a.urged = c.seen.ARI.urged; a.urged {
		a.at = known.LastChecked.Time
		return a
	}
	end := w.End.Time
	if latest := c.seen.latestAdvised(); w.Start.Time.Before(latest) && latest.Before(end) {
		end = latest
	}
	a.at = c.seen.timeWithin(w.Start.Time, end)
	return a
}

// urges says whether an answer means that the certificate is to be renewed
// whatever else holds.
func (c *certificateLadder) urges(before, after *cmv1.CertificateACMEARIStatus, a *ARIAnswer) bool {
	w := after.SuggestedWindow
	switch {
	case !isWindow(w) || w.End.After(a.At):
		return false
	case c.urgedBefore():
		return true
	case a.Err != "":
		return false
	case a.ExplanationURL != "":
		return true
	case isWindow(before.SuggestedWindow):
		return !sameWindow(before.SuggestedWindow, w) // moved to where it is over
	}
	// It was not known before. That it is over means something if the renewal
	// would not be due anyway.
	return computeRenewal(&c.seen.Certificate.Spec, c.seen.Secret.Leaf(), c.seen.born()).At.After(a.At)
}

// urgedBefore says whether the stored time of renewal is that of an urgent one.
func (c *certificateLadder) urgedBefore() bool {
	status := &c.seen.Certificate.Status
	if !c.seen.describes() || status.RenewalTime == nil || status.ACME == nil || status.ACME.ARI == nil {
		return false
	}
	known := status.ACME.ARI
	return isWindow(known.SuggestedWindow) && known.LastChecked != nil &&
		status.RenewalTime.Time.Equal(known.LastChecked.Time) && !status.RenewalTime.Time.Before(known.SuggestedWindow.End.Time)
}

// timeWithin chooses the time of renewal in a window. The part of it that was
// before the certificate counts for nothing.
func (seen *CertificateSeen) timeWithin(start, end time.Time) time.Time {
	if born := seen.born(); start.Before(born) && born.Before(end) {
		start = born
	}
	within := func(t time.Time) bool { return !t.Before(start) && !t.After(end) }
	spec, status := &seen.Certificate.Spec, &seen.Certificate.Status
	if marginConfigured(spec) {
		if plan := computeRenewal(spec, seen.Secret.Leaf(), seen.born()); plan.Note == "" && within(plan.At) {
			return plan.At
		}
	}
	chosen := status.ACME != nil && status.ACME.ARI != nil && status.ACME.ARI.SuggestedWindow != nil && seen.describes()
	if chosen && status.RenewalTime != nil && within(status.RenewalTime.Time) {
		return status.RenewalTime.Time
	}
	// In seconds: a window of millennia is longer than a time.Duration.
	seconds := seen.share("renewal") * float64(end.Unix()-start.Unix())
	return time.Unix(start.Unix()+int64(seconds), 0).UTC()
}

// latestAdvised is how late the CA may move the renewal. It knows better than a
// fraction of the lifetime, and better than a margin in the spec that was
// written for longer certificates. But it must not bring about an outage: half
// of the margin is left in any case, for attempts that fail and for people to
// look why.
func (seen *CertificateSeen) latestAdvised() time.Time {
	leaf := seen.Secret.Leaf()
	computed := computeRenewal(&seen.Certificate.Spec, leaf, seen.born())
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(computed.At) / 2).Truncate(time.Second)
}

// advised moves a computed renewal to where the CA suggests.
func (seen *CertificateSeen) advised(computed Renewal) Renewal {
	a := seen.ARI.advice
	if a == nil {
		return computed
	}
	if latest := seen.latestAdvised(); a.at.After(latest) && !a.urged {
		return Renewal{At: latest, Note: fmt.Sprintf("%s, too close to the expiry of the certificate: it is renewed at %s", a.why, latest.UTC().Format(time.RFC3339))}
	}
	return Renewal{At: a.at, Why: a.why}
}

// share is a number from 0 to below 1 that is always the same for a purpose and
// a certificate, and is spread evenly over certificates.
func (seen *CertificateSeen) share(purpose string) float64 {
	h := sha256.New()
	_, _ = h.Write([]byte(string(seen.Certificate.UID) + "\x00" + purpose + "\x00")) // a hash does not fail
	if serial := seen.Secret.Leaf().SerialNumber; serial != nil {
		_, _ = h.Write(serial.Bytes())
	}
	return float64(binary.BigEndian.Uint64(h.Sum(nil))>>11) / (1 << 53)
}

// windowOf is a suggested window as it is stored: in whole seconds, and not
// shorter than one.
func windowOf(a *ARIAnswer) *cmv1.ACMERenewalWindow {
	w := &cmv1.ACMERenewalWindow{Start: stamp(a.Start), End: stamp(a.End)}
	if !w.End.After(w.Start.Time) {
		end := metav1.NewTime(w.Start.Add(time.Second))
		w.End = &end
	}
	return w
}

// isWindow guards against what others may have stored.
func isWindow(w *cmv1.ACMERenewalWindow) bool {
	return w != nil && w.Start != nil && w.End != nil && w.End.After(w.Start.Time)
}

func sameWindow(a, b *cmv1.ACMERenewalWindow) bool {
	return a.Start.Equal(b.Start) && a.End.Equal(b.End)
}

func windowText(w *cmv1.ACMERenewalWindow) string {
	return fmt.Sprintf("between %s and %s", w.Start.UTC().Format(time.RFC3339), w.End.UTC().Format(time.RFC3339))
}

// Annotations of CertificateRequests, and of the Orders that are made of them.
const (
	// ReplacesAnnotation is the certificate that the requested one replaces, as
	// Order.spec.replaces names it.
	ReplacesAnnotation = "certwright.dev/replaces"
	// EarlyRenewalAnnotation says "true" on the request of a renewal that
	// would not be due without the CA's advice.
	EarlyRenewalAnnotation = "certwright.dev/early-renewal"
)

// MarkRenewal notes on a request of this Certificate what its order tells the
// CA: which certificate it replaces (RFC 9773, section 5). Let's Encrypt exempts such
// orders from its limits. It is told of the certificate of the same issuer in
// the Secret, if the CA has shown to know it, and if the new one shares a name
// with it. Whether the account is the same one the CA knows better: an order
// that is refused for this is placed without.
func (seen *CertificateSeen) MarkRenewal(req *cmv1.CertificateRequest, now time.Time) {
	delete(req.Annotations, ReplacesAnnotation)
	delete(req.Annotations, EarlyRenewalAnnotation)
	delete(req.Annotations, ReplacesRevokedAnnotation)
	status := &seen.Certificate.Status
	if why := pursued(status); why != nil && becauseRevoked(why.reason) {
		req.Annotations[ReplacesRevokedAnnotation] = "true"
	}
	if !seen.describes() || seen.ARI.CertificateID == "" || status.ACME == nil || status.ACME.ARI == nil || !isWindow(status.ACME.ARI.SuggestedWindow) {
		return
	}
	if issuerDiffers(seen, now) != nil || !seen.sharesName() {
		return
	}
	req.Annotations[ReplacesAnnotation] = seen.ARI.CertificateID
	why := FindCertificateCondition(status.Conditions, cmv1.CertificateConditionIssuing)
	if why != nil && why.Status == cmmeta.ConditionTrue && why.Reason == cmv1.CertificateReasonRenewing && seen.early(now) {
		req.Annotations[EarlyRenewalAnnotation] = "true"
	}
}

// Replaces is the certificate that a requested one replaces, for
// Order.spec.replaces; empty if none, or if it is not the name of a certificate
// (RFC 9773, section 4.1): requests may be made by users.
func Replaces(req *cmv1.CertificateRequest) string {
	id := req.Annotations[ReplacesAnnotation]
	authority, serial, found := strings.Cut(id, ".")
	if !found || len(id) > maxCertificateID || !isBase64URL(authority) || !isBase64URL(serial) {
		return ""
	}
	return id
}

// maxCertificateID is far more than the 20 bytes that a serial number may have,
// and the 20 or 32 of an authority's key, take in base64.
const maxCertificateID = 256

func isBase64URL(text string) bool {
	_, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && text != "" && !strings.ContainsAny(text, "\r\n")
}

func (seen *CertificateSeen) sharesName() bool {
	leaf, want := seen.Secret.Leaf(), &seen.Wanted.Request
	for _, name := range leaf.DNSNames {
		for _, wanted := range want.DNSNames {
			if strings.EqualFold(name, wanted) {
				return true
			}
		}
	}
	for _, ip := range leaf.IPAddresses {
		for _, wanted := range want.IPAddresses {
			if ip.Equal(wanted) {
				return true
			}
		}
	}
	return false
}

// early says whether it is not yet the time to renew without the CA's advice.
func (seen *CertificateSeen) early(now time.Time) bool {
	return computeRenewal(&seen.Certificate.Spec, seen.Secret.Leaf(), seen.born()).At.After(now)
}

// earlySpacing is the least time between two renewals that are early because
// the CA says so. A CA that calls every certificate overdue as soon as it is
// issued must not be believed for ever.
const earlySpacing = 24 * time.Hour

// spacing is the least time between the last issuance and the one that there
// is a reason for now.
func (c *certificateLadder) spacing(why *violation) time.Duration {
	current := c.seen.Current
	if why.reason == cmv1.CertificateReasonRenewing && current != nil && current.Object.Annotations[EarlyRenewalAnnotation] != "" && c.seen.early(c.now) {
		return earlySpacing
	}
	return minSpacing
}
