package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certwright/certwright/hack/cluster/controlplane"
	"github.com/certwright/certwright/hack/cluster/daemon"
)

// testCluster returns the flags of a cluster that is taken down after the test.
func testCluster(t *testing.T, name string) (dir string, flags []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), name)
	flags = []string{"--name", name, "--state", dir}
	t.Cleanup(func() {
		if err := run(context.Background(), append([]string{"down"}, flags...)); err != nil {
			t.Error(err)
		}
	})
	return dir, flags
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if err := run(t.Context(), append([]string{name}, args...)); err != nil {
		t.Fatal(err)
	}
}

// kubectl runs kubectl from the cache against a cluster.
func kubectl(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	var o options
	if err := o.resolve(); err != nil {
		t.Fatal(err)
	}
	b, err := builder(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := tool(t.Context(), b, "kubectl", append([]string{"--kubeconfig", filepath.Join(dir, "kubeconfig")}, args...))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestTwoControlPlanesSideBySideKnowNothingOfEachOther(t *testing.T) {
	t.Parallel()
	one, oneFlags := testCluster(t, "one")
	two, twoFlags := testCluster(t, "two")
	command(t, "up", append([]string{"control-plane"}, oneFlags...)...)
	command(t, "up", append([]string{"control-plane"}, twoFlags...)...)

	kubectl(t, one, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"here"},"data":{"a":"b"}}`, "apply", "-f", "-")
	if got := kubectl(t, one, "", "get", "configmap", "here", "--output=jsonpath={.data.a}"); got != "b" {
		t.Errorf("what was applied comes back as %q", got)
	}
	if got := kubectl(t, two, "", "get", "configmap", "here", "--ignore-not-found"); got != "" {
		t.Errorf("the other cluster has it too: %s", got)
	}
	// The controllers work: a namespace's default service account comes from one, and so does the end of a namespace.
	kubectl(t, one, "", "create", "namespace", "short")
	kubectl(t, one, "", "wait", "--for=create", "--timeout=30s", "serviceaccount/default", "--namespace=short")
	kubectl(t, one, "", "delete", "namespace", "short", "--timeout=60s")

	command(t, "status", oneFlags...)
	processes, err := daemon.Set{Dir: one}.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(processes) != 3 {
		t.Errorf("%d daemons run", len(processes))
	}
	command(t, "down", oneFlags...)
	for _, p := range processes {
		if p.Alive() {
			t.Errorf("%s runs after down", p.Name)
		}
	}
	if _, err := os.Stat(one); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("down leaves the state: %v", err)
	}
	command(t, "status", twoFlags...)
	command(t, "down", oneFlags...) // once more does no harm
}

func TestADeadDaemonIsNamedAndUpStartsAgainWithTheSameContent(t *testing.T) {
	t.Parallel()
	dir, flags := testCluster(t, "hurt")
	command(t, "up", append([]string{"control-plane"}, flags...)...)
	kubeconfig, err := os.ReadFile(filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, dir, "", "create", "namespace", "kept")

	processes, err := daemon.Set{Dir: dir}.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if p.Name == controlplane.APIServer {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = run(t.Context(), append([]string{"status"}, flags...))
	if err == nil || !strings.Contains(err.Error(), controlplane.APIServer) {
		t.Errorf("status says %v", err)
	}
	command(t, "up", flags...)
	command(t, "status", flags...)
	kubectl(t, dir, "", "get", "namespace", "kept")
	again, err := os.ReadFile(filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(kubeconfig) {
		t.Error("the kubeconfig is another one now")
	}
}

func TestWhatIsNotAClusterIsNotRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"down", "--name", "x", "--state", dir}); err == nil {
		t.Error("down does not complain")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestArgumentsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{},
		{"fly"},
		{"up", "everything"},
		{"up", "control-plane", "--name", "../x"},
		{"up", "control-plane", "--unknown"},
		{"image"},
		{"image", "build"},
		{"image", "load", "--name", "nothing"},
		{"status", "--name", "nothing"},
		{"env", "--name", "nothing"},
	} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestImageBuildParsesFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, path, src string
		mode          int64
		ok            bool
	}{
		{"/app=bin/app", "/app", "bin/app", 0o755, true},
		{"/conf=a/conf:0640", "/conf", "a/conf", 0o640, true},
		{"/app=c:name", "/app", "c:name", 0o755, true},
		{"/app", "", "", 0, false},
		{"/app=", "", "", 0, false},
	} {
		path, file, err := parseFile(tt.in)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if tt.ok && (path != tt.path || file.Src != tt.src || file.Mode != tt.mode) {
			t.Errorf("%s: %s from %s, mode %o", tt.in, path, file.Src, file.Mode)
		}
	}
}
