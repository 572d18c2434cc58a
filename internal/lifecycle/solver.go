package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// The types of challenges as CAs name them (RFC 8555, section 9.7.8).
const (
	offeredHTTP01 = "http-01"
	offeredDNS01  = "dns-01"
)

// SolverChoice is the way in which a name is to be proved.
type SolverChoice struct {
	Solver    acmev1.ACMEChallengeSolver // overrides applied
	Type      acmev1.ACMEChallengeType
	Challenge acmev1.ACMEChallenge // the one of those that the CA offers
}

// ChooseSolver picks the solver for an authorization (contract 2.8, solver
// choice). Of those that can solve a challenge that the CA offers and whose
// selector fits, an exact name goes before a zone, a longer zone before a
// shorter, more labels before fewer, and an earlier solver before a later. If
// none is left, or this operator can not use the one that is, why says so.
//
// A solver that can not be used is not replaced by the next best: whoever
// selected DNS-01 for a name had reasons, and a failed HTTP-01 counts against
// the CA's limits.
func ChooseSolver(solvers []acmev1.ACMEChallengeSolver, authorization acmev1.ACMEAuthorization, order *acmev1.Order) (choice SolverChoice, why string) {
	best := solverRank{}
	found := false
	for i := range solvers {
		kind, challenge, ok := offer(&solvers[i], authorization)
		if !ok {
			continue
		}
		rank, ok := rankSolver(solvers[i].Selector, authorization, order.Labels)
		if !ok || (found && !rank.above(best)) {
			continue
		}
		found, best = true, rank
		choice = SolverChoice{Solver: solvers[i], Type: kind, Challenge: challenge}
	}
	name := fullName(authorization)
	if !found {
		return SolverChoice{}, fmt.Sprintf("no solver of the issuer fits %q: the CA offers %s", name, offers(authorization))
	}
	choice.Solver = *choice.Solver.DeepCopy()
	override(&choice.Solver, order.Annotations)
	if why := unusable(choice.Solver); why != "" {
		return SolverChoice{}, fmt.Sprintf("the solver that the issuer has for %q can not be used: %s", name, why)
	}
	return choice, ""
}

// offer finds the challenge that a solver would solve among those offered.
func offer(solver *acmev1.ACMEChallengeSolver, authorization acmev1.ACMEAuthorization) (acmev1.ACMEChallengeType, acmev1.ACMEChallenge, bool) {
	kind, offered := acmev1.ACMEChallengeTypeHTTP01, offeredHTTP01
	switch {
	case solver.DNS01 != nil:
		kind, offered = acmev1.ACMEChallengeTypeDNS01, offeredDNS01
	case solver.HTTP01 == nil:
		return "", acmev1.ACMEChallenge{}, false
	case isWildcard(authorization):
		return "", acmev1.ACMEChallenge{}, false // RFC 8555, section 7.1.3: HTTP can not prove it
	}
	for _, c := range authorization.Challenges {
		if c.Type == offered && c.Token != "" {
			return kind, c, true
		}
	}
	return "", acmev1.ACMEChallenge{}, false
}

// solverRank orders the solvers that fit a name.
type solverRank struct {
	names      int // 1 if the name itself is selected
	zoneLabels int // of the longest zone selected
	labels     int
}

func (r solverRank) above(o solverRank) bool {
	switch {
	case r.names != o.names:
		return r.names > o.names
	case r.zoneLabels != o.zoneLabels:
		return r.zoneLabels > o.zoneLabels
	}
	return r.labels > o.labels
}

func rankSolver(selector *acmev1.CertificateDNSNameSelector, authorization acmev1.ACMEAuthorization, labels map[string]string) (rank solverRank, fits bool) {
	if selector == nil {
		return solverRank{}, true
	}
	for key, value := range selector.MatchLabels {
		if got, ok := labels[key]; !ok || got != value {
			return solverRank{}, false
		}
	}
	rank.labels = len(selector.MatchLabels)
	if len(selector.DNSNames) > 0 {
		name := fullName(authorization)
		if !slices.ContainsFunc(selector.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			return solverRank{}, false
		}
		rank.names = 1
	}
	if len(selector.DNSZones) > 0 {
		for _, zone := range selector.DNSZones {
			if inZone(authorization.Identifier, zone) {
				rank.zoneLabels = max(rank.zoneLabels, strings.Count(strings.Trim(zone, "."), ".")+1)
			}
		}
		if rank.zoneLabels == 0 {
			return solverRank{}, false
		}
	}
	return rank, true
}

func inZone(name, zone string) bool {
	name, zone = strings.ToLower(name), strings.ToLower(strings.Trim(zone, "."))
	return zone != "" && (name == zone || strings.HasSuffix(name, "."+zone))
}

// unusable says why this operator can not present anything with a solver, or
// nothing.
func unusable(solver acmev1.ACMEChallengeSolver) string {
	switch {
	case solver.HTTP01 != nil && solver.HTTP01.Ingress != nil:
		return ""
	case solver.HTTP01 != nil && solver.HTTP01.GatewayHTTPRoute != nil:
		if len(solver.HTTP01.GatewayHTTPRoute.ParentRefs) == 0 {
			return "its gatewayHTTPRoute has no parentRefs, and neither has the Certificate annotations that name a Gateway"
		}
		return ""
	case solver.DNS01 != nil:
		return "" // what a provider lacks it says itself
	}
	return "it has neither http01.ingress nor another way to prove a name"
}

func offers(authorization acmev1.ACMEAuthorization) string {
	var kinds []string
	for _, c := range authorization.Challenges {
		kinds = append(kinds, c.Type)
	}
	if len(kinds) == 0 {
		return "no challenge"
	}
	slices.Sort(kinds) // CAs shuffle them
	return strings.Join(slices.Compact(kinds), ", ")
}

func isWildcard(authorization acmev1.ACMEAuthorization) bool {
	return authorization.Wildcard != nil && *authorization.Wildcard
}

// fullName is the name as it stands in the Certificate.
func fullName(authorization acmev1.ACMEAuthorization) string {
	if isWildcard(authorization) {
		return "*." + authorization.Identifier
	}
	return authorization.Identifier
}
