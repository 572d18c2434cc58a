package main

import (
	"context"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// openBrowser opens an address. Everybody on the computer sees command lines, so
// the browser gets the name of a file that only its user can read, which leads
// to the address.
func openBrowser(ctx context.Context, address string) error {
	program := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if program == nil {
		program = []string{"xdg-open"}
	}
	if _, err := exec.LookPath(program[0]); err != nil {
		return err
	}
	folder, err := os.UserCacheDir() // some browsers see no temporary files of others
	if err != nil {
		return fmt.Errorf("find folder: %w", err)
	}
	folder = filepath.Join(folder, "certwright")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	path := filepath.Join(folder, "open.html")
	page := fmt.Sprintf("<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=\"0; url=%[1]s\"><a href=\"%[1]s\">Certwright</a>\n", html.EscapeString(address))
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	go func() {
		<-ctx.Done()
		_ = os.Remove(path) // what is in it is of no use any more
	}()
	cmd := exec.CommandContext(ctx, program[0], append(program[1:], path)...) //nolint:gosec // one of three programs
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // how it ends is seen on the screen
	return nil
}
