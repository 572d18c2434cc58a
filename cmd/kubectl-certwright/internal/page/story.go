package page

import "time"

// Story is what there is to tell about one certificate.
type Story struct {
	Row

	Picture     Picture
	Causes      []Cause   // of trouble, the one to begin with first
	NextAttempt time.Time // zero: there is none, or Next says more
	Next        string
	Facts       []Fact
	Events      []Event // the newest first
	NotSeen     []string
}

// Cause is why something is not ready.
type Cause struct {
	Text, Object  string
	Evidence, Fix []string
}

// Fact is a line about the certificate.
type Fact struct{ Name, Value string }

// Event is one of the events of all objects of a story.
type Event struct {
	Time                    time.Time
	Warning                 bool
	Object, Reason, Message string
}

// Tone is how an object is doing.
type Tone string

const (
	Good   Tone = "good"
	Busy   Tone = "busy"
	Bad    Tone = "bad"
	Absent Tone = "absent" // it is not there
	Plain  Tone = "plain"  // nothing is known about it
)

// Object is a box of the picture.
type Object struct {
	Kind, Name string
	Tone       Tone
	State      string
	Age        string
	Says       string // what it waits for, or does next
}

// Picture is a certificate with what was made for it.
type Picture struct {
	Owner      *Object // an Ingress or a Gateway; nil: somebody wrote the Certificate
	Cert       Object
	Secret     Object
	Issuer     Object
	Request    *Object // the latest; nil: there is none
	Order      *Object
	Challenges []Object
}

// objects lists the boxes in the order in which they are read.
func (p *Picture) objects() []Object {
	var all []Object
	for _, o := range []*Object{p.Owner, &p.Cert, &p.Secret, &p.Issuer, p.Request, p.Order} {
		if o != nil {
			all = append(all, *o)
		}
	}
	return append(all, p.Challenges...)
}
