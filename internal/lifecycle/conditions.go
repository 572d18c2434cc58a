package lifecycle

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// SetCertificateCondition puts c into the list in the place of the condition
// of its type. The transition time changes only when the status does
// (contract 1.1), so that an equal condition leaves an equal list.
func SetCertificateCondition(list []cmv1.CertificateCondition, c cmv1.CertificateCondition, now time.Time) []cmv1.CertificateCondition {
	old := FindCertificateCondition(list, c.Type)
	if old == nil {
		c.LastTransitionTime = stamp(now)
		return append(list, c)
	}
	c.LastTransitionTime = transition(old.Status == c.Status, old.LastTransitionTime, now)
	*old = c
	return list
}

// FindCertificateCondition returns the condition of a type, or nil.
func FindCertificateCondition(list []cmv1.CertificateCondition, t cmv1.CertificateConditionType) *cmv1.CertificateCondition {
	for i := range list {
		if list[i].Type == t {
			return &list[i]
		}
	}
	return nil
}

// SetRequestCondition is SetCertificateCondition for CertificateRequests.
func SetRequestCondition(list []cmv1.CertificateRequestCondition, c cmv1.CertificateRequestCondition, now time.Time) []cmv1.CertificateRequestCondition {
	old := FindRequestCondition(list, c.Type)
	if old == nil {
		c.LastTransitionTime = stamp(now)
		return append(list, c)
	}
	c.LastTransitionTime = transition(old.Status == c.Status, old.LastTransitionTime, now)
	*old = c
	return list
}

// FindRequestCondition returns the condition of a type, or nil.
func FindRequestCondition(list []cmv1.CertificateRequestCondition, t cmv1.CertificateRequestConditionType) *cmv1.CertificateRequestCondition {
	for i := range list {
		if list[i].Type == t {
			return &list[i]
		}
	}
	return nil
}

// SetIssuerCondition is SetCertificateCondition for issuers.
func SetIssuerCondition(list []cmv1.IssuerCondition, c cmv1.IssuerCondition, now time.Time) []cmv1.IssuerCondition {
	for i := range list {
		if list[i].Type != c.Type {
			continue
		}
		c.LastTransitionTime = transition(list[i].Status == c.Status, list[i].LastTransitionTime, now)
		list[i] = c
		return list
	}
	c.LastTransitionTime = stamp(now)
	return append(list, c)
}

// IsIssuing says whether an issuance is under way.
func IsIssuing(status *cmv1.CertificateStatus) bool {
	c := FindCertificateCondition(status.Conditions, cmv1.CertificateConditionIssuing)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

func transition(same bool, old *metav1.Time, now time.Time) *metav1.Time {
	if same && old != nil {
		return old
	}
	return stamp(now)
}

// stamp is an instant as the API stores it: whole seconds.
func stamp(now time.Time) *metav1.Time {
	t := metav1.NewTime(now.Truncate(time.Second))
	return &t
}
