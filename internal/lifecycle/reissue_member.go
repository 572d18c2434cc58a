package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// reissueStanding is where a Certificate of a campaign stands.
type reissueStanding struct {
	*ReissueMember

	state   reissueState
	message string    // what is wrong with it, or is awaited
	asked   bool      // of reissueNext: somebody else has asked already
	begun   time.Time // zero if it was not
	attempt int32     // in which it was begun
}

type reissueState int

const (
	notOfReissue     reissueState = iota // it has nothing to do with the campaign any more
	reissueNext                          // its turn has not come
	reissueUnderWay                      // asked for, not stored
	reissueHasFailed                     // asked for and failed, or can not be begun
	reissueHolding                       // stored; the old one is not revoked yet
	reissueDone                          // stored
	reissueRevoked                       // stored, and the old one revoked
)

func (s *reissueStanding) name() string {
	return s.Certificate.Namespace + "/" + s.Certificate.Name
}

// survey looks at all Certificates of the campaign.
func (c *reissueLadder) survey() {
	for i := range c.seen.Members {
		s := c.stand(&c.seen.Members[i])
		if !s.begun.IsZero() && s.state != notOfReissue {
			c.begun = append(c.begun, &s)
		}
		switch s.state {
		case notOfReissue:
		case reissueNext:
			c.next = append(c.next, &s)
		case reissueUnderWay:
			c.inFlight = append(c.inFlight, &s)
		case reissueHasFailed:
			c.failed = append(c.failed, &s)
			if !s.begun.IsZero() && s.attempt == c.Status.Attempt {
				c.failures++
			}
		case reissueHolding:
			c.done++
			c.holding++
		case reissueDone:
			c.done++
		case reissueRevoked:
			c.done++
			c.revoked++
		}
	}
	for _, list := range [][]*reissueStanding{c.next, c.inFlight, c.failed} {
		slices.SortFunc(list, func(a, b *reissueStanding) int {
			return cmp.Or(expiry(a).Compare(expiry(b)), cmp.Compare(a.Certificate.Namespace, b.Certificate.Namespace), cmp.Compare(a.Certificate.Name, b.Certificate.Name))
		})
	}
	slices.SortFunc(c.begun, func(a, b *reissueStanding) int { return a.begun.Compare(b.begun) })
}

// expiry is when a certificate runs out; one that nobody has dated goes first.
func expiry(s *reissueStanding) time.Time {
	if s.Certificate.Status.NotAfter == nil {
		return time.Time{}
	}
	return s.Certificate.Status.NotAfter.Time
}

// stand says where a Certificate stands.
func (c *reissueLadder) stand(m *ReissueMember) reissueStanding {
	s := reissueStanding{ReissueMember: m}
	mark := m.Certificate.Status.Reissue
	switch {
	case !m.Certificate.DeletionTimestamp.IsZero():
	case m.Revocation != nil:
		s.followRevocation()
	case mark != nil && mark.UID == string(c.seen.Reissue.UID):
		c.followMark(&s, mark)
	case c.selectable(m):
		c.approach(&s)
	}
	switch {
	case s.state == reissueHasFailed && s.attempt < c.Status.Attempt && c.mayRepeat(&s):
		s.state, s.message = reissueNext, ""
	}
	return s
}

// selectable says whether a Certificate that was not begun is to be: there is a
// certificate, and it is not one that was issued since the campaign began.
func (c *reissueLadder) selectable(m *ReissueMember) bool {
	crt := m.Certificate
	if crt.Status.Revision == nil || crt.Status.NotAfter == nil || crt.CreationTimestamp.After(c.since()) {
		return false
	}
	// A renewal keeps the key if the spec says so, and the campaign is there for
	// another key too.
	return !issuedAfter(m, c.since()) || keepsKey(&crt.Spec)
}

// approach looks at a Certificate that is to be begun. What another campaign, or
// a Revocation, has asked for is left to that: two who both begin what has
// failed would not leave the CA alone. With spec.revoke it is begun all the same,
// because nobody else revokes what is replaced.
func (c *reissueLadder) approach(s *reissueStanding) {
	s.state, s.message = reissueNext, cannotIssue(s.Certificate)
	issuing := FindCertificateCondition(s.Certificate.Status.Conditions, cmv1.CertificateConditionIssuing)
	switch {
	case s.message != "":
		s.state = reissueHasFailed
	case c.seen.Reissue.Spec.Revoke != nil || !ReplacementAsked(&s.Certificate.Status):
	case issuing.Status == cmmeta.ConditionTrue:
		s.asked, s.message = true, issuing.Message
	default:
		s.state, s.message = reissueHasFailed, issuing.Message
	}
}

