package binaries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Builder builds units into a cache.
type Builder struct {
	Source     string    // hack/cluster
	Cache      string    // see Root
	Log        io.Writer // progress
	toolchains map[string]string
}

// keepUnused is how long an entry stays in the cache after its last use.
const keepUnused = 30 * 24 * time.Hour

// Ensure returns the folder that holds a unit's programs and builds them first if the cache has none. Of several
// callers at once, one builds and the others wait.
func (b *Builder) Ensure(ctx context.Context, u Unit) (string, error) {
	toolchain, err := b.toolchain(ctx, u.Module)
	if err != nil {
		return "", err
	}
	hash, err := inputsHash(u, os.DirFS(filepath.Join(b.Source, u.Module)), toolchain)
	if err != nil {
		return "", err
	}
	entry := filepath.Join(b.Cache, u.Name+"-"+hash)
	if done(entry) {
		return entry, nil
	}
	if err := Check(u.Needs); err != nil {
		return "", fmt.Errorf("build %s: %w", u.Name, err)
	}
	if err := os.MkdirAll(b.Cache, 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", u.Name, err)
	}
	unlock, err := lockFile(filepath.Join(b.Cache, u.Name+".lock"))
	if err != nil {
		return "", fmt.Errorf("build %s: %w", u.Name, err)
	}
	defer unlock()
	if done(entry) {
		return entry, nil
	}
	start := time.Now()
	fmt.Fprintf(b.Log, "building %s\n", u.Name)
	if err := b.build(ctx, u, entry); err != nil {
		return "", fmt.Errorf("build %s: %w", u.Name, err)
	}
	fmt.Fprintf(b.Log, "built %s in %s\n", u.Name, time.Since(start).Round(time.Second))
	b.prune(u, entry)
	return entry, nil
}

// build makes an entry under another name and renames it when it is whole.
func (b *Builder) build(ctx context.Context, u Unit, entry string) error {
	tmp, err := os.MkdirTemp(b.Cache, u.Name+".tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	for _, name := range sortedKeys(u.Build) {
		args := append([]string{"build"}, u.flags()...)
		args = append(args, "-o", filepath.Join(tmp, name), u.Build[name])
		if _, err := b.goCommand(ctx, u.Module, u.env(), args...); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(u.Copy) {
		module, from, _ := strings.Cut(u.Copy[name], ":")
		if _, err := b.goCommand(ctx, u.Module, u.env(), "mod", "download", module); err != nil {
			return err
		}
		dir, err := b.goCommand(ctx, u.Module, u.env(), "list", "-mod=readonly", "-m", "-f={{.Dir}}", module)
		if err != nil {
			return err
		}
		if err := os.CopyFS(filepath.Join(tmp, name), os.DirFS(filepath.Join(strings.TrimSpace(dir), from))); err != nil {
			return err
		}
	}
	return os.Rename(tmp, entry)
}

// done reports whether an entry is there, and notes that it was used.
func done(entry string) bool {
	if _, err := os.Stat(entry); err != nil {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(entry, now, now) // a cache of somebody else's may be read-only: then its owner prunes it by his own use
	return true
}

// prune removes what nobody has used for long. It is only housekeeping, so that its failures are not the caller's.
func (b *Builder) prune(u Unit, current string) {
	entries, err := os.ReadDir(b.Cache)
	if err != nil {
		return
	}
	for _, entry := range entries {
		path := filepath.Join(b.Cache, entry.Name())
		ours := strings.HasPrefix(entry.Name(), u.Name+"-") || strings.HasPrefix(entry.Name(), u.Name+".tmp-")
		info, err := entry.Info()
		if err != nil || !ours || !entry.IsDir() || path == current || time.Since(info.ModTime()) < keepUnused {
			continue
		}
		fmt.Fprintf(b.Log, "removing %s, unused since %s\n", path, info.ModTime().Format(time.DateOnly))
		_ = os.RemoveAll(path)
	}
}

func (b *Builder) toolchain(ctx context.Context, module string) (string, error) {
	if known, ok := b.toolchains[module]; ok {
		return known, nil
	}
	out, err := b.goCommand(ctx, module, []string{"GOFLAGS="}, "env", "GOVERSION", "GOOS", "GOARCH", "GOEXPERIMENT", "GOAMD64", "GOARM64", "GOFIPS140")
	if err != nil {
		return "", fmt.Errorf("find the Go toolchain: %w", err)
	}
	if b.toolchains == nil {
		b.toolchains = map[string]string{}
	}
	b.toolchains[module] = out
	return out, nil
}

func (b *Builder) goCommand(ctx context.Context, module string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(b.Source, module)
	// PWD as exec sets it; GOWORK off, so that a workspace of the user's does not change the versions.
	cmd.Env = append(cmd.Environ(), append([]string{"GOWORK=off"}, env...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("there is no go command on the PATH")
	}
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// lockFile takes an exclusive lock and waits for it. The file stays, for the next one.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() { f.Close() }, nil // closing releases it
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
