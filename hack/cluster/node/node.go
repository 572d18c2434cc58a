package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/certwright/certwright/hack/cluster/controlplane"
	"github.com/certwright/certwright/hack/cluster/credentials"
	"github.com/certwright/certwright/hack/cluster/daemon"
	"github.com/certwright/certwright/hack/cluster/netns"
)

// Names of the daemons besides those of the control plane.
const (
	Holder     = "holder"
	Forwarder  = "forwarder"
	Containerd = "containerd"
	Scheduler  = "kube-scheduler"
	Kubelet    = "kubelet"
	Proxy      = "kube-proxy"
)

// Programs are the folders of the cache that hold the node's programs.
type Programs struct {
	Kubelet, Containerd, Runc, CNI              string
	CoreDNS, Traefik, Pebble, Pause, GatewayAPI string
}

// Forwards are the ports on the machine's loopback.
type Forwards struct{ APIServer, HTTP, HTTPS, PebbleManagement int }

// Node is one node with its control plane.
type Node struct {
	Name     string
	Dir      string // state folder
	Self     string // this program, for the forwarder
	Programs Programs
	Forwards Forwards
	CP       *controlplane.ControlPlane
	Progress func(step string) // called after each step
}

// Addresses inside the network namespace.
var (
	NodeIP    = net.IPv4(10, 90, 0, 2)
	deadIP    = net.IPv4(10, 90, 0, 3) // the node's too, but nothing listens there
	podCIDR   = "10.244.0.0/16"
	dnsIP     = "10.96.0.10"
	traefikIP = "10.96.0.80"
	pebbleIP  = "10.96.0.14"
)

// APIServerPort is where the API server listens in the namespace.
const APIServerPort = 6443

// Ports returns the control plane's ports. They are fixed: nothing else is in the namespace.
func Ports() controlplane.Ports {
	return controlplane.Ports{Etcd: 2379, EtcdPeer: 2380, APIServer: APIServerPort, ControllerManager: 10257}
}

func (n *Node) path(elem ...string) string {
	return filepath.Join(append([]string{n.Dir}, elem...)...)
}

func (n *Node) set() daemon.Set { return daemon.Set{Dir: n.Dir} }

func (n *Node) socket() string { return n.path("containerd.sock") }

// Start starts everything and returns when the node is ready and CoreDNS, Traefik and Pebble answer.
func (n *Node) Start(ctx context.Context) error {
	if err := n.checkPaths(); err != nil {
		return err
	}
	group := daemon.NewGroup(n.set())
	err := n.startHolder(ctx, group)
	if err != nil {
		return err
	}
	n.Progress("namespaces and cgroups")
	if n.CP.Enter, err = n.enter(); err != nil {
		return err
	}
	if err := n.startContainerd(group); err != nil {
		return err
	}
	if err := n.startForwarder(ctx, group); err != nil {
		return err
	}
	// The images need containerd only, so they are taken in while the rest starts.
	images := make(chan error, 1)
	loading, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { images <- n.loadImages(loading, group) }()
	if err := n.CP.Start(ctx); err != nil {
		return err
	}
	n.Progress("etcd, kube-apiserver, kube-controller-manager")
	if err := n.startKubernetes(group); err != nil {
		return err
	}
	if err := <-images; err != nil {
		return err
	}
	n.Progress("images")
	if err := n.applyManifests(ctx); err != nil {
		return err
	}
	n.Progress("manifests")
	probes := n.Probes()
	for _, name := range []string{Scheduler, Proxy, Kubelet} {
		if err := group.Wait(ctx, name, probes[name], patience); err != nil {
			return err
		}
	}
	n.Progress("kube-scheduler, kube-proxy, kubelet")
	return n.waitForAddons(ctx)
}

// patience is how long anything may take to become healthy on a busy machine.
const patience = 3 * time.Minute

// checkPaths refuses a state folder whose sockets the kernel could not address (unix(7): 107 bytes and a zero).
func (n *Node) checkPaths() error {
	const longest = "/containerd.sock.ttrpc"
	if len(n.Dir)+len(longest) > 107 {
		return fmt.Errorf("the path %s is too long for the sockets in it: give a shorter one with --state", n.Dir)
	}
	return nil
}

