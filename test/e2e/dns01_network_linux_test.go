package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// nodeNetwork is the network that the node and its pods are in. It has no way
// out, so that what they are to talk to has to be in it.
type nodeNetwork struct {
	namespace string // path
}

func (w *world) network() (nodeNetwork, error) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(w.node.Kubeconfig), "run", "holder.json"))
	if err != nil {
		return nodeNetwork{}, fmt.Errorf("find the node's network: %w", err)
	}
	var holder struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal(text, &holder); err != nil || holder.PID == 0 {
		return nodeNetwork{}, fmt.Errorf("find the node's network: %q names no process: %w", text, err)
	}
	return nodeNetwork{fmt.Sprintf("/proc/%d/ns/net", holder.PID)}, nil
}

// command is what runs a program in the network.
func (n nodeNetwork) command(argv ...string) []string {
	return append([]string{"nsenter", "--net=" + n.namespace, "--"}, argv...)
}

// Dial connects to an IP address in the network.
func (n nodeNetwork) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return within(n, func() (net.Conn, error) { return new(net.Dialer).DialContext(ctx, network, address) })
}

// listen listens at a port of an IP address in the network that nobody has.
func (n nodeNetwork) listen(ctx context.Context, ip string) (net.Listener, error) {
	return within(n, func() (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(ip, "0"))
	})
}

// within makes a socket in the network, where it stays. The thread that has
// moved there is not used again: it ends with the goroutine that is locked to it.
func within[T any](n nodeNetwork, open func() (T, error)) (T, error) {
	var opened T
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		namespace, err := os.Open(n.namespace)
		if err == nil {
			err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
			_ = namespace.Close() // it was not written
		}
		if err != nil {
			runtime.UnlockOSThread() // it has not moved
			done <- fmt.Errorf("enter the node's network: %w", err)
			return
		}
		opened, err = open()
		done <- err
	}()
	err := <-done
	return opened, err
}
