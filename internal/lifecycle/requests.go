package lifecycle

import (
	"cmp"
	"slices"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// ChosenRequests are a Certificate's requests, sorted by what they are for.
type ChosenRequests struct {
	Current, Next *cmv1.CertificateRequest
	Superfluous   []string // oldest first
}

// SortRequests tells a Certificate's own requests apart by their revision
// (contract 2.4, 2.6).
func SortRequests(crt *cmv1.Certificate, owned []*cmv1.CertificateRequest) ChosenRequests {
	next := lastRevision(crt, owned) + 1
	var chosen ChosenRequests
	var past []*cmv1.CertificateRequest
	for _, req := range owned {
		switch revision, ok := Revision(req); {
		case !ok:
			chosen.Superfluous = append(chosen.Superfluous, req.Name)
		case revision == next:
			if chosen.Next != nil {
				// Two for one revision: keep the one with our name.
				if req.Name != RequestName(crt.Name, next) {
					chosen.Superfluous = append(chosen.Superfluous, req.Name)
					continue
				}
				chosen.Superfluous = append(chosen.Superfluous, chosen.Next.Name)
			}
			chosen.Next = req
		case revision < next:
			past = append(past, req)
			if revision == next-1 {
				chosen.Current = req
			}
		default:
			// Of a future that never came, as after a restored backup.
			chosen.Superfluous = append(chosen.Superfluous, req.Name)
		}
	}
	slices.SortFunc(past, func(a, b *cmv1.CertificateRequest) int {
		ra, _ := Revision(a)
		rb, _ := Revision(b)
		return cmp.Compare(ra, rb)
	})
	limit := cmv1.DefaultRevisionHistoryLimit
	if l := crt.Spec.RevisionHistoryLimit; l != nil && *l >= 1 {
		limit = int(*l)
	}
	for len(past) > limit {
		chosen.Superfluous = append(chosen.Superfluous, past[0].Name)
		past = past[1:]
	}
	return chosen
}

// lastRevision is the last revision that was issued. If the status has lost
// it, the requests tell.
func lastRevision(crt *cmv1.Certificate, owned []*cmv1.CertificateRequest) int {
	last := NextRevision(crt) - 1
	if crt.Status.Revision != nil || crt.Status.LastFailureTime != nil || IsIssuing(&crt.Status) {
		return last
	}
	for _, req := range owned {
		ready := FindRequestCondition(req.Status.Conditions, cmv1.CertificateRequestConditionReady)
		if revision, ok := Revision(req); ok && revision > last && ready != nil && ready.Status == cmmeta.ConditionTrue {
			last = revision
		}
	}
	return last
}
