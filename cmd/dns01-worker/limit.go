package main

import (
	"math"
	"runtime/debug"
	"syscall"
)

const (
	// softMemory is where the garbage collector starts to work harder. An
	// operation takes about 40 MiB.
	softMemory = 128 << 20
	// hardMemory is where the process dies, of an answer that does not end for
	// example. It counts what is written to, not the address space, of which a Go
	// program reserves a lot (setrlimit(2), RLIMIT_DATA).
	hardMemory = 512 << 20
)

// limit bounds what this process may take, and forbids that its memory is
// written to a file if it dies.
func limit() {
	debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), softMemory)) // less may have been asked for by GOMEMLIMIT
	var now syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_DATA, &now) == nil && now.Max >= hardMemory && now.Max <= math.MaxUint64 {
		// A limit that can not be set leaves the others.
		_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: hardMemory, Max: hardMemory})
	}
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}
