package page

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// drawing is a picture with places: SVG units, which are CSS pixels at full size.
type drawing struct {
	Width, Height int
	Boxes         []box
	Arrows        []arrow
	Class         string
}

type box struct {
	Object

	X, Y, W, H        int
	Symbol            string
	Short, Line, More string // name, state and what it says, cut to fit
}

// arrow is a path between boxes, and a word on it.
type arrow struct {
	Path, Text string
	X, Y       int // of the word
	Anchor     string
	Tone       Tone
}

const (
	boxHeight = 92
	gap       = 56 // between boxes, along an arrow
	gapSmall  = 16 // between boxes beside each other
	// mostChallenges is how many challenges are drawn. A certificate may have a
	// hundred names; those in trouble come first, and all are listed below.
	mostChallenges = 5
)

// symbols say the tone to those who do not see colours.
var symbols = map[Tone]string{Good: "✓", Busy: "…", Bad: "!", Absent: "–", Plain: "·"}

func boxAt(o Object, x, y, w int) box {
	// Letters of the name are 9.6 units wide, the others 6.8, in the widest of
	// the fonts that systems have.
	name, rest := (w-24)*10/96, (w-24)*10/68
	line := o.State
	if o.Age != "" {
		line += " · " + o.Age
	}
	return box{Object: o, X: x, Y: y, W: w, H: boxHeight, Symbol: symbols[o.Tone], Short: cut(o.Name, name), Line: cut(line, rest), More: cut(o.Says, rest)}
}

// cut shortens a text in its middle: objects of one story begin and end alike.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	r := []rune(text)
	head := (most - 1) * 2 / 3
	return string(r[:head]) + "…" + string(r[len(r)-(most-1-head):])
}

// drawn are the challenges that are drawn, the worst first, and a box for the
// others.
func (p *Picture) drawn() []Object {
	rank := map[Tone]int{Bad: 0, Busy: 1, Plain: 2, Absent: 3, Good: 4}
	all := slices.Clone(p.Challenges)
	slices.SortStableFunc(all, func(a, b Object) int { return rank[a.Tone] - rank[b.Tone] })
	if len(all) <= mostChallenges {
		return all
	}
	rest := all[mostChallenges-1:]
	return append(all[:mostChallenges-1:mostChallenges-1], Object{
		Kind: "Challenges", Name: fmt.Sprintf("%d more", len(rest)), Tone: rest[0].Tone, State: "listed below",
	})
}

// wide lays the picture out from left to right, for screens.
func (p *Picture) wide() drawing {
	const w = 208
	d := drawing{Class: "wide"}
	challenges := p.drawn()
	stack := max(len(challenges), 1)
	height := max(stack*(boxHeight+gapSmall)-gapSmall, 2*boxHeight+gap)
	x, y := 0, 0
	put := func(o Object) (b box) {
		b = boxAt(o, x, y, w)
		d.Boxes = append(d.Boxes, b)
		x += w + gap
		return b
	}
	if p.Owner != nil {
		owner := put(*p.Owner)
		d.right(owner, x, y+boxHeight/2, "asks", p.Cert.Tone)
	}
	cert := put(p.Cert)
	secret := boxAt(p.Secret, cert.X, boxHeight+gap, w)
	issuer := boxAt(p.Issuer, x, boxHeight+gap, w)
	d.Boxes = append(d.Boxes, secret, issuer)
	d.down(cert, secret, "stored in", p.Secret.Tone)
	if p.Request == nil {
		d.Arrows = append(d.Arrows, arrow{
			Path: fmt.Sprintf("M%d %d C%d %d %d %d %d %d", cert.X+w, boxHeight/2, cert.X+w+gap, boxHeight/2, issuer.X-gap, issuer.Y+boxHeight/2, issuer.X-4, issuer.Y+boxHeight/2),
			Tone: p.Issuer.Tone,
		})
		d.Width = issuer.X + w
	} else {
		request := *p.Request
		d.right(cert, x, y+boxHeight/2, "asks", request.Tone)
		asked := put(request)
		d.down(asked, issuer, "decided by", p.Issuer.Tone)
		if p.Order != nil {
			d.right(asked, x, y+boxHeight/2, "orders", p.Order.Tone)
			order := put(*p.Order)
			for i, ch := range challenges {
				y = i * (boxHeight + gapSmall)
				text := ""
				if i == 0 {
					text = "proves"
				}
				d.right(order, x, y+boxHeight/2, text, ch.Tone)
				d.Boxes = append(d.Boxes, boxAt(ch, x, y, w))
			}
			if len(challenges) > 0 {
				x += w + gap
			}
		}
		d.Width = x - gap
	}
	d.Height = height
	return d.framed()
}

