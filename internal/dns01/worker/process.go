package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

const (
	// maxOutput is far more than an answer takes: a message of 1 KiB, a state of
	// 16 KiB.
	maxOutput = 64 << 10
	// killAfter is how long after its own time limit a process is killed: it
	// starts and ends within it.
	killAfter = 5 * time.Second
	// pipesAfter is how long the pipes of a dead process are waited for, which a
	// child of it could hold.
	pipesAfter = time.Second
)

var errOutput = fmt.Errorf("it wrote more than %d bytes", maxOutput)

// bounded takes so many bytes, and then calls full.
type bounded struct {
	taken []byte // not a bytes.Buffer within: io.Copy would go past Write
	full  func()
	over  bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if len(b.taken)+len(p) > maxOutput {
		b.over = true
		b.full()
		return 0, errOutput
	}
	b.taken = append(b.taken, p...)
	return len(p), nil
}

// run starts a process and gives what it wrote. Errors say how it ended, and
// nothing of what it wrote.
func run(ctx context.Context, limit time.Duration, argv, env []string, input []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit+killAfter)
	defer cancel()
	out := &bounded{full: cancel}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the path is a flag of the operator
	cmd.Env, cmd.Dir = env, "/"
	cmd.Stdin, cmd.Stdout = bytes.NewReader(input), out
	// A group of its own, so that what it starts dies with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipesAfter
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case out.over:
		return nil, errOutput
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it did not end within %v", limit)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit):
		return nil, fmt.Errorf("it crashed: %s", exit.ProcessState)
	case err != nil:
		return nil, fmt.Errorf("it could not be started: %w", err)
	}
	return out.taken, nil
}
