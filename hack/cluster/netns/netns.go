// Package netns connects to addresses inside another process's network namespace, and offers them on loopback.
package netns

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Dialer returns a function that connects from inside the network namespace of a process. Addresses must be IP
// addresses: a name would be looked up outside.
func Dialer(pid int) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil {
			return nil, fmt.Errorf("open network namespace: %w", err)
		}
		defer ns.Close()
		return dial(ctx, ns, network, address)
	}
}

// dial connects from a thread that it moves into the namespace and never hands back: the runtime ends a thread whose
// goroutine ends while it is locked to it.
func dial(ctx context.Context, ns *os.File, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread() // it has not moved
			done <- result{err: fmt.Errorf("enter network namespace: %w", err)}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// Forward accepts connections and carries each to an address inside the network namespace of a process, until the
// listener is closed or the process is gone.
func Forward(l net.Listener, pid int, address string) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer ns.Close()
	for {
		outside, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		go func() {
			defer outside.Close()
			inside, err := dial(context.Background(), ns, "tcp", address)
			if err != nil {
				fmt.Fprintf(os.Stderr, "forward to %s: %v\n", address, err)
				return
			}
			defer inside.Close()
			carry(outside.(*net.TCPConn), inside.(*net.TCPConn))
		}()
	}
}

// carry copies both ways until both sides have ended, and passes on the end of either.
func carry(a, b *net.TCPConn) {
	var both sync.WaitGroup
	oneWay := func(to, from *net.TCPConn) {
		if _, err := io.Copy(to, from); err != nil {
			// The connection is broken; closing both ends lets the other direction see it too.
			to.Close()
			from.Close()
			return
		}
		_ = to.CloseWrite() // fails only when to is closed already
	}
	both.Go(func() { oneWay(a, b) })
	both.Go(func() { oneWay(b, a) })
	both.Wait()
}
