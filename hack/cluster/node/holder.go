package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/certwright/certwright/hack/cluster/daemon"
)

// hostFolders are the folders outside of the state folder that kubelet, containerd and the CNI library use whatever
// their configuration says. Inside the node's mount namespace each is a folder of its state.
var hostFolders = map[string]string{
	"/var/lib/kubelet":    "kubelet",
	"/var/log/containers": "container-logs",
	"/var/lib/cni":        "cni",
	"/run/containerd":     "run-containerd",
}

// hostSettings are kernel settings that the kubelet wants and would write. Inside the node's mount namespace it sees
// files that hold these values already, so that the machine's own stay as they are.
var hostSettings = map[string]string{
	"/proc/sys/vm/overcommit_memory":      "1",
	"/proc/sys/vm/panic_on_oom":           "0",
	"/proc/sys/kernel/panic":              "10",
	"/proc/sys/kernel/panic_on_oops":      "1",
	"/proc/sys/kernel/keys/root_maxkeys":  "1000000",
	"/proc/sys/kernel/keys/root_maxbytes": "25000000",
}

const readyFile = "namespaces-ready"

// startHolder makes the cgroups and the namespaces, and a process that holds the latter.
func (n *Node) startHolder(ctx context.Context, group *daemon.Group) error {
	if err := n.prepareHost(); err != nil {
		return err
	}
	script, err := n.holderScript()
	if err != nil {
		return err
	}
	ready := n.path(readyFile)
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	join := "echo $$ >" + shellQuote(n.cgroupProcs()) + ` && exec unshare --net --mount --propagation private -- /bin/sh -euc "$0"`
	if err := group.Start(daemon.Spec{Name: Holder, Argv: []string{"/bin/sh", "-c", join, script}}); err != nil {
		return err
	}
	return group.Wait(ctx, Holder, func(context.Context) error {
		if _, err := os.Stat(ready); err != nil {
			return errors.New("the namespaces are not set up yet")
		}
		return nil
	}, patience)
}

// prepareHost makes the cgroups and the mount points.
func (n *Node) prepareHost() error {
	unlock, err := lockHost()
	if err != nil {
		return err
	}
	defer unlock()
	if err := n.makeCgroups(); err != nil {
		return err
	}
	return n.makeMountPoints()
}

// restoreHost removes the cgroups and the mount points.
func (n *Node) restoreHost() error {
	unlock, err := lockHost()
	if err != nil {
		return err
	}
	defer unlock()
	if err := n.removeCgroups(); err != nil {
		return err
	}
	return removeMountPoints()
}

// holderScript returns what the holder does in its new namespaces before it sleeps.
func (n *Node) holderScript() (string, error) {
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	line("export PATH=$PATH:/usr/sbin:/sbin")
	// Pods may ask for mounts that reach them later; so propagation inside is shared, and ends at the namespace.
	line("mount --make-rshared /")
	for folder, cover := range hostFolders {
		line("mount --bind %s %s", shellQuote(n.path(cover)), shellQuote(folder))
	}
	settings := n.path("settings")
	if err := os.MkdirAll(settings, 0o700); err != nil {
		return "", err
	}
	for name, value := range hostSettings {
		if _, err := os.Stat(name); err != nil {
			continue
		}
		file := filepath.Join(settings, strings.ReplaceAll(strings.TrimPrefix(name, "/proc/sys/"), "/", "."))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return "", err
		}
		line("mount --bind %s %s", shellQuote(file), shellQuote(name))
	}
	line("ip link set lo up")
	// Both ends of the pair stay inside: an interface for the node's address that exists on every kernel with pods.
	line("ip link add node0 type veth peer name node1")
	line("ip address add %s/24 dev node0", NodeIP)
	line("ip address add %s/24 dev node0", deadIP)
	line("ip link set node0 up")
	line("ip link set node1 up")
	// There is no default route; without this one the kernel refuses to send to a service before kube-proxy's rules
	// can rewrite its address.
	line("ip route add %s dev node0", n.CP.ServiceCIDR)
	line("echo 1 >/proc/sys/net/ipv4/ip_forward")
	line(": >%s", shellQuote(n.path(readyFile)))
	line("exec sleep infinity")
	return s.String(), nil
}

// marker is a file in every host folder that a node made, so that the last node to go knows which ones to remove.
const marker = ".made-by-certwright-cluster"

// makeMountPoints makes the host folders that the machine lacks, and the folders that cover them.
func (n *Node) makeMountPoints() error {
	for folder, cover := range hostFolders {
		if err := os.MkdirAll(n.path(cover), 0o755); err != nil {
			return err
		}
		err := os.Mkdir(folder, 0o755)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
		if err := os.WriteFile(filepath.Join(folder, marker), nil, 0o644); err != nil {
			return fmt.Errorf("make mount point: %w", err)
		}
	}
	return nil
}

// removeMountPoints removes the host folders that nodes made, if no other node is left: the kernel lets a folder be
// removed that is a mount point in another mount namespace, and takes the mount with it.
func removeMountPoints() error {
	others, err := otherNodes()
	if err != nil || others {
		return err
	}
	for folder := range hostFolders {
		err := os.Remove(filepath.Join(folder, marker))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("remove mount point: %w", err)
		}
		if err := os.Remove(folder); err != nil {
			return fmt.Errorf("remove mount point: %w", err)
		}
	}
	return nil
}

// lockHost keeps nodes that start and stop at the same time from each other's mount points and cgroups.
func lockHost() (unlock func(), err error) {
	f, err := os.Open("/run")
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the machine: %w", err)
	}
	return func() { f.Close() }, nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
