package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/certwright/certwright/hack/demo/site"
)

// StateDir is the folder of a cluster of hack/cluster.
func (c Checkout) StateDir(name string) string { return filepath.Join(c.Root, ".cluster", name) }

// UpControlPlane starts a control plane and returns the path of its
// kubeconfig.
func (c Checkout) UpControlPlane(ctx context.Context, name string) (string, error) {
	out, err := c.Cluster(ctx, "up", "control-plane", "--name", name)
	if err != nil {
		return "", fmt.Errorf("start control plane: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], nil
}

// BuildPrograms builds what a site runs into a folder. Pebble is the one that a
// node has, too.
func (c Checkout) BuildPrograms(ctx context.Context, dir string) error {
	for _, program := range []struct{ name, module, source string }{
		{site.Operator, ".", "./cmd/controller"},
		{site.App, ".", "./hack/demo/app"},
		{site.Pebble, filepath.Join("hack", "cluster", "addons"), "github.com/letsencrypt/pebble/v2/cmd/pebble"},
	} {
		// The flags of make build and of hack/cluster: what they have compiled
		// is not compiled again.
		_, err := c.run(ctx, "env", "CGO_ENABLED=0", "go", "-C", filepath.Join(c.Root, program.module), "build",
			"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(dir, program.name), program.source)
		if err != nil {
			return fmt.Errorf("build %s: %w", program.name, err)
		}
	}
	return nil
}

// Exists reports whether there is a cluster, or a part of one.
func (c Checkout) Exists(name string) (bool, error) {
	_, err := os.Stat(c.StateDir(name))
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, err
}
