package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// build builds a program of a module of its own, with the build cache that the
// module's tests use.
func (j *journey) build(module, pkg string) (path string) {
	j.Helper()
	path = filepath.Join(j.TempDir(), filepath.Base(pkg))
	cmd := exec.CommandContext(j.Context(), "go", "-C", filepath.Join(j.checkout.Root, module), "build", "-o", path, pkg)
	if out, err := cmd.CombinedOutput(); err != nil {
		j.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// program is one that runs in the node's network until the journey ends.
type program struct {
	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements io.Writer.
func (p *program) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(text)
}

// said is what it has printed.
func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (j *journey) run(network nodeNetwork, environment []string, argv ...string) *program {
	j.Helper()
	p := &program{}
	ctx, cancel := context.WithCancel(context.Background())
	argv = network.command(argv...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = append(os.Environ(), environment...), j.TempDir()
	cmd.Stdout, cmd.Stderr = p, p
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		j.Fatal(err)
	}
	j.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // ended by the signal
		if j.Failed() {
			j.Logf("%s:\n%s", filepath.Base(cmd.Path), p.said())
		}
	})
	return p
}

// kubeconfigInside is the administrator's access from inside the node's network, where
// the API server has another address.
func (j *journey) kubeconfigInside() (path string) {
	j.Helper()
	config, err := clientcmd.LoadFromFile(j.node.Kubeconfig)
	if err != nil {
		j.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + apiServerInside
	}
	path = filepath.Join(j.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		j.Fatal(err)
	}
	return path
}

// apiServerInside is the Service "kubernetes" of the node.
const apiServerInside = "10.96.0.1:443"
