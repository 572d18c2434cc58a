package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestDrawingGoesOverTheLastOne(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{w: &out, terminal: true, width: func() int { return 20 }}
	s.draw([]string{"one", "two"})
	s.draw([]string{"three"})
	if got, want := out.String(), "\r\x1b[Jone\ntwo\n\x1b[2A\r\x1b[Jthree\n"; got != want {
		t.Errorf("written %q, want %q", got, want)
	}
}

func TestLongLineIsCutAtTheEdge(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{w: &out, terminal: true, width: func() int { return 10 }}
	s.draw([]string{strings.Repeat("ü", 30)})
	if got, want := out.String(), "\r\x1b[J"+strings.Repeat("ü", 8)+"…\n"; got != want {
		t.Errorf("written %q, want %q", got, want)
	}
}

func TestFileGetsNoDrawingsAndNoColors(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{w: &out}
	s.draw([]string{"again and again"})
	s.line(s.color(escGreen, "once"))
	if got := out.String(); got != "once\n" {
		t.Errorf("written %q", got)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var through bytes.Buffer
	log := &tail{through: &through}
	long := strings.Repeat("x", tailSize) + "\nlast line\n"
	if n, err := log.Write([]byte(long)); n != len(long) || err != nil {
		t.Errorf("written %d bytes: %v", n, err)
	}
	if got := log.lastLine(); got != "last line" {
		t.Errorf("last line %q", got)
	}
	if through.String() != long {
		t.Error("not all went through")
	}
	if len(log.end) > tailSize {
		t.Errorf("%d bytes are kept", len(log.end))
	}
}