// enter returns the command prefix that runs a program in the node's namespaces and cgroup.
func (n *Node) enter() ([]string, error) {
	pid, err := n.holderPID()
	if err != nil {
		return nil, err
	}
	script := "echo $$ >" + shellQuote(n.cgroupProcs()) + ` && exec nsenter --target "$0" --net --mount --wd=/ -- "$@"`
	return []string{"/bin/sh", "-c", script, strconv.Itoa(pid)}, nil
}

func (n *Node) startForwarder(ctx context.Context, group *daemon.Group) error {
	pid, err := n.holderPID()
	if err != nil {
		return err
	}
	argv := []string{n.Self, "forward", strconv.Itoa(pid)}
	for _, f := range []struct {
		port int
		to   string
	}{
		{n.Forwards.APIServer, net.JoinHostPort("127.0.0.1", strconv.Itoa(APIServerPort))},
		{n.Forwards.HTTP, traefikIP + ":80"},
		{n.Forwards.HTTPS, traefikIP + ":443"},
		{n.Forwards.PebbleManagement, pebbleIP + ":15000"},
	} {
		argv = append(argv, fmt.Sprintf("127.0.0.1:%d=%s", f.port, f.to))
	}
	if err := group.Start(daemon.Spec{Name: Forwarder, Argv: argv}); err != nil {
		return err
	}
	return group.Wait(ctx, Forwarder, n.probeForwarder(), patience)
}

// startKubernetes starts scheduler, proxy and kubelet.
func (n *Node) startKubernetes(group *daemon.Group) error {
	enter, err := n.enter()
	if err != nil {
		return err
	}
	if err := n.writeKubernetesConfig(time.Now()); err != nil {
		return err
	}
	program := filepath.Join(n.Programs.Kubelet, "node")
	for name, flags := range map[string][]string{Kubelet: n.kubelet(), Proxy: n.proxy(), Scheduler: n.scheduler()} {
		argv := append(append([]string{}, enter...), program, name)
		if err := group.Start(daemon.Spec{Name: name, Argv: append(argv, flags...)}); err != nil {
			return err
		}
	}
	return nil
}

// Probes returns how to ask the node's own daemons whether they are healthy.
func (n *Node) Probes() map[string]daemon.Probe {
	return map[string]daemon.Probe{
		Holder:     func(context.Context) error { _, err := n.holderPID(); return err },
		Forwarder:  n.probeForwarder(),
		Containerd: n.probeContainerd(),
		Scheduler:  n.CP.HTTPS(credentials.CA, credentials.Admin, 10259, "/healthz"),
		Kubelet:    n.plain("http://127.0.0.1:10248/healthz"),
		Proxy:      n.plain("http://127.0.0.1:10256/livez"),
	}
}

func (n *Node) plain(url string) daemon.Probe {
	return daemon.HTTPProbe(url, func() (*http.Client, error) {
		return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			DialContext: n.Dial, DisableKeepAlives: true,
		}}, nil
	})
}

func (n *Node) probeForwarder() daemon.Probe {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Forwards.APIServer)))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func (n *Node) probeContainerd() daemon.Probe {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", n.socket())
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// Dial connects to an address inside the node's network namespace.
func (n *Node) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	pid, err := n.holderPID()
	if err != nil {
		return nil, err
	}
	return netns.Dialer(pid)(ctx, network, address)
}

func (n *Node) holderPID() (int, error) {
	list, err := n.set().List()
	if err != nil {
		return 0, err
	}
	for _, p := range list {
		if p.Name == Holder && p.Alive() {
			return p.PID, nil
		}
	}
	return 0, errors.New("the process that holds the namespaces does not run")
}

// Stop stops everything, and removes what is outside of the state folder: cgroups and mount points.
func (n *Node) Stop(context.Context) error {
	list, err := n.set().List()
	if err != nil {
		return err
	}
	// The kubelet first, which would start again what ends; the rest needs no order, because nothing of it is to be
	// used again.
	var failed []error
	for _, p := range list {
		if p.Name == Kubelet {
			failed = append(failed, n.set().Stop(p, 2*time.Second))
		}
	}
	failed = append(failed, n.killCgroup())
	for _, p := range list {
		failed = append(failed, n.set().Stop(p, time.Second))
	}
	failed = append(failed, n.restoreHost())
	// Sockets that nobody listens on any more would be taken for a containerd that is ready.
	for _, name := range []string{n.socket(), n.socket() + ".ttrpc"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
