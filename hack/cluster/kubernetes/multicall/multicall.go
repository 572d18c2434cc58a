// Package multicall lets one binary be several programs, chosen by the name it is called by or by its first argument.
// One binary links the packages that the programs share once.
package multicall

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Programs maps the name of a program to its main function, which reads os.Args and returns the exit code.
type Programs map[string]func() int

// Main runs the program that os.Args names and exits with its code. It drops the argument that named it, so that the
// program sees its own name as os.Args[0].
func (p Programs) Main() {
	name, args, ok := p.choose(os.Args)
	if !ok {
		p.usage(os.Stderr)
		os.Exit(2)
	}
	os.Args = append([]string{name}, args...)
	os.Exit(p[name]())
}

func (p Programs) choose(argv []string) (name string, args []string, ok bool) {
	if len(argv) == 0 {
		return "", nil, false
	}
	if base := filepath.Base(argv[0]); p[base] != nil {
		return base, argv[1:], true
	}
	if len(argv) > 1 && p[argv[1]] != nil {
		return argv[1], argv[2:], true
	}
	return "", nil, false
}

func (p Programs) usage(w io.Writer) {
	names := make([]string, 0, len(p))
	for name := range p {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(w, "call one of: %s\n", strings.Join(names, ", "))
}
