package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// program is one that the site keeps running.
type program struct {
	name string
	args []string
	env  []string // added to this process's
	once bool     // the site ends with it
}

// restartAfter is the pause before a program that has ended is started again,
// so that one that can not start does not take up the machine.
const restartAfter = time.Second

// keep runs a program until ctx ends, as a node would: one that ends is started
// again.
func (c Config) keep(ctx context.Context, p program, lock *os.File) error {
	log, err := os.OpenFile(c.Log(p.name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("run %s: %w", p.name, err)
	}
	defer func() { _ = log.Close() }() // others have written it
	for {
		err := c.runOnce(ctx, p, log, lock)
		if ctx.Err() != nil {
			return nil
		}
		ended := fmt.Errorf("run %s: it has ended: %w: %s", p.name, err, endOf(c.Log(p.name)))
		if p.once {
			return ended
		}
		fmt.Fprintln(os.Stderr, ended)
		select {
		case <-time.After(restartAfter):
		case <-ctx.Done():
			return nil
		}
	}
}

func (c Config) runOnce(ctx context.Context, p program, log, lock *os.File) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Programs, p.name), p.args...) //nolint:gosec // the programs are ours
	cmd.Dir = c.Dir
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{lock}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endWithin / 2 // then it is killed, before Stop loses its patience with all
	if err := cmd.Run(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}
