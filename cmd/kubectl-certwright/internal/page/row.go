package page

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Row is one certificate in the list, as it is stored.
type Row struct {
	Namespace, Name string
	Names           []string // what it is for
	Issuer          string
	Unknown         bool // nobody has looked at it yet
	Ready           bool
	Issuing         bool   // an attempt is under way
	Failed          bool   // the last attempt has failed
	Says            string // why it is not ready, or why the last attempt failed

	NotBefore, NotAfter, Renewal time.Time // zero: there is none
}

// Class is how much a certificate needs somebody, the most first.
type Class int

const (
	Trouble Class = iota // it needs a look
	Working              // it is on its way
	Sound                // it is in order
)

// lateShare is which part of the time between renewal and expiry has to pass
// before a renewal counts as late. The alert CertwrightCertificateRenewalLate
// has the same.
const lateShare = 0.25

func (r *Row) expired(now time.Time) bool { return !r.NotAfter.IsZero() && !now.Before(r.NotAfter) }

func (r *Row) late(now time.Time) bool {
	if r.Renewal.IsZero() || r.NotAfter.IsZero() {
		return false
	}
	return float64(now.Sub(r.Renewal)) > lateShare*float64(r.NotAfter.Sub(r.Renewal))
}

func (r *Row) class(now time.Time) Class {
	switch {
	case r.expired(now), r.Failed, r.late(now):
		return Trouble
	case r.Ready && r.Issuing:
		return Working
	case r.Ready:
		return Sound
	case r.Unknown:
		return Working
	// The operator adds what is in the way behind a semicolon; without one a
	// first issuance goes as it should.
	case r.Issuing && !strings.Contains(r.Says, "; "):
		return Working
	default:
		return Trouble
	}
}

// state is the class in words.
func (r *Row) state(now time.Time) string {
	switch {
	case r.expired(now):
		return "expired"
	case r.Failed && r.Ready:
		return "renewal failed"
	case r.Failed:
		return "failed"
	case r.late(now):
		return "renewal late"
	case r.Ready && r.Issuing:
		return "being renewed"
	case r.Ready:
		return "in order"
	case r.Unknown:
		return "new"
	case r.Issuing && r.class(now) == Working:
		return "being issued"
	case r.Issuing:
		return "held up"
	default:
		return "not ready"
	}
}

// Filter is what of the list is looked at.
type Filter struct {
	Namespace string // empty: all
	Text      string // words that name, namespace, issuer, names or cause all contain
	Only      string // trouble, working or sound; empty: all
	Page      int    // from 1
	Span      string // of the timeline; see spans
}

// perPage is how many certificates are on a page: what a browser lays out at
// once without a pause, and more than anybody reads.
const perPage = 100

func (f *Filter) takes(r *Row, class Class) bool {
	if f.Namespace != "" && r.Namespace != f.Namespace {
		return false
	}
	if f.Only != "" && f.Only != classNames[class] {
		return false
	}
	for word := range strings.FieldsSeq(strings.ToLower(f.Text)) {
		if !r.contains(word) {
			return false
		}
	}
	return true
}

func (r *Row) contains(word string) bool {
	for _, text := range append([]string{r.Namespace, r.Name, r.Issuer, r.Says}, r.Names...) {
		if strings.Contains(strings.ToLower(text), word) {
			return true
		}
	}
	return false
}

var classNames = [...]string{Trouble: "trouble", Working: "working", Sound: "sound"}

type classed struct {
	*Row
	class Class
}

// arrange filters rows and sorts them: by class, then those that end first, of
// which those that have no end yet are the first of all.
func arrange(rows []Row, f *Filter, now time.Time) []classed {
	var all []classed
	for i := range rows {
		if class := rows[i].class(now); f.takes(&rows[i], class) {
			all = append(all, classed{&rows[i], class})
		}
	}
	slices.SortFunc(all, func(a, b classed) int {
		return cmp.Or(cmp.Compare(a.class, b.class), a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}
