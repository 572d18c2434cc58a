package main

import (
	"context"
	"fmt"
	"strings"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// openOrder is the Order that is under way or has failed; nil if there is none.
func (q *inquiry) openOrder() *acmev1.Order {
	req := q.latest()
	for i := range q.orders.value {
		o := &q.orders.value[i]
		if o.Status.State != acmev1.Valid && (req == nil && q.bare || req != nil && owns(req.UID, o)) {
			return o
		}
	}
	return nil
}

// proofGoesOn: a Challenge that is over without proof, or has not begun.
func proofGoesOn(_ context.Context, q *inquiry) ([]finding, error) {
	var all []finding
	for _, ch := range q.unfinished() {
		f := finding{Object: "Challenge/" + ch.Name, Evidence: []string{ch.Status.Reason}}
		switch {
		case ch.Status.Reason == "":
			continue
		case ch.Status.State.Final():
			f.ID, f.Cause = "proof-refused", fmt.Sprintf("The name %s was not proved to the CA", ch.Spec.DNSName)
			f.Fix = []string{"Mend what the message names; what answered then is gone by now, and comes back with the next attempt"}
			if ch.Spec.Solver.DNS01 == nil {
				f.Fix = append(f.Fix, "The name has to lead to this cluster, and port 80 has to be open from the internet, over IPv6 too if it has such an address")
			} else {
				f.Fix = append(f.Fix, "The TXT record has to be at all authoritative servers of the zone that the internet asks")
			}
		case !ch.Status.Presented && !ch.Status.Processing:
			f.ID, f.Cause = "challenge-waits", fmt.Sprintf("The proof of %s has not begun", ch.Spec.DNSName)
			f.Fix = []string{"Mend what the message names; if it is that others come first, wait"}
		default:
			continue
		}
		all = append(all, f)
	}
	return all, nil
}

// provingNow are the Challenges that are being solved by a kind of solver.
func (q *inquiry) provingNow(kind acmev1.ACMEChallengeType) []*acmev1.Challenge {
	var all []*acmev1.Challenge
	for _, ch := range q.unfinished() {
		if isDNS := ch.Spec.Solver.DNS01 != nil; isDNS == (kind == acmev1.ACMEChallengeTypeDNS01) && !ch.Status.State.Final() && (ch.Status.Presented || ch.Status.Processing) {
			all = append(all, ch)
		}
	}
	if len(all) > mostLooked {
		q.notSeen = append(q.notSeen, fmt.Sprintf("%d more challenges of type %s", len(all)-mostLooked, kind))
		all = all[:mostLooked]
	}
	return all
}

// mostLooked bounds how many challenges are looked at from here: a name that
// does not answer takes 10 s, and what ails one mostly ails all.
const mostLooked = 6

// caaPermits: CAs must not issue for a name whose CAA records name others.
func caaPermits(ctx context.Context, q *inquiry) ([]finding, error) {
	o := q.openOrder()
	if o == nil || q.world == nil || q.issuer.value == nil || q.issuer.value.GetSpec().ACME == nil {
		return nil, nil
	}
	var all []finding
	var identities []string
	for _, name := range o.Spec.DNSNames {
		records, at, err := q.world.caa(ctx, name)
		if err != nil {
			q.notSeen = append(q.notSeen, err.Error())
			return all, nil // who does not answer for one name makes the user wait for each
		}
		if len(records) == 0 {
			continue
		}
		if identities == nil {
			if identities, err = q.world.identities(ctx, q.issuer.value.GetSpec().ACME.Server); err != nil || len(identities) == 0 {
				q.notSeen = append(q.notSeen, "whether CAA records permit the CA: its directory does not say its name")
				return nil, nil //nolint:nilerr // it is told
			}
		}
		if permits(records, strings.HasPrefix(name, "*."), identities) {
			continue
		}
		f := finding{ID: "caa-forbids", Object: "CAA records of " + at, Cause: fmt.Sprintf("The DNS of %s does not let this CA issue for it", name)}
		for _, r := range records {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s CAA %s %q", at, r.tag, r.value))
		}
		f.Fix = []string{fmt.Sprintf("Add the record: %s. CAA 0 issue %q", at, identities[0])}
		all = append(all, f)
	}
	return all, nil
}

// orderGoesOn: what the CA says about the order.
func orderGoesOn(_ context.Context, q *inquiry) ([]finding, error) {
	o := q.openOrder()
	if o == nil || o.Status.Reason == "" {
		return nil, nil
	}
	for _, ch := range q.unfinished() {
		if ch.Status.Reason == o.Status.Reason && !o.Status.State.Final() {
			return nil, nil // told of the Challenge
		}
	}
	reason := strings.ToLower(o.Status.Reason)
	f := finding{Object: "Order/" + o.Name, Evidence: []string{o.Status.Reason}}
	switch {
	case strings.Contains(reason, "ratelimited") || strings.Contains(reason, "rate limit") || strings.Contains(reason, "too many"):
		f.ID, f.Cause = "rate-limited", "The CA lets no more orders pass for now: a rate limit is reached"
		f.Fix = []string{"Wait; trying again does not help, and the operator goes on when the time has come", "Find what asks so often (Certificates that fail again and again, or are deleted and made anew), and try with the CA's staging server"}
	case strings.Contains(reason, "no solver of the issuer fits"):
		f.ID, f.Cause = "no-solver", "The issuer has no solver for one of the names"
		f.Fix = []string{"Add a solver to the issuer: a wildcard takes dns01, and selector.dnsNames, dnsZones and matchLabels have to fit"}
	case o.Status.State.Final():
		f.ID, f.Cause = "order-failed", fmt.Sprintf("The order at the CA has ended as %s", o.Status.State)
		f.Fix = []string{"Mend what the message names; the next attempt makes another order"}
	default:
		f.ID, f.Cause = "order-waits", "The order at the CA does not go on"
		f.Fix = []string{"Mend what the message names; what is an outage of the CA or of the network goes by itself"}
	}
	return []finding{f}, nil
}
