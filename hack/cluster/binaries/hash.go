package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// inputsHash returns the SHA-256, in hex, of what decides a unit's output: its definition, the toolchain, and every Go
// source, go.mod and go.sum of its module's tree.
func inputsHash(u Unit, tree fs.FS, toolchain string) (string, error) {
	h := sha256.New()
	// Every part goes in with its length, so that no two different inputs look alike.
	add := func(parts ...string) {
		for _, part := range parts {
			fmt.Fprintf(h, "%d:%s\n", len(part), part)
		}
	}
	add(u.Name, u.Module, toolchain)
	add(u.flags()...)
	add(u.env()...)
	for _, name := range sortedKeys(u.Build) {
		add("build", name, u.Build[name])
	}
	for _, name := range sortedKeys(u.Copy) {
		add("copy", name, u.Copy[name])
	}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isInput(name) {
			return err
		}
		file, err := tree.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		add("file", name, fmt.Sprint(info.Size()))
		_, err = io.Copy(h, file)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash inputs of %s: %w", u.Name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func isInput(name string) bool {
	switch path.Base(name) {
	case "go.mod", "go.sum":
		return true
	}
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// Root returns the folder in which cache entries lie: $CERTWRIGHT_CACHE, or certwright in the user's cache folder.
func Root() (string, error) {
	if dir := os.Getenv("CERTWRIGHT_CACHE"); dir != "" {
		return path.Join(dir, "cluster"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder (set CERTWRIGHT_CACHE): %w", err)
	}
	return path.Join(dir, "certwright", "cluster"), nil
}
