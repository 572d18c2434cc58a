package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// clusterName is the name of the control plane in hack/cluster.
const clusterName = "bench"

// controlPlane is a control plane that hack/cluster runs for the bench alone.
type controlPlane struct {
	program string // hack/cluster, built
	dir     string // its folder in the checkout
}

// checkout returns the root of the checkout that the working directory is in.
func checkout() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "hack", "cluster", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find checkout: %s is not inside one", wd)
		}
	}
}

// lockCheckout makes sure that one bench runs in a checkout at a time: a second one would take down the first one's
// control plane, and neither could measure a time.
func lockCheckout(root string) (unlock func(), err error) {
	f, err := os.Open(filepath.Join(root, "hack", "bench")) //nolint:gosec // a folder of the checkout
	if err != nil {
		return nil, fmt.Errorf("lock checkout: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another bench runs in this checkout")
		}
		return nil, fmt.Errorf("lock checkout: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// newControlPlane builds hack/cluster into a folder.
func newControlPlane(ctx context.Context, root, into string) (*controlPlane, error) {
	c := &controlPlane{program: filepath.Join(into, "cluster"), dir: filepath.Join(root, "hack", "cluster")}
	if _, err := command(ctx, c.dir, "go", "build", "-o", c.program, "."); err != nil {
		return nil, fmt.Errorf("build hack/cluster: %w", err)
	}
	return c, nil
}

// up starts an empty control plane and returns the path of the administrator's kubeconfig. What a killed bench left
// behind is taken down before.
func (c *controlPlane) up(ctx context.Context) (kubeconfig string, err error) {
	if err := c.down(ctx); err != nil {
		return "", err
	}
	out, err := command(ctx, c.dir, c.program, "up", "control-plane", "--name", clusterName)
	if err != nil {
		return "", fmt.Errorf("start control plane: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], nil
}

func (c *controlPlane) down(ctx context.Context) error {
	if _, err := command(ctx, c.dir, c.program, "down", "--name", clusterName); err != nil {
		return fmt.Errorf("stop control plane: %w", err)
	}
	return nil
}

// command runs a program whose errors the user sees as it says them, and returns its output. It gets a process group of
// its own, so that it is the bench that a Ctrl-C ends first, and the bench that ends the program.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the arguments are the bench's own
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", err
	}
	return out.String(), nil
}
