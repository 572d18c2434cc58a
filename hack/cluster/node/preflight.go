package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/certwright/certwright/hack/cluster/binaries"
)

// Preflight tells, in words, why this machine cannot run a node; nil if it can.
func Preflight(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("a node needs root, for namespaces, cgroups and mounts; a control plane does not: `up control-plane`")
	}
	if err := binaries.Check(binaries.AtRuntime); err != nil {
		return fmt.Errorf("a node needs programs that are %w", err)
	}
	// What the node will do, in namespaces that end with the command.
	for _, try := range []struct{ what, script string }{
		{"make network and mount namespaces (CAP_SYS_ADMIN)", "true"},
		{"make network interfaces (CAP_NET_ADMIN and the kernel's veth)", "ip link add try0 type veth peer name try1"},
		{"filter packets with nftables (the kernel's nf_tables)", "nft add table ip certwright && nft add chain ip certwright c '{ type nat hook output priority 0; }'"},
		{"mount in a namespace of its own", "mount -t tmpfs none /mnt"},
	} {
		cmd := exec.CommandContext(ctx, "unshare", "--net", "--mount", "--propagation", "private", "--", "/bin/sh", "-ec", "PATH=$PATH:/usr/sbin:/sbin; "+try.script)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("a node cannot run here: it may not %s: %w\n  %s", try.what, err, bytes.TrimSpace(out))
		}
	}
	return checkCgroups()
}

func checkCgroups() error {
	if unix.Access(cgroupMount, unix.W_OK) != nil {
		return fmt.Errorf("a node cannot run here: %s is not writable", cgroupMount)
	}
	if unified() {
		return nil
	}
	var lack []string
	for _, name := range []string{"cpu", "cpuset", "memory", "pids", "devices", "freezer"} {
		if unix.Access(cgroupMount+"/"+name+"/cgroup.procs", unix.W_OK) != nil {
			lack = append(lack, name)
		}
	}
	if len(lack) > 0 {
		return fmt.Errorf("a node cannot run here: the cgroup controllers %s are not mounted, or not writable, under %s", strings.Join(lack, ", "), cgroupMount)
	}
	return nil
}
