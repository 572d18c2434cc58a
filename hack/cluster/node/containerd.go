package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"text/template"

	"github.com/certwright/certwright/hack/cluster/daemon"
	"github.com/certwright/certwright/hack/cluster/ociimage"
)

const pauseImage = "cluster.certwright.dev/pause:1"

var containerdConfig = template.Must(template.New("containerd").Funcs(template.FuncMap{"q": strconv.Quote}).Parse(`version = 3
root = {{q .Root}}
state = {{q .State}}
disabled_plugins = ['io.containerd.nri.v1.nri']

[grpc]
  address = {{q .Socket}}

[plugins.'io.containerd.internal.v1.opt']
  path = {{q .Opt}}

[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'overlayfs'

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = {{q .Pause}}

[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE no sandbox could start otherwise.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [{{q .CNI}}]
  conf_dir = {{q .CNIConfig}}

[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = 'runc'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = {{q .Runc}}
  SystemdCgroup = false
`))

func (n *Node) startContainerd(group *daemon.Group) error {
	enter, err := n.enter()
	if err != nil {
		return err
	}
	if err := n.writeCNIConfig(); err != nil {
		return err
	}
	var config bytes.Buffer
	if err := containerdConfig.Execute(&config, map[string]string{
		"Root": n.path("containerd"), "State": n.path("containerd-state"), "Socket": n.socket(), "Opt": n.path("opt"),
		"Pause": pauseImage, "CNI": n.Programs.CNI, "CNIConfig": n.path("cni.d"), "Runc": filepath.Join(n.Programs.Runc, "runc"),
	}); err != nil {
		return err
	}
	path := n.path("containerd.toml")
	if err := os.WriteFile(path, config.Bytes(), 0o600); err != nil {
		return err
	}
	return group.Start(daemon.Spec{
		Name: Containerd,
		Argv: append(enter, filepath.Join(n.Programs.Containerd, "containerd"), "--config", path),
		Env:  []string{"PATH=" + n.Programs.Containerd + ":" + os.Getenv("PATH") + ":/usr/sbin:/sbin"}, // shim, nft, ip
	})
}

// writeCNIConfig configures pods to be routed one by one (no bridge), so that all traffic between them passes the
// packet filter, where service addresses are rewritten, both ways, on every kernel.
func (n *Node) writeCNIConfig() error {
	data, err := json.MarshalIndent(map[string]any{
		"cniVersion": "1.0.0",
		"name":       "pods",
		"plugins": []map[string]any{{
			"type": "ptp",
			"ipam": map[string]any{
				"type":    "host-local",
				"dataDir": n.path("cni", "networks"),
				"ranges":  [][]map[string]string{{{"subnet": podCIDR}}},
				"routes":  []map[string]string{{"dst": "0.0.0.0/0"}},
			},
		}},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.path("cni.d"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(n.path("cni.d", "10-pods.conflist"), data, 0o644)
}

// Ctr returns a command of containerd's client for the images that the kubelet sees.
func (n *Node) Ctr(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"--address", n.socket(), "--namespace", "k8s.io"}, args...)
	return exec.CommandContext(ctx, filepath.Join(n.Programs.Containerd, "ctr"), args...)
}

// Load imports an OCI archive.
func (n *Node) Load(ctx context.Context, archive io.Reader) error {
	cmd := n.Ctr(ctx, "images", "import", "--local", "-")
	cmd.Stdin = archive
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("import image: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// loadImage writes an image and imports it, without a file in between.
func (n *Node) loadImage(ctx context.Context, img ociimage.Image) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(ociimage.Write(w, img)) }()
	defer r.Close()
	if err := n.Load(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", img.Ref, err)
	}
	return nil
}
