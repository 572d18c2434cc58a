package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// operator is the operator, running as a process of its own.
type operator struct {
	cmd     *exec.Cmd
	gone    chan struct{} // closed when the process has ended
	log     string
	metrics string // URL
}

// buildOperator builds cmd/controller as it is shipped, or with a profiler besides.
func buildOperator(ctx context.Context, root, into string, profiler bool) (program string, err error) {
	program = filepath.Join(into, "controller")
	build := []string{"CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program}
	if profiler {
		overlay, err := profileOverlay(root, into)
		if err != nil {
			return "", err
		}
		build = append(build, "-overlay", overlay)
	}
	if _, err := command(ctx, root, "env", append(build, "./cmd/controller")...); err != nil {
		return "", fmt.Errorf("build operator: %w", err)
	}
	return program, nil
}

// startOperator starts the operator and waits until its caches are filled.
func (l *lab) startOperator(ctx context.Context, log string) (*operator, error) {
	addresses, err := freeAddresses(ctx, 2)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // in the temporary folder
	if err != nil {
		return nil, fmt.Errorf("open operator's log: %w", err)
	}
	defer func() { _ = file.Close() }()
	o := &operator{gone: make(chan struct{}), log: log, metrics: "http://" + addresses[0] + "/metrics"}
	// The end of the context does not kill it: whoever ends the bench wants the operator to end in order.
	o.cmd = exec.CommandContext(context.WithoutCancel(ctx), l.program, //nolint:gosec // built by the bench
		"--kubeconfig="+l.kubeconfig,
		"--leader-elect=false",
		"--acme-http01-solver-image=none",
		"--metrics-listen-address="+addresses[0],
		"--health-listen-address="+addresses[1])
	o.cmd.Env = append(os.Environ(), profileVariable+"="+l.profile)
	o.cmd.Stdout, o.cmd.Stderr = file, file
	o.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := o.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start operator: %w", err)
	}
	go func() {
		_ = o.cmd.Wait()
		close(o.gone)
	}()
	err = poll(ctx, 2*time.Minute, "the operator to be ready", func() (bool, error) {
		return answersOK(ctx, "http://"+addresses[1]+"/readyz"), o.alive()
	})
	if err != nil {
		o.stop()
		return nil, o.explain(ctx, err)
	}
	return o, nil
}

// alive is an error if the operator has ended.
func (o *operator) alive() error {
	select {
	case <-o.gone:
		return fmt.Errorf("the operator has ended: %s", o.cmd.ProcessState)
	default:
		return nil
	}
}

// explain adds the end of the log to an error, unless the error is that the user has had enough.
func (o *operator) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w\nthe end of the operator's log:\n%s", err, o.logTail())
}

func (o *operator) logTail() string {
	const most = 2000
	data, err := os.ReadFile(o.log) //nolint:gosec // written by startOperator
	if err != nil {
		return err.Error()
	}
	data = bytes.TrimSpace(data)
	if len(data) > most {
		data = data[len(data)-most:]
		data = data[bytes.IndexByte(data, '\n')+1:]
	}
	return string(data)
}

func (o *operator) cpuTime() (time.Duration, error) { return cpuTime(o.cmd.Process.Pid) }

func (o *operator) peakRSS() (int64, error) { return peakRSS(o.cmd.Process.Pid) }

// stop ends the operator and waits for its end.
func (o *operator) stop() {
	_ = o.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-o.gone:
	case <-time.After(15 * time.Second):
		_ = o.cmd.Process.Kill()
		<-o.gone
	}
}

func answersOK(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// freeAddresses returns addresses on loopback on which nothing listens.
func freeAddresses(ctx context.Context, n int) ([]string, error) {
	var addresses []string
	var listeners []net.Listener
	for range n {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find free port: %w", err)
		}
		listeners = append(listeners, l)
		addresses = append(addresses, l.Addr().String())
	}
	for _, l := range listeners {
		_ = l.Close()
	}
	return addresses, nil
}

// poll asks until the answer is yes. An error ends it.
func poll(ctx context.Context, most time.Duration, what string, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("waited %s for %s", most, what))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ask()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("wait for %s: %w", strings.TrimSpace(what), err)
		}
		if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
