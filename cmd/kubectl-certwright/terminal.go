package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// terminal is where a command reads and writes. Data goes to out; questions and
// progress go to err, so that data can be piped.
type terminal struct {
	in       io.Reader
	out, err io.Writer

	asks   bool // somebody can answer a question
	colour bool // out shows colours
	live   bool // err is looked at: a line can be written over
	now    func() time.Time
}

func newTerminal() *terminal {
	is := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	_, plain := os.LookupEnv("NO_COLOR")
	return &terminal{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		asks: is(os.Stdin) && is(os.Stderr), colour: is(os.Stdout) && !plain && os.Getenv("TERM") != "dumb", live: is(os.Stderr),
		now: time.Now,
	}
}

// tell writes a line of progress.
func (t *terminal) tell(format string, args ...any) { _, _ = fmt.Fprintf(t.err, format+"\n", args...) }

// say writes a line of data.
func (t *terminal) say(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format+"\n", args...) }

// aside is a terminal whose data is progress: what is shown beside the output.
func (t *terminal) aside() *terminal {
	a := *t
	a.out, a.colour = t.err, t.colour && t.live
	return &a
}

// confirm asks a question that is answered by yes or no. Without a terminal
// nobody can be asked, which is an error: yes must then be said beforehand.
func (t *terminal) confirm(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if !t.asks {
		return usage("there is no terminal to ask on: say --yes if it is to be done")
	}
	lines, failed := make(chan string), make(chan struct{})
	go func() { // a read can not be cut off, so it is left behind when the command is interrupted
		scanner := bufio.NewScanner(t.in)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		close(failed)
	}()
	for {
		_, _ = fmt.Fprintf(t.err, "%s [yes/no] ", question)
		select {
		case <-ctx.Done():
			t.tell("")
			return ctx.Err()
		case <-failed:
			t.tell("")
			return not("declined: nothing was done")
		case line := <-lines:
			switch strings.ToLower(strings.TrimSpace(line)) {
			case "yes", "y":
				return nil
			case "no", "n":
				return not("declined: nothing was done")
			}
		}
	}
}

// A colour is the number of an escape sequence (ECMA-48, SGR).
type colour int

const (
	none   colour = 0
	red    colour = 31
	green  colour = 32
	yellow colour = 33
	bold   colour = 1
)

func (t *terminal) paint(c colour, text string) string {
	if !t.colour || c == none || text == "" {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", int(c), text)
}
