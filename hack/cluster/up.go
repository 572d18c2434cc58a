package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/certwright/certwright/hack/cluster/binaries"
	"github.com/certwright/certwright/hack/cluster/controlplane"
	"github.com/certwright/certwright/hack/cluster/daemon"
	"github.com/certwright/certwright/hack/cluster/node"
)

// phases prints how long each step took.
type phases struct {
	w           io.Writer
	first, last time.Time
}

func newPhases(w io.Writer) *phases {
	now := time.Now()
	return &phases{w: w, first: now, last: now}
}

func (p *phases) done(step string) {
	now := time.Now()
	fmt.Fprintf(p.w, "%6.1fs  %s\n", now.Sub(p.last).Seconds(), step)
	p.last = now
}

func (p *phases) total(what string) {
	fmt.Fprintf(p.w, "%6.1fs  %s\n", time.Since(p.first).Seconds(), what)
}

func builder(o options) (*binaries.Builder, error) {
	cache, err := binaries.Root()
	if err != nil {
		return nil, err
	}
	return &binaries.Builder{Source: filepath.Join(o.root, "hack", "cluster"), Cache: cache, Log: os.Stderr}, nil
}

func build(ctx context.Context, args []string) error {
	o, err := parse("build", args, true)
	if err != nil {
		return err
	}
	units := binaries.ForNode
	var packages []binaries.Package
	if o.kind == kindControlPlane {
		units = []binaries.Unit{binaries.ControlPlane}
	} else {
		packages = binaries.AtRuntime
	}
	packages = binaries.Needs(units, packages...)
	if o.install {
		if err := binaries.Install(ctx, packages, os.Stderr); err != nil {
			return err
		}
	}
	if err := binaries.Check(packages); err != nil {
		return err
	}
	b, err := builder(o)
	if err != nil {
		return err
	}
	for _, unit := range units {
		entry, err := b.Ensure(ctx, unit)
		if err != nil {
			return err
		}
		fmt.Println(entry)
	}
	return nil
}

func up(ctx context.Context, args []string) error {
	o, err := parse("up", args, true)
	if err != nil {
		return err
	}
	unlock, err := lockDir(o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	s, exists, err := readState(o.dir)
	if err != nil {
		return err
	}
	switch {
	case o.kind == "" && exists:
		o.kind = s.Kind
	case o.kind == "":
		o.kind = kindNode
	case exists && o.kind != s.Kind:
		return fmt.Errorf("%s is a %s already; take it down first", o.name, s.Kind)
	}
	p := newPhases(os.Stderr)
	c, err := prepare(ctx, o, p)
	if err != nil {
		if !exists {
			_ = os.RemoveAll(o.dir) // holds nothing yet
		}
		return err
	}
	if running, err := c.running(ctx); err != nil {
		return err
	} else if !running {
		if err := c.start(ctx, p); err != nil {
			return fmt.Errorf("start %s: %w", o.name, err)
		}
	}
	p.total(fmt.Sprintf("%s %s is ready", o.kind, o.name))
	fmt.Println(c.cp.Kubeconfig())
	return nil
}

// prepare finds out whether the machine can run the cluster before it spends minutes on building programs for it.
func prepare(ctx context.Context, o options, p *phases) (*cluster, error) {
	if o.kind == kindNode {
		if err := node.Preflight(ctx); err != nil {
			return nil, err
		}
		p.done("what the machine can do")
	}
	return openCluster(ctx, o, p)
}

// answerWithin is how long a daemon that runs may take to say that it is healthy.
const answerWithin = 20 * time.Second

// running reports whether every daemon of the cluster is healthy. If one is not, it says which, and stops the rest, so
// that all of them can start again.
func (c *cluster) running(ctx context.Context) (bool, error) {
	found, err := c.daemons().Check(ctx, c.probes(), answerWithin)
	if err != nil || len(found) == 0 {
		return false, err
	}
	want := c.expected()
	if _, err := os.Stat(c.envFile()); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "its last start was not finished: starting everything again")
		return false, c.stop(ctx)
	}
	for _, h := range found {
		delete(want, h.Name)
		if h.Err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v%s\n", h.Name, h.Err, h.Tail)
			want[h.Name] = true
		}
	}
	if len(want) == 0 {
		return true, nil
	}
	for name := range want {
		fmt.Fprintf(os.Stderr, "%s does not run as it should: starting everything again\n", name)
	}
	return false, c.stop(ctx)
}

// cluster is a cluster as its state says.
type cluster struct {
	options
	state state
	cp    *controlplane.ControlPlane
	node  *node.Node // of a node only
}

// serviceCIDR is the range of service addresses.
var serviceCIDR = &net.IPNet{IP: net.IPv4(10, 96, 0, 0).To4(), Mask: net.CIDRMask(16, 32)}

// openCluster reads a cluster's state or makes it, and builds the programs if need be.
func openCluster(ctx context.Context, o options, p *phases) (*cluster, error) {
	b, err := builder(o)
	if err != nil {
		return nil, err
	}
	program, err := b.Ensure(ctx, binaries.ControlPlane)
	if err != nil {
		return nil, err
	}
	s, ok, err := readState(o.dir)
	if err != nil {
		return nil, err
	}
	if !ok {
		if s, err = newState(o); err != nil {
			return nil, err
		}
	}
	c := &cluster{options: o, state: s}
	c.cp = &controlplane.ControlPlane{
		Name: o.name, Dir: o.dir, Program: filepath.Join(program, "controlplane"),
		Ports: s.Ports, ServiceCIDR: serviceCIDR,
	}
	if s.Kind == kindNode {
		if err := c.openNode(ctx, b); err != nil {
			return nil, err
		}
	}
	if !ok {
		if err := s.write(o.dir); err != nil {
			return nil, err
		}
	}
	p.done("programs and state")
	return c, nil
}

func newState(o options) (state, error) {
	s := state{Name: o.name, Kind: o.kind}
	if o.kind == kindNode {
		return newNodeState(s)
	}
	ports, err := freePorts(4)
	if err != nil {
		return s, err
	}
	s.Ports = controlplane.Ports{Etcd: ports[0], EtcdPeer: ports[1], APIServer: ports[2], ControllerManager: ports[3]}
	return s, nil
}

func (c *cluster) daemons() daemon.Set { return daemon.Set{Dir: c.dir} }

func (c *cluster) probes() map[string]daemon.Probe {
	probes := c.cp.Probes()
	if c.state.Kind == kindNode {
		c.nodeProbes(probes)
	}
	return probes
}

// expected returns the names of the daemons that should run.
func (c *cluster) expected() map[string]bool {
	names := map[string]bool{}
	for name := range c.probes() {
		names[name] = true
	}
	return names
}

// start starts the cluster. The file with its addresses comes last: where it is, the start was finished.
func (c *cluster) start(ctx context.Context, p *phases) error {
	if err := os.Remove(c.envFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.state.Kind == kindNode {
		return c.startNode(ctx, p)
	}
	if err := c.cp.Start(ctx); err != nil {
		return err
	}
	p.done("etcd, kube-apiserver, kube-controller-manager")
	return c.writeEnv(nil)
}
