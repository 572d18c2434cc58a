package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/certwright/certwright/hack/cluster/binaries"
	"github.com/certwright/certwright/hack/cluster/daemon"
	"github.com/certwright/certwright/hack/cluster/netns"
	"github.com/certwright/certwright/hack/cluster/node"
)

// What a node offers on loopback, as keys of state.Forward.
const (
	forwardAPIServer = "apiServer"
	forwardHTTP      = "http"
	forwardHTTPS     = "https"
	forwardPebble    = "pebbleManagement"
)

func newNodeState(s state) (state, error) {
	ports, err := freePorts(4)
	if err != nil {
		return s, err
	}
	s.Ports = node.Ports()
	s.Forward = map[string]int{
		forwardAPIServer: ports[0], forwardHTTP: ports[1], forwardHTTPS: ports[2], forwardPebble: ports[3],
	}
	return s, nil
}

// openNode fills in the node's part of a cluster.
func (c *cluster) openNode(ctx context.Context, b *binaries.Builder) error {
	entries := map[string]string{}
	for _, unit := range binaries.ForNode {
		entry, err := b.Ensure(ctx, unit)
		if err != nil {
			return err
		}
		entries[unit.Name] = entry
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c.node = c.newNode(self)
	c.node.Programs = node.Programs{
		Kubelet:    entries[binaries.Kubelet.Name],
		Containerd: entries[binaries.Containerd.Name],
		Runc:       entries[binaries.Runc.Name],
		CNI:        entries[binaries.CNI.Name],
		CoreDNS:    entries[binaries.CoreDNS.Name],
		Traefik:    entries[binaries.Traefik.Name],
		Pebble:     entries[binaries.Pebble.Name],
		Pause:      entries[binaries.Pause.Name],
		GatewayAPI: filepath.Join(entries[binaries.Gateway.Name], "crd"),
	}
	c.cp.NodeIP = node.NodeIP
	c.cp.Dial = c.node.Dial
	c.cp.Server = "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.state.Forward[forwardAPIServer]))
	return nil
}

func (c *cluster) newNode(self string) *node.Node {
	return &node.Node{
		Name: c.name, Dir: c.dir, Self: self, CP: c.cp,
		Forwards: node.Forwards{
			APIServer: c.state.Forward[forwardAPIServer], HTTP: c.state.Forward[forwardHTTP],
			HTTPS: c.state.Forward[forwardHTTPS], PebbleManagement: c.state.Forward[forwardPebble],
		},
	}
}

func (c *cluster) startNode(ctx context.Context, p *phases) error {
	c.node.Progress = p.done
	if err := c.node.Start(ctx); err != nil {
		return err
	}
	address := func(name string) string {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.state.Forward[name]))
	}
	ctr := c.node.Ctr(ctx, "images", "import")
	return c.writeEnv([][2]string{
		{"CERTWRIGHT_INGRESS_HTTP", address(forwardHTTP)},
		{"CERTWRIGHT_INGRESS_HTTPS", address(forwardHTTPS)},
		{"CERTWRIGHT_PEBBLE_DIRECTORY", "https://pebble.pebble.svc:14000/dir"}, // in the cluster only
		{"CERTWRIGHT_PEBBLE_MGMT", address(forwardPebble)},
		{"CERTWRIGHT_PEBBLE_CA", c.node.PebbleCA()},
		{"CERTWRIGHT_CTR", strings.Join(ctr.Args, " ")},
	})
}

// stopNode stops a node of which there may be no more than its state.
func (c *cluster) stopNode(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("it is a node: only root can stop it")
	}
	return c.newNode("").Stop(ctx)
}

func (c *cluster) nodeProbes(probes map[string]daemon.Probe) {
	for name, probe := range c.node.Probes() {
		probes[name] = probe
	}
}

// forward is the node's forwarder: forward PID FROM=TO ... accepts at FROM and connects to TO inside the network
// namespace of the process. The node starts it; it is not for users.
func forward(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("forward: usage: forward PID FROM=TO")
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	failed := make(chan error, len(args))
	for _, pair := range args[1:] {
		from, to, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("forward: %q is not FROM=TO", pair)
		}
		l, err := net.Listen("tcp", from)
		if err != nil {
			return fmt.Errorf("forward: %w", err)
		}
		defer l.Close()
		go func() { failed <- netns.Forward(l, pid, to) }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