func keepsKey(spec *cmv1.CertificateSpec) bool {
	return spec.PrivateKey != nil && spec.PrivateKey.RotationPolicy == cmv1.RotationPolicyNever
}

// followMark tells by the Certificate what has become of it since it was begun.
func (c *reissueLadder) followMark(s *reissueStanding, mark *cmv1.CertificateReissueStatus) {
	crt := s.Certificate
	s.begun, s.attempt = mark.Time.Time, mark.Attempt
	issuing := FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionIssuing)
	switch {
	case !ReplacementAsked(&crt.Status):
		switch {
		case NextRevision(crt)-1 <= mark.Revision:
			s.state, s.message = reissueHasFailed, "somebody has called the issuance off"
		case !s.Issued.IsZero() && !s.Issued.After(c.since()):
			// It was requested before the campaign began, with a key that
			// was made before.
			s.state = reissueNext
		default:
			s.state = reissueDone
		}
	case issuing.Status != cmmeta.ConditionTrue:
		s.state, s.message = reissueHasFailed, issuing.Message
	case cannotIssue(crt) != "":
		s.state, s.message = reissueHasFailed, cannotIssue(crt)
	default:
		s.state = reissueUnderWay
	}
}

// followRevocation tells by the Revocation what has become of a Certificate.
func (s *reissueStanding) followRevocation() {
	r := s.Revocation
	s.begun = r.CreationTimestamp.Time
	attempt, _ := strconv.Atoi(r.Annotations[v1alpha1.ReissueAttemptAnnotation]) // ours, else the first
	s.attempt = int32(max(1, attempt))                                           //nolint:gosec // it was an int32
	failed := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.RevocationFailed)
	reissued := meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.RevocationReissued)
	issuing := FindCertificateCondition(s.Certificate.Status.Conditions, cmv1.CertificateConditionIssuing)
	switch {
	case meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.RevocationRevoked):
		s.state = reissueRevoked
	case failed != nil && failed.Status == metav1.ConditionTrue && reissued:
		s.state, s.message = reissueHasFailed, fmt.Sprintf("issued anew, but the old certificate is not revoked: Revocation %q: %s", r.Name, failed.Message)
	case failed != nil && failed.Status == metav1.ConditionTrue:
		s.state, s.message = reissueHasFailed, fmt.Sprintf("Revocation %q: %s", r.Name, failed.Message)
	case reissued:
		s.state = reissueHolding
	case issuing != nil && issuing.Status == cmmeta.ConditionFalse && issuing.Reason == cmv1.CertificateReasonReplacementRequested:
		s.state, s.message = reissueHasFailed, issuing.Message
	default:
		s.state, s.message = reissueUnderWay, cannotIssue(s.Certificate)
		if s.message != "" {
			s.state = reissueHasFailed
		}
	}
}

// mayRepeat says whether what has failed in an attempt before is to be begun
// again.
func (c *reissueLadder) mayRepeat(s *reissueStanding) bool {
	if s.begun.IsZero() || cannotIssue(s.Certificate) != "" {
		return false
	}
	if s.Revocation == nil {
		return true
	}
	// Another Revocation would be of the new certificate if there is one, and
	// this one goes on by itself unless it is over.
	return meta.IsStatusConditionTrue(s.Revocation.Status.Conditions, v1alpha1.RevocationFailed) &&
		!meta.IsStatusConditionTrue(s.Revocation.Status.Conditions, v1alpha1.RevocationReissued)
}

// cannotIssue says why nothing can be issued for a Certificate before somebody
// changes something.
func cannotIssue(crt *cmv1.Certificate) string {
	ready := FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady)
	if ready == nil || ready.Status == cmmeta.ConditionTrue || ready.Reason != ReasonInvalidSpec && ready.Reason != ReasonSecretConflict {
		return ""
	}
	return ready.Message
}

