package lifecycle

import (
	"slices"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// ListVerdict is how the revocation lists of a CA issuer are.
type ListVerdict struct {
	Status cmmeta.ConditionStatus
	// Reason is one of the condition RevocationList. The message is the same
	// as long as the reason for it is.
	Reason, Message string
	// Rebuilt tells that lists were lost, and what was done; usually empty.
	Rebuilt string
	// Wake is when the next list is due; zero: when something changes.
	Wake time.Time
}

// announceLists says how the revocation lists are, and tells people when they
// have become better or worse.
func (p *issuerPass) announceLists() {
	v := p.Verdict.Lists
	spec := p.Issuer.GetSpec().CA
	if spec == nil || spec.CRL == nil {
		p.d.Status.Conditions = slices.DeleteFunc(p.d.Status.Conditions, func(c cmv1.IssuerCondition) bool { return c.Type == cmv1.IssuerConditionRevocationList })
		return
	}
	if v == nil { // the CA can not be used at all, and Ready says why
		v = &ListVerdict{Status: cmmeta.ConditionFalse, Reason: cmv1.IssuerReasonListNotSigned, Message: "No revocation list can be signed: " + p.Verdict.Message}
	}
	old := findIssuerCondition(p.d.Status.Conditions, cmv1.IssuerConditionRevocationList)
	if old == nil || old.Status != v.Status || old.Reason != v.Reason {
		event := Event{Type: Normal, Reason: v.Reason, Message: v.Message}
		if v.Reason != cmv1.IssuerReasonListSigned {
			event.Type = Warning
		}
		p.d.Events = append(p.d.Events, event)
	}
	if v.Rebuilt != "" {
		p.d.Events = append(p.d.Events, Event{Type: Warning, Reason: cmv1.IssuerEventListRebuilt, Message: v.Rebuilt})
	}
	p.d.Wake = Sooner(p.d.Wake, v.Wake)
	p.d.Status.Conditions = SetIssuerCondition(p.d.Status.Conditions, cmv1.IssuerCondition{
		Type: cmv1.IssuerConditionRevocationList, Status: v.Status, Reason: v.Reason, Message: v.Message,
		ObservedGeneration: p.Issuer.GetGeneration(),
	}, p.now)
}
