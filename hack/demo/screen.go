package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen is where the demo shows what happens. On a terminal the lines of what
// is under way are drawn again and again in the same place; elsewhere, as in a
// file, every line is written once.
type screen struct {
	w        io.Writer
	terminal bool
	width    func() int

	drawn int // lines that the next drawing goes over
}

const (
	escUp    = "\x1b[%dA"
	escClear = "\x1b[J" // from the cursor to the end
	escGreen = "\x1b[32m"
	escRed   = "\x1b[31m"
	escDim   = "\x1b[2m"
	escBold  = "\x1b[1m"
	escPlain = "\x1b[0m"
)

func newScreen(f *os.File) *screen {
	s := &screen{w: f, terminal: isTerminal(f) && os.Getenv("TERM") != "dumb"}
	s.width = func() int {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			return width
		}
		return 80
	}
	return s
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// color colors a text, on a terminal.
func (s *screen) color(code, text string) string {
	if !s.terminal {
		return text
	}
	return code + text + escPlain
}

// line writes a line that stays.
func (s *screen) line(text string) { _, _ = fmt.Fprintln(s.w, text) }

// draw shows lines in the place of those of the last drawing. They are plain
// text, and are cut at the terminal's edge, where a longer one would take two.
func (s *screen) draw(lines []string) {
	if !s.terminal {
		return
	}
	var out strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&out, escUp, s.drawn)
	}
	out.WriteString("\r" + escClear)
	width := s.width()
	for _, l := range lines {
		out.WriteString(fit(l, width-1) + "\n")
	}
	s.drawn = len(lines)
	_, _ = fmt.Fprint(s.w, out.String())
}

// keep leaves the last drawing where it is.
func (s *screen) keep() { s.drawn = 0 }

// fit cuts a text at a number of characters.
func fit(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

// spin shows a step, for how long it has been under way and the last that is
// heard of it, until the function that it returns is called with how it went.
func (s *screen) spin(name string, heard func() string) func(ok bool) {
	began := time.Now()
	label := func(mark string) string { return fmt.Sprintf("%s %6s  %s", mark, seconds(time.Since(began)), name) }
	stop := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			s.draw([]string{label(" "), "          " + heard()})
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	return func(ok bool) {
		close(stop)
		drawing.Wait()
		s.draw(nil)
		if ok {
			s.line(s.color(escGreen, label("✓")))
		} else {
			s.line(s.color(escRed, label("✗")))
		}
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// tail remembers the end of what is written to it.
type tail struct {
	through io.Writer // where it goes besides; may be nil

	mu  sync.Mutex
	end []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	t.end = t.end[max(0, len(t.end)-tailSize):]
	if t.through != nil {
		return t.through.Write(p)
	}
	return len(p), nil
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = nil
}

// lastLine is the last line so far.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.end)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
