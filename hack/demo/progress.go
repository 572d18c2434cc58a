package main

import (
	"fmt"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// progress is what has been seen of the certificate's way.
type progress struct {
	now  func() time.Duration // since the beginning
	rows []*row

	ready  bool
	failed string // why the issuance is over without a certificate
	last   string // what the Certificate says of itself
}

// row is one object. It stays when the object goes.
type row struct {
	kind, name string
	state      string
	began      time.Duration
	ended      time.Duration // 0 while under way
}

// take takes a change in, and returns a line that tells it; none if it tells
// nothing new.
func (p *progress) take(c change) string {
	kind, state, done := describe(c)
	if certificate, ok := c.object.(*cmv1.Certificate); ok && !c.gone {
		p.ready, p.failed, p.last = verdict(certificate)
	}
	r := p.row(kind, c.object.GetName())
	if done && r.ended == 0 {
		r.ended = max(p.now(), 1)
	}
	if !done {
		r.ended = 0
	}
	if c.gone {
		if r.state == "" {
			return ""
		}
		state = r.state
		if !done {
			state = "removed"
		}
	}
	if state == r.state {
		return ""
	}
	r.state = state
	return fmt.Sprintf("%7s  %-18s %s: %s", seconds(p.now()), kind, r.name, state)
}

func (p *progress) row(kind, name string) *row {
	for _, r := range p.rows {
		if r.kind == kind && r.name == name {
			return r
		}
	}
	r := &row{kind: kind, name: name, began: p.now()}
	p.rows = append(p.rows, r)
	return r
}

// table is the present state, in the order in which things came.
func (p *progress) table() []string {
	if len(p.rows) == 0 {
		return []string{fmt.Sprintf("%8s  waiting for the Certificate", seconds(p.now()))}
	}
	width := 0
	for _, r := range p.rows {
		width = max(width, len(r.name))
	}
	lines := make([]string, 0, len(p.rows))
	for _, r := range p.rows {
		mark, until := " ", p.now()
		if r.ended > 0 {
			mark, until = "✓", r.ended
		}
		lines = append(lines, fmt.Sprintf("%s %6s  %-18s %-*s  %s", mark, seconds(until-r.began), r.kind, width, r.name, r.state))
	}
	return lines
}

// trouble is why there is no certificate yet.
func (p *progress) trouble(name string) string {
	if p.last == "" {
		return fmt.Sprintf("nobody has made the Certificate %s; is the operator running?", name)
	}
	return fmt.Sprintf("the Certificate %s says: %s", name, p.last)
}

// verdict says how a Certificate stands: ready, or given up, and its own words.
func verdict(c *cmv1.Certificate) (ready bool, failed, message string) {
	for _, condition := range c.Status.Conditions {
		switch condition.Type {
		case cmv1.CertificateConditionReady:
			message = condition.Message
			ready = condition.Status == cmmeta.ConditionTrue && condition.ObservedGeneration == c.Generation
		case cmv1.CertificateConditionIssuing:
			if condition.Status == cmmeta.ConditionFalse {
				failed = condition.Message
			}
		default:
		}
	}
	if failed != "" && message != "" {
		failed = message // it has the time of the next attempt too
	}
	return ready, failed, message
}

// describe says in a few words how an object stands, and whether its part is
// done.
func describe(c change) (kind, state string, done bool) {
	switch o := c.object.(type) {
	case *cmv1.Certificate:
		kind = cmv1.CertificateKind
		ready, failed, message := verdict(o)
		switch {
		case ready:
			state, done = "ready", true
		case failed != "":
			state = failed
		case message != "":
			state = message
		default:
			state = "new"
		}
	case *cmv1.CertificateRequest:
		kind = cmv1.CertificateRequestKind
		state, done = describeRequest(o)
	case *acmev1.Order:
		kind = acmev1.OrderKind
		state, done = describeOrder(o)
	case *acmev1.Challenge:
		kind = acmev1.ChallengeKind
		state, done = describeChallenge(o)
	}
	return kind, state, done
}

func describeRequest(r *cmv1.CertificateRequest) (state string, done bool) {
	state = "waiting for approval"
	for _, condition := range r.Status.Conditions {
		if condition.Type == cmv1.CertificateRequestConditionApproved && condition.Status == cmmeta.ConditionTrue {
			state = "approved"
		}
	}
	for _, condition := range r.Status.Conditions {
		if condition.Type != cmv1.CertificateRequestConditionReady {
			continue
		}
		if condition.Status == cmmeta.ConditionTrue {
			return "issued", true
		}
		if condition.Message != "" {
			state = condition.Message
		}
	}
	return state, false
}

func describeOrder(o *acmev1.Order) (state string, done bool) {
	switch {
	case o.Status.State == acmev1.Valid:
		return "certificate received", true
	case o.Status.Reason != "":
		return o.Status.Reason, false
	case o.Status.URL == "":
		return "placing it at the CA", false
	case len(o.Status.Authorizations) == 0:
		return "placed at the CA", false
	}
	return "waiting for proof of " + plural(len(o.Status.Authorizations), "name"), false
}

func describeChallenge(c *acmev1.Challenge) (state string, done bool) {
	switch {
	case c.Status.State == acmev1.Valid:
		return c.Spec.DNSName + " is proven", true
	case c.Status.Reason != "":
		return c.Status.Reason, false
	case c.Status.Presented:
		return "answer is in place, waiting for the CA to see it", false
	case c.Status.Processing:
		return "putting the answer in place", false
	}
	return "solver for " + c.Spec.DNSName + " starts", false
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