// narrow lays it out from top to bottom, for phones.
func (p *Picture) narrow() drawing {
	const w, half = 336, 160
	d := drawing{Class: "narrow", Width: w}
	y := 0
	var above *box
	put := func(o Object, text string) *box {
		b := boxAt(o, 0, y, w)
		if above != nil {
			d.down(*above, b, text, o.Tone)
		}
		d.Boxes = append(d.Boxes, b)
		y += boxHeight + gap
		return &b
	}
	if p.Owner != nil {
		above = put(*p.Owner, "")
	}
	cert := put(p.Cert, "asks")
	secret, issuer := boxAt(p.Secret, 0, y, half), boxAt(p.Issuer, w-half, y, half)
	d.Boxes = append(d.Boxes, secret, issuer)
	for _, b := range []box{secret, issuer} {
		d.down(box{X: b.X, Y: cert.Y, W: b.W, H: boxHeight}, b, map[bool]string{true: "stored in", false: "issued by"}[b.X == 0], b.Tone)
	}
	y += boxHeight + gap
	if p.Request != nil {
		from := box{X: 0, Y: cert.Y, W: w, H: boxHeight}
		b := boxAt(*p.Request, 0, y, w)
		// Between Secret and issuer.
		d.Arrows = append(d.Arrows, arrow{
			Path: fmt.Sprintf("M%d %dV%d", w/2, from.Y+boxHeight, b.Y-4), Tone: b.Tone, Text: "asks", X: w/2 + 8, Y: b.Y - gap/2 + 4, Anchor: "start",
		})
		d.Boxes = append(d.Boxes, b)
		y += boxHeight + gap
		above = &b
		if p.Order != nil {
			above = put(*p.Order, "orders")
			for i, ch := range p.drawn() {
				text := ""
				if i == 0 {
					text = "proves"
				} else {
					y -= gap - gapSmall
				}
				b := boxAt(ch, 0, y, w)
				if i == 0 {
					d.down(*above, b, text, ch.Tone)
				}
				d.Boxes = append(d.Boxes, b)
				y += boxHeight + gap
			}
		}
	}
	d.Height = y - gap
	return d.framed()
}

// framed leaves room for the lines of the boxes at the edges.
func (d drawing) framed() drawing {
	d.Width += 2
	d.Height += 2
	return d
}

func (d *drawing) right(from box, x, y int, text string, tone Tone) {
	x0, y0 := from.X+from.W, from.Y+from.H/2
	path := fmt.Sprintf("M%d %dH%d", x0, y0, x-4)
	if y != y0 {
		path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x0, y0, x0+gap/2, y0, x-gap/2, y, x-4, y)
	}
	d.Arrows = append(d.Arrows, arrow{Path: path, Text: text, X: (x0 + x) / 2, Y: y0 - 8, Anchor: "middle", Tone: tone})
}

func (d *drawing) down(from, to box, text string, tone Tone) {
	x := to.X + to.W/2
	d.Arrows = append(d.Arrows, arrow{
		Path: fmt.Sprintf("M%d %dV%d", x, from.Y+from.H, to.Y-4), Text: text, X: x + 8, Y: to.Y - gap/2 + 4, Anchor: "start", Tone: tone,
	})
}
