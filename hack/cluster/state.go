package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"

	"github.com/certwright/certwright/hack/cluster/controlplane"
)

// Kinds of clusters.
const (
	kindControlPlane = "control-plane"
	kindNode         = "node"
)

// state is what a cluster's state.json says: what it is and where it listens, which it keeps when it starts again.
type state struct {
	Name  string             `json:"name"`
	Kind  string             `json:"kind"`
	Ports controlplane.Ports `json:"ports"`
	// Forward maps what a node offers on loopback to the port there.
	Forward map[string]int `json:"forward,omitempty"`
}

func readState(dir string) (s state, ok bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, false, nil
	}
	if err != nil {
		return state{}, false, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return state{}, false, fmt.Errorf("read state in %s: %w", dir, err)
	}
	return s, true, nil
}

func (s state) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state.json"), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

var nameSyntax = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`)

// validName checks a cluster's name: it becomes part of file, node and network namespace names.
func validName(name string) error {
	if !nameSyntax.MatchString(name) {
		return fmt.Errorf("%q cannot name a cluster: use at most 30 of a-z, 0-9 and - between them", name)
	}
	return nil
}

// checkout returns the root of the checkout that the working directory is in.
func checkout() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "hack", "cluster", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a checkout of certwright", wd)
		}
	}
}

// lockDir makes a state folder and locks it against other commands; it waits for them. A folder that another command
// removed in the meantime is made again.
func lockDir(dir string) (unlock func(), err error) {
	for {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		f, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		ours, err1 := f.Stat()
		there, err2 := os.Stat(dir)
		if err1 == nil && err2 == nil && os.SameFile(ours, there) {
			return func() { f.Close() }, nil
		}
		f.Close()
	}
}

// freePorts finds ports on loopback on which nothing listens, below the range from which the kernel takes the local
// ports of outgoing connections.
func freePorts(n int) ([]int, error) {
	const first, count = 20000, 12000
	var ports []int
	start := rand.IntN(count)
	for i := 0; i < count && len(ports) < n; i++ {
		port := first + (start+i)%count
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, errors.New("find free ports: all are taken")
	}
	return ports, nil
}
