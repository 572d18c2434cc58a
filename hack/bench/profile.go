package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// profileVariable tells the operator where its CPU profile goes.
const profileVariable = "CERTWRIGHT_BENCH_CPUPROFILE"

//go:embed profile/overlay.go.txt
var profileSource []byte

// profileOverlay writes what makes `go build -overlay` add profileSource to cmd/controller: the operator has no profiler
// of its own, and only the bench needs one.
func profileOverlay(root, into string) (path string, err error) {
	source := filepath.Join(into, "profile.go")
	if err := os.WriteFile(source, profileSource, 0o600); err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	added := filepath.Join(root, "cmd", "controller", "bench_profile.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {added: source}})
	if err != nil {
		return "", fmt.Errorf("encode overlay: %w", err)
	}
	path = filepath.Join(into, "overlay.json")
	if err := os.WriteFile(path, overlay, 0o600); err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	return path, nil
}

// toggleProfile starts or ends the CPU profile, if the operator was built for it.
func (l *lab) toggleProfile(o *operator) error {
	if l.profile == "" {
		return nil
	}
	if err := o.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return fmt.Errorf("toggle profile: %w", err)
	}
	return nil
}
