package testbed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Node is a running node of hack/cluster.
type Node struct {
	Name       string
	Kubeconfig string // path
	HTTP       string // host:port of the ingress controller
	HTTPS      string
	Management string // host:port of Pebble's management endpoint, which is HTTPS
	PebbleCA   string // path of the roots that verify Pebble's own endpoints
}

// Up starts a node, or finds it running.
func (c Checkout) Up(ctx context.Context, name string) (Node, error) {
	switch {
	case runtime.GOOS != "linux":
		return Node{}, fmt.Errorf("start node: a node runs on Linux only, and this is %s", runtime.GOOS)
	case os.Geteuid() != 0:
		return Node{}, errors.New("start node: only root can, for namespaces, cgroups and mounts: use sudo")
	}
	if _, err := c.Cluster(ctx, "up", "node", "--name", name); err != nil {
		return Node{}, fmt.Errorf("start node: %w", err)
	}
	env, err := c.Cluster(ctx, "env", "--name", name)
	if err != nil {
		return Node{}, fmt.Errorf("read addresses of node: %w", err)
	}
	return parseEnv(env)
}

// Down removes a node and all that belongs to it.
func (c Checkout) Down(ctx context.Context, name string) error {
	_, err := c.Cluster(ctx, "down", "--name", name)
	return err
}

// NodeOf returns the node that a kubeconfig is of; false if it is of another
// cluster.
func NodeOf(kubeconfig string) (Node, bool) {
	env, err := os.ReadFile(filepath.Join(filepath.Dir(kubeconfig), "env"))
	if err != nil {
		return Node{}, false
	}
	node, err := parseEnv(string(env))
	if err != nil {
		return Node{}, false
	}
	return node, SameFile(node.Kubeconfig, kubeconfig)
}

// SameFile reports whether two paths lead to the same file, and there is one.
func SameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// parseEnv reads the addresses of a node, which are lines for a shell:
// NAME='value'.
func parseEnv(text string) (Node, error) {
	values := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			continue
		}
		value = strings.TrimSuffix(strings.TrimPrefix(value, "'"), "'")
		values[name] = strings.ReplaceAll(value, `'\''`, "'")
	}
	node := Node{}
	for name, field := range map[string]*string{
		"CERTWRIGHT_CLUSTER":       &node.Name,
		"KUBECONFIG":               &node.Kubeconfig,
		"CERTWRIGHT_INGRESS_HTTP":  &node.HTTP,
		"CERTWRIGHT_INGRESS_HTTPS": &node.HTTPS,
		"CERTWRIGHT_PEBBLE_MGMT":   &node.Management,
		"CERTWRIGHT_PEBBLE_CA":     &node.PebbleCA,
	} {
		if *field = values[name]; *field == "" {
			return Node{}, fmt.Errorf("read addresses of node: %s is not among them", name)
		}
	}
	return node, nil
}
