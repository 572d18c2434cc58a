package lifecycle

import (
	"fmt"
	"slices"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// The guards of an Order whose names are to be proved.

// lacksAuthorizations: all are read, and then stored in one write.
func (p *orderPass) lacksAuthorizations() bool {
	known := true
	for _, a := range p.Order.Status.Authorizations {
		if a.InitialState != acmev1.Unknown {
			continue
		}
		if _, read := p.Authorizations[a.URL]; !read {
			p.d.Action = ReadAuthorization{a.URL}
			return true
		}
		known = false
	}
	if known {
		return false
	}
	for i, a := range p.d.Status.Authorizations {
		if a.InitialState == acmev1.Unknown {
			p.d.Status.Authorizations[i] = p.Authorizations[a.URL]
		}
	}
	p.d.Status.Reason = ""
	return true
}

func (p *orderPass) hasFailedChallenge() bool {
	for _, c := range p.Challenges {
		state := c.Status.State
		if !state.Final() || state == acmev1.Valid {
			continue
		}
		reason := c.Status.Reason
		if reason == "" {
			reason = fmt.Sprintf("the challenge for %q is %s", c.Spec.DNSName, state)
		}
		p.fail(state, reason)
		return true
	}
	return false
}

// hasOutdatedChallenge: the CA computes what it wants to see with the key that
// the account has when it looks (RFC 8555, section 8.1), so that a Challenge of
// before a rollover can only fail. Another one takes its place.
func (p *orderPass) hasOutdatedChallenge() bool {
	for _, c := range p.Outdated {
		if c.DeletionTimestamp == nil {
			p.d.Action = DeleteChallenge{c}
			return true
		}
	}
	return false
}

// lacksChallenge: a name that is not proved yet gets a Challenge, one in a
// pass. One that is being deleted has to be gone first: its successor has the
// same name.
func (p *orderPass) lacksChallenge() bool {
	for _, a := range p.Order.Status.Authorizations {
		switch a.InitialState {
		case acmev1.Valid:
			continue
		case acmev1.Invalid, acmev1.Expired, acmev1.Errored:
			p.fail(a.InitialState, fmt.Sprintf("the CA's authorization for %q is %s", fullName(a), a.InitialState))
			return true
		case acmev1.Unknown, acmev1.Pending, acmev1.Ready, acmev1.Processing:
		}
		if slices.ContainsFunc(p.Challenges, func(c *acmev1.Challenge) bool { return c.Spec.AuthorizationURL == a.URL }) {
			continue
		}
		p.prove(a)
		return true
	}
	return false
}

func (p *orderPass) prove(a acmev1.ACMEAuthorization) {
	choice, why := ChooseSolver(p.ACME.Solvers, a, p.Order)
	if why != "" {
		if p.Order.Status.Reason != why {
			p.event(Warning, OrderEventSolver, why)
		}
		p.wait(why, p.CA.Expires) // the issuer is watched
		return
	}
	spec := acmev1.ChallengeSpec{
		URL:              choice.Challenge.URL,
		AuthorizationURL: a.URL,
		DNSName:          a.Identifier,
		Wildcard:         isWildcard(a),
		Type:             choice.Type,
		Token:            choice.Challenge.Token,
		Solver:           choice.Solver,
		IssuerRef:        p.Order.Spec.IssuerRef,
	}
	name, err := ChallengeName(p.Order.Name, spec)
	if err != nil {
		p.fail(acmev1.Errored, err.Error())
		return
	}
	p.d.Action = CreateChallenge{name, spec}
}

func (p *orderPass) hasPendingChallenge() bool {
	pending, reason := false, ""
	for _, c := range p.Challenges {
		if c.Status.State == acmev1.Valid {
			continue
		}
		pending = true
		if reason == "" {
			reason = c.Status.Reason
		}
	}
	if pending {
		p.wait(reason, p.CA.Expires) // the Challenges are watched
	}
	return pending
}

// isProved: every name is proved, so the order is ready, or soon will be. What
// was known of it is from before. To finalize it finds out without asking
// first; a CA that wants to be asked says so.
func (p *orderPass) isProved() bool {
	if p.CA.Polls == 0 && !p.hastyFinalize() {
		p.finalize()
		return true
	}
	next := p.now
	if p.CA.Polls > 0 {
		next = pollAt(p.CA.At, p.CA.RetryAfter, p.CA.Polls)
	}
	if !p.now.Before(next) {
		p.d.Action = ReadOrder{p.CA.URL}
		return true
	}
	reason := ""
	if p.CA.Polls >= patientPolls {
		reason = "every name is proved, but the CA still calls the order pending"
	}
	p.wait(reason, Sooner(next, p.CA.Expires))
	return true
}
