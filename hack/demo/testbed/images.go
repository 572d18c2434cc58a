package testbed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Repository is where the image of a build is said to be from. Nothing can be
// pulled from there: it has to be loaded.
const Repository = "certwright.dev/certwright"

// AppImage is the image of the demo's application (hack/demo/app).
const AppImage = "ghcr.io/certwright/demo-app:dev"

// Images are OCI archives.
type Images struct {
	Tag           string // of Repository: a hash of the programs
	Operator, App string // paths
}

// Ref is the operator's image with its tag.
func (i Images) Ref() string { return Repository + ":" + i.Tag }

// BuildImages builds the programs and packs them. What is built already is not
// built again.
func (c Checkout) BuildImages(ctx context.Context) (Images, error) {
	bin := filepath.Join(c.Root, "bin")
	images := Images{Operator: filepath.Join(bin, "image.tar"), App: filepath.Join(bin, "demo-app.tar")}
	if _, err := c.run(ctx, "make", "build"); err != nil {
		return Images{}, fmt.Errorf("build programs: %w", err)
	}
	// A tag that changes with the programs makes Kubernetes roll out a build
	// that the commit does not tell from the one before.
	var err error
	images.Tag, err = hashFiles(filepath.Join(bin, "certwright"), filepath.Join(bin, "http01-solver"), filepath.Join(bin, "dns01-worker"), filepath.Join(bin, "kubectl-certwright"))
	if err != nil {
		return Images{}, fmt.Errorf("hash programs: %w", err)
	}
	if _, err := c.run(ctx, "make", "image", "IMAGE="+images.Ref()); err != nil {
		return Images{}, fmt.Errorf("build image: %w", err)
	}
	app := filepath.Join(bin, "demo-app")
	if _, err := c.run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", app, "./hack/demo/app"); err != nil {
		return Images{}, fmt.Errorf("build application: %w", err)
	}
	if _, err := c.Cluster(ctx, "image", "build", "--ref", AppImage, "--user", "65532:65532", "--entry", "/app",
		"--file", "/app="+app, "-o", images.App); err != nil {
		return Images{}, fmt.Errorf("build application's image: %w", err)
	}
	return images, nil
}

func hashFiles(paths ...string) (string, error) {
	sum := sha256.New()
	for _, path := range paths {
		f, err := os.Open(path) //nolint:gosec // our own build
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		_ = f.Close() // it was only read
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// Load puts the images into a node.
func (c Checkout) Load(ctx context.Context, node Node, images Images) error {
	if _, err := c.Cluster(ctx, "image", "load", "--name", node.Name,
		"--state", filepath.Dir(node.Kubeconfig), images.Operator, images.App); err != nil {
		return fmt.Errorf("load images: %w", err)
	}
	return nil
}
