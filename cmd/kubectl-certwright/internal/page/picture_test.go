package page

import (
	"fmt"
	"strings"
	"testing"
)

func TestOfManyChallengesTheWorstAreDrawn(t *testing.T) {
	t.Parallel()
	p := Picture{Cert: Object{Kind: "Certificate"}, Request: &Object{Kind: "CertificateRequest"}, Order: &Object{Kind: "Order"}}
	for i := range 100 {
		p.Challenges = append(p.Challenges, Object{Kind: "Challenge", Name: fmt.Sprintf("n%d.example.com", i), Tone: Good})
	}
	p.Challenges[70].Tone, p.Challenges[90].Tone = Bad, Busy
	for _, d := range []drawing{p.wide(), p.narrow()} {
		var names []string
		for _, b := range d.Boxes {
			if strings.HasPrefix(b.Kind, "Challenge") {
				names = append(names, b.Short)
			}
			if b.X < 0 || b.Y < 0 || b.X+b.W > d.Width || b.Y+b.H > d.Height {
				t.Errorf("%s: %s %s is outside of the picture", d.Class, b.Kind, b.Name)
			}
		}
		if got := strings.Join(names, " "); got != "n70.example.com n90.example.com n0.example.com n1.example.com 96 more" {
			t.Errorf("%s: %s", d.Class, got)
		}
	}
	if got := len(p.objects()); got != 105 {
		t.Errorf("%d objects are listed, want all 105", got)
	}
}

func TestBoxesOfAPictureDoNotLieOnEachOther(t *testing.T) {
	t.Parallel()
	object := Object{Kind: "x"}
	for _, p := range []Picture{
		{},
		{Owner: &object},
		{Request: &object},
		{Owner: &object, Request: &object, Order: &object},
		{Owner: &object, Request: &object, Order: &object, Challenges: []Object{object, object, object}},
	} {
		for _, d := range []drawing{p.wide(), p.narrow()} {
			for i, a := range d.Boxes {
				for _, b := range d.Boxes[:i] {
					if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
						t.Errorf("%s: boxes at %d,%d and %d,%d of %d", d.Class, a.X, a.Y, b.X, b.Y, len(d.Boxes))
					}
				}
			}
		}
	}
}

func TestALongTextIsCutInItsMiddle(t *testing.T) {
	t.Parallel()
	if got := cut("checkout-7-2874638476", 12); got != "checkou…8476" {
		t.Errorf("it is %q", got)
	}
	if got := cut("äöü", 3); got != "äöü" {
		t.Errorf("it is %q", got)
	}
}
