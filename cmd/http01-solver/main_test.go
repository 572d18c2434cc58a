package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/http01/responder"
)

func TestFlagsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	answer, port, err := parse([]string{"--listen-port=8090", "--domain=a.example.com", "--token=t", "--key=t.k"}, new(bytes.Buffer))
	if err != nil || port != 8090 {
		t.Errorf("port %d, %v", port, err)
	}
	if diff := cmp.Diff(responder.Answer{Domain: "a.example.com", Token: "t", Key: "t.k"}, answer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if _, port, err := parse([]string{"--domain=a", "--token=t", "--key=k"}, new(bytes.Buffer)); err != nil || port != 8089 {
		t.Errorf("port %d by default, %v", port, err)
	}
	for _, args := range [][]string{
		nil,
		{"--domain=a", "--token=t"},
		{"--domain=a", "--token=t", "--key=k", "more"},
		{"--domain=a", "--token=t", "--key=k", "--listen-port=70000"},
		{"--unknown"},
	} {
		if _, _, err := parse(args, new(bytes.Buffer)); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func TestRunEndsWhenItIsTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	log := new(bytes.Buffer)
	cancel()
	if err := run(ctx, []string{"--domain=a.example.com", "--token=t", "--key=secret-ish", "--listen-port=0"}, log); err != nil && !strings.Contains(err.Error(), "canceled") {
		t.Errorf("run: %v", err)
	}
	if strings.Contains(log.String(), "secret-ish") {
		t.Errorf("the key is in the log: %s", log)
	}
}

func TestBinaryIsSmallAndStatic(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "http01-solver")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(6_000_000); info.Size() >= limit {
		t.Errorf("the solver has %d bytes, the limit is %d", info.Size(), limit)
	}
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(list)) {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !strings.HasPrefix(path, "github.com/certwright/certwright/") {
			t.Errorf("the solver imports %s, which is not of the standard library", path)
		}
	}
}
