package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	startWithin = time.Minute      // on a machine with much else to do
	endWithin   = 15 * time.Second // the operator ends what it is at
	killWithin  = 5 * time.Second  // what is killed only has to be taken note of
	lookEvery   = 50 * time.Millisecond
)

// Start starts a site, as the process of a command that calls Run with what
// Held returns, and returns when it is ready. The site outlives this process.
func Start(ctx context.Context, c Config, command ...string) (Addresses, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return Addresses{}, fmt.Errorf("start site: %w", err)
	}
	lock, err := os.OpenFile(c.lockFile(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return Addresses{}, fmt.Errorf("start site: %w", err)
	}
	ended, err := spawn(c, lock, command)
	err = errors.Join(err, lock.Close()) // from now on only the processes hold it
	if err != nil {
		return Addresses{}, fmt.Errorf("start site: %w", err)
	}
	addresses, err := c.whenReady(ctx, ended)
	if err != nil {
		return Addresses{}, errors.Join(fmt.Errorf("start site: %w", err), Stop(context.WithoutCancel(ctx), c))
	}
	return addresses, nil
}

// spawn starts the process, and puts its id into the file on which it holds the
// lock.
func spawn(c Config, lock *os.File, command []string) (ended <-chan error, err error) {
	if taken, err := take(lock); err != nil {
		return nil, err
	} else if !taken {
		return nil, errors.New("it runs already")
	}
	if err := os.Remove(c.addressesFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	log, err := os.OpenFile(c.Log(""), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()                                           // the process has it
	cmd := exec.CommandContext(context.Background(), command[0], command[1:]...) //nolint:gosec // the command is ours
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{lock}
	// A session of its own: what interrupts the demo does not reach it, and all
	// its processes can be ended by one signal to the group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if err := lock.Truncate(0); err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(cmd.Process.Pid)), 0); err != nil {
		return nil, errors.Join(err, cmd.Process.Kill())
	}
	return done, nil
}

// Held returns the locked file in the process that Start has started: the first
// after the standard three.
func Held() *os.File { return os.NewFile(3, "lock") }

func (c Config) whenReady(ctx context.Context, ended <-chan error) (Addresses, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("not ready after %s", startWithin))
	defer cancel()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		addresses, err := c.addresses()
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return addresses, err
		}
		select {
		case <-again.C:
		case err := <-ended:
			return Addresses{}, fmt.Errorf("it has ended (%w): %s", err, endOf(c.Log("")))
		case <-ctx.Done():
			return Addresses{}, fmt.Errorf("%w: %s", context.Cause(ctx), endOf(c.Log("")))
		}
	}
}

// endOf is the last that a log says.
func endOf(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // our own log
	if err != nil || len(strings.TrimSpace(string(text))) == 0 {
		return "it says nothing in " + path
	}
	const most = 5
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// Stop ends all processes of a site, and returns when there are none, also if
// there were none to begin with.
func Stop(ctx context.Context, c Config) error { return stopWithin(ctx, c, endWithin) }

// stopWithin kills what has not ended by itself within the grace.
func stopWithin(ctx context.Context, c Config, grace time.Duration) error {
	lock, err := os.OpenFile(c.lockFile(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop site: %w", err)
	}
	defer func() { _ = lock.Close() }() // nothing is written
	taken, err := take(lock)
	if err != nil || taken {
		return err // while nobody holds it, there is nobody, and the id may be somebody else's
	}
	text, err := os.ReadFile(c.lockFile())
	if err != nil {
		return fmt.Errorf("stop site: %w", err)
	}
	group, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || group <= 1 {
		return errors.New("stop site: it is being started")
	}
	for _, step := range []struct {
		signal syscall.Signal
		within time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, killWithin}} {
		if err := syscall.Kill(-group, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop site: %w", err)
		}
		err := wait.PollUntilContextTimeout(ctx, lookEvery, step.within, true, func(context.Context) (bool, error) { return take(lock) })
		if err == nil || !wait.Interrupted(err) || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("stop site: the processes of group %d do not end", group)
}

// take takes the lock, unless somebody holds it.
func take(lock *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("lock %s: %w", lock.Name(), err)
		}
	}
}
