package cainjection

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

// mostKept bounds the certificates of a bundle that its source has no more. A
// CA is replaced after two thirds of its life, so there is one of them; more
// come from people who replace it in between, and an API server that checks a
// chain tries all.
const mostKept = 16

// authorities reads the CA certificates of a source. Those that have expired do
// not count. A problem says what the source lacks.
func authorities(ca []byte, now time.Time) (valid []*x509.Certificate, problem string) {
	list, err := pki.DecodeBundle(ca)
	if err != nil {
		return nil, fmt.Sprintf("is no list of certificates in PEM: %v", err)
	}
	if valid = distinct(unexpired(list, now)); len(valid) == 0 {
		return nil, "has only certificates that have expired"
	}
	return valid, ""
}

// merge says what a bundle is to be, given what it is: the certificates of the
// source, and then those that it has besides and that have not expired. One that
// has the same certificates in another order stays as it is. next is when one
// of those besides expires.
func merge(held []byte, source []*x509.Certificate, now time.Time) (bundle []byte, next time.Time) {
	has := certificates(held)
	var besides []*x509.Certificate
	for _, c := range distinct(unexpired(has, now)) {
		if !contains(source, c) {
			besides = append(besides, c)
		}
	}
	besides = newest(besides)
	for _, c := range besides {
		// It is valid at the instant itself (RFC 5280, section 4.1.2.5).
		if over := c.NotAfter.Add(time.Second); next.IsZero() || over.Before(next) {
			next = over
		}
	}
	want := slices.Concat(source, besides)
	if len(has) == len(want) && !slices.ContainsFunc(want, func(c *x509.Certificate) bool { return !contains(has, c) }) {
		return held, next
	}
	return pki.EncodeCertificates(want...), next
}

// newest keeps the newest of too many certificates, in their order.
func newest(list []*x509.Certificate) []*x509.Certificate {
	if len(list) <= mostKept {
		return list
	}
	byAge := slices.SortedStableFunc(slices.Values(list), func(a, b *x509.Certificate) int { return b.NotBefore.Compare(a.NotBefore) })
	keep := byAge[:mostKept]
	return slices.DeleteFunc(list, func(c *x509.Certificate) bool { return !contains(keep, c) })
}

// certificates are those that can be read. What else a bundle has, such as the
// line feed that tools put there because the field must not be empty, says
// nothing to an API server.
func certificates(bundle []byte) (list []*x509.Certificate) {
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return list
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			list = append(list, cert)
		}
	}
}

func unexpired(list []*x509.Certificate, now time.Time) (valid []*x509.Certificate) {
	for _, c := range list {
		if !now.After(c.NotAfter) {
			valid = append(valid, c)
		}
	}
	return valid
}

func distinct(list []*x509.Certificate) (out []*x509.Certificate) {
	for _, c := range list {
		if !contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func contains(list []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(list, c.Equal)
}

// plan is what the places of a target are to hold.
type plan struct {
	places  []place // all of them: a field that an apply leaves out is given up
	changed bool
	wake    time.Time // when they are to be looked at again; zero is never
}

func next(places []place, source []*x509.Certificate, now time.Time) plan {
	var p plan
	for _, held := range places {
		bundle, wake := merge(held.bundle, source, now)
		p.changed = p.changed || string(bundle) != string(held.bundle)
		p.places = append(p.places, place{held.webhook, bundle})
		p.wake = sooner(p.wake, wake)
	}
	return p
}

// sooner is the earlier instant, where the zero time means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
