package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// KubeconfigVariable is the environment variable that names the kubeconfig of
// an API server to use instead of starting one.
const KubeconfigVariable = "CERTWRIGHT_TEST_KUBECONFIG"

// shared is the one control plane of the test binary.
var shared struct {
	once   sync.Once
	config *rest.Config
	err    error

	mu   sync.Mutex
	main bool   // Main is there to stop what Start starts
	root string // the checkout, once a control plane was asked for
	name string // of the control plane, once it was asked for
}

// Main runs the tests of a binary, stops the control plane that Start has
// started for them, and exits. An interrupt stops it too.
func Main(m *testing.M) {
	shared.mu.Lock()
	shared.main = true
	shared.mu.Unlock()

	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(130) // 128 + SIGINT, as a shell has it
	}()

	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Start returns the configuration of a client that may do everything. The
// first call in a test binary starts the control plane, the others share it.
// The client is not rate-limited. The caller gets a copy.
func Start(t testing.TB) *rest.Config {
	t.Helper()
	shared.once.Do(func() {
		shared.config, shared.err = start()
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return rest.CopyConfig(shared.config)
}

func start() (*rest.Config, error) {
	root, err := checkout()
	if err != nil {
		return nil, err
	}
	kubeconfig := os.Getenv(KubeconfigVariable)
	if kubeconfig == "" {
		if kubeconfig, err = up(root); err != nil {
			return nil, err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{
		Paths:              []string{filepath.Join(root, "config", "crd")},
		ErrorIfPathMissing: true,
		MaxTime:            time.Minute, // a CRD is in force within 6 s, on a busy machine within 20 s
	})
	if err != nil {
		return nil, fmt.Errorf("install CRDs: %w", err)
	}
	return config, nil
}

// up starts a control plane and returns the path of its kubeconfig. Its name
// has the process ID, so that test binaries do not get in each other's way.
func up(root string) (string, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.main {
		return "", errors.New("start control plane: call apiserver.Main from TestMain, which stops it")
	}
	shared.root, shared.name = root, fmt.Sprintf("test-%d", os.Getpid())
	out, err := cluster(root, "up", "control-plane", "--name", shared.name)
	if err != nil {
		return "", fmt.Errorf("start control plane: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], nil
}

// stop takes down what up has started, if it has.
func stop() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.name == "" {
		return nil
	}
	if _, err := cluster(shared.root, "down", "--name", shared.name); err != nil {
		return fmt.Errorf("stop control plane: %w", err)
	}
	shared.name = ""
	return nil
}

// cluster runs hack/cluster and returns what it prints. It has no context: a
// start that is cut off half-way would leave processes behind.
func cluster(root string, args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), "go", append([]string{"run", "."}, args...)...) //nolint:gosec // the arguments are those of up and stop
	cmd.Dir = filepath.Join(root, "hack", "cluster")
	cmd.Stderr = os.Stderr
	// An interrupt goes to the whole group of processes, and would end the
	// program before it has stopped the control plane.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run hack/cluster %s: %w", args[0], err)
	}
	return string(out), nil
}

// checkout returns the root of the checkout that the test runs in. A test runs
// in the folder of its package.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "hack", "cluster", "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find checkout: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find checkout: no folder above the test has hack/cluster")
		}
		dir = parent
	}
}