// begin asks for other certificates.
func (c *reissueLadder) begin(list []*reissueStanding) {
	r := c.seen.Reissue
	if r.Spec.Revoke != nil {
		var action CreateRevocations
		for _, s := range list {
			action.Revocations = append(action.Revocations, c.revocation(s.Certificate))
		}
		c.Action = action
	} else {
		var action AskReplacements
		for _, s := range list {
			action.Certificates = append(action.Certificates, c.ask(s.Certificate))
		}
		c.Action = action
	}
	for _, s := range list {
		if s.begun.IsZero() {
			c.begun = append(c.begun, s)
		}
		s.begun, s.state, s.message = c.now, reissueUnderWay, ""
	}
	c.inFlight = append(c.inFlight, list...)
	c.next = slices.DeleteFunc(c.next, func(s *reissueStanding) bool { return s.state != reissueNext })
	c.report()
}

// ask is a Certificate that is asked for another certificate.
func (c *reissueLadder) ask(crt *cmv1.Certificate) *cmv1.Certificate {
	crt = crt.DeepCopy()
	if !IsIssuing(&crt.Status) {
		// A wish that has failed waits for its next attempt; that is now.
		crt.Status.Conditions = slices.DeleteFunc(crt.Status.Conditions, func(condition cmv1.CertificateCondition) bool {
			return condition.Type == cmv1.CertificateConditionIssuing
		})
	}
	name := c.seen.Reissue.Namespace + "/" + c.seen.Reissue.Name
	AskReplacement(crt, fmt.Sprintf("Reissue %q", name), c.now)
	crt.Status.Reissue = &cmv1.CertificateReissueStatus{
		UID: string(c.seen.Reissue.UID), Name: name, Attempt: c.Status.Attempt,
		Revision: NextRevision(crt) - 1, Time: *stamp(c.now),
	}
	return crt
}

// revocation has a Certificate's certificate replaced, and then revoked.
func (c *reissueLadder) revocation(crt *cmv1.Certificate) *v1alpha1.Revocation {
	r := c.seen.Reissue
	reason := r.Spec.Revoke.Reason
	if reason == "" {
		reason = v1alpha1.Superseded
	}
	return &v1alpha1.Revocation{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: crt.Namespace,
			Name:      ReissueRevocationName(r, crt.Namespace, crt.Name, c.Status.Attempt),
			Labels:    map[string]string{v1alpha1.ReissueUIDLabel: string(r.UID)},
			Annotations: map[string]string{
				v1alpha1.ReissueNameAnnotation:    r.Namespace + "/" + r.Name,
				v1alpha1.ReissueAttemptAnnotation: strconv.Itoa(int(c.Status.Attempt)),
			},
		},
		Spec: v1alpha1.RevocationSpec{
			Target:        v1alpha1.RevocationTarget{CertificateName: crt.Name},
			Reason:        reason,
			Reissue:       v1alpha1.ReissueFirst,
			Hold:          r.Spec.Revoke.Hold,
			Authorization: v1alpha1.AuthorizationAuto,
		},
	}
}

// ReissueRevocationName is the name of the Revocation that an attempt of a
// campaign creates for a Certificate.
func ReissueRevocationName(r *v1alpha1.Reissue, namespace, certificate string, attempt int32) string {
	return cut(r.Name, maxName-11) + "-" + shortHash(string(r.UID), namespace, certificate, strconv.Itoa(int(attempt)))
}

// Backdating is how far CAs date certificates back, at most: Let's Encrypt an
// hour. Two days are beyond doubt.
const backdating = 48 * time.Hour

// IssuedNear says whether the dates in a Certificate's certificate leave open
// whether it was requested before an instant.
func IssuedNear(crt *cmv1.Certificate, since time.Time) bool {
	from := crt.Status.NotBefore
	return from != nil && !from.After(since) && from.After(since.Add(-backdating))
}

// issuedAfter says whether a certificate was requested after an instant. A
// campaign begins none in the second of its start, so what was requested in that
// second is old.
func issuedAfter(m *ReissueMember, since time.Time) bool {
	if !m.Issued.IsZero() {
		return m.Issued.After(since)
	}
	from := m.Certificate.Status.NotBefore
	return from != nil && from.After(since)
}
