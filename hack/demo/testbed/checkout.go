package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Checkout is a copy of the project's sources.
type Checkout struct {
	Root string    // absolute path
	Log  io.Writer // what the programs that are run have to tell
}

// FindCheckout returns the checkout that the working directory is in.
func FindCheckout(log io.Writer) (Checkout, error) {
	wd, err := os.Getwd()
	if err != nil {
		return Checkout{}, fmt.Errorf("find checkout: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "hack", "cluster", "go.mod")); err == nil {
			return Checkout{Root: dir, Log: log}, nil
		}
		if dir == filepath.Dir(dir) {
			return Checkout{}, fmt.Errorf("find checkout: %s is not inside a checkout of certwright", wd)
		}
	}
}

// Cluster runs hack/cluster and returns what it prints.
func (c Checkout) Cluster(ctx context.Context, args ...string) (string, error) {
	return c.run(ctx, append([]string{"go", "-C", filepath.Join(c.Root, "hack", "cluster"), "run", "."}, args...)...)
}

// run runs a program at the root of the checkout and returns what it prints.
// What it complains about goes to the log, and its end into the error.
func (c Checkout) run(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the programs are ours
	cmd.Dir = c.Root
	// An interrupt lets a program clean up; one that does not end is killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = io.MultiWriter(&complaints, c.Log)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return "", fmt.Errorf("run %s: %w: %s", short(argv), err, lastLines(complaints.String(), 8))
	}
	return out.String(), nil
}

// short is what a command is about.
func short(argv []string) string {
	if len(argv) > 5 && argv[0] == "go" && argv[1] == "-C" {
		return "hack/cluster " + strings.Join(argv[5:min(len(argv), 7)], " ")
	}
	return strings.Join(argv[:min(len(argv), 3)], " ")
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
