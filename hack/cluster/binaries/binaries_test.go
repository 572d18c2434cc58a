package binaries

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

func hash(t *testing.T, u Unit, tree fstest.MapFS, toolchain string) string {
	t.Helper()
	sum, err := inputsHash(u, tree, toolchain)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestHashChangesWithEveryInputAndWithNothingElse(t *testing.T) {
	t.Parallel()
	unit := Unit{Name: "u", Module: "m", Build: map[string]string{"p": "./p"}}
	tree := func(change ...string) fstest.MapFS {
		m := fstest.MapFS{
			"go.mod":    {Data: []byte("module m")},
			"go.sum":    {Data: []byte("sums")},
			"p/main.go": {Data: []byte("package main")},
		}
		for i := 0; i < len(change); i += 2 {
			m[change[i]] = &fstest.MapFile{Data: []byte(change[i+1])}
		}
		return m
	}
	base := hash(t, unit, tree(), "go1")
	if base != hash(t, unit, tree("README.md", "text", "p/main_test.go", "package main"), "go1") {
		t.Error("the hash depends on files that are not built")
	}
	seen := map[string]string{base: "base"}
	different := func(what, sum string) {
		if other, ok := seen[sum]; ok {
			t.Errorf("%s has the hash of %s", what, other)
		}
		seen[sum] = what
	}
	different("another go.mod", hash(t, unit, tree("go.mod", "module n"), "go1"))
	different("another go.sum", hash(t, unit, tree("go.sum", "other"), "go1"))
	different("another source", hash(t, unit, tree("p/main.go", "package main // x"), "go1"))
	different("one more source", hash(t, unit, tree("p/x.go", ""), "go1"))
	different("the source elsewhere", hash(t, unit, tree("q/x.go", ""), "go1"))
	different("another toolchain", hash(t, unit, tree(), "go2"))
	for what, change := range map[string]func(*Unit){
		"a tag":            func(u *Unit) { u.Tags = "x" },
		"cgo":              func(u *Unit) { u.Cgo = true },
		"a linker setting": func(u *Unit) { u.Set = map[string]string{"main.version": "1"} },
		"another package":  func(u *Unit) { u.Build = map[string]string{"p": "./q"} },
		"one more copy":    func(u *Unit) { u.Copy = map[string]string{"crd": "m:crd"} },
	} {
		u := unit
		change(&u)
		different(what, hash(t, u, tree(), "go1"))
	}
}

func testModule(t *testing.T, source string) *Builder {
	t.Helper()
	root := t.TempDir()
	module := filepath.Join(root, "src", "m")
	if err := os.MkdirAll(module, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module example.com/m\n\ngo 1.26\n", "main.go": source} {
		if err := os.WriteFile(filepath.Join(module, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Builder{Source: filepath.Join(root, "src"), Cache: filepath.Join(root, "cache"), Log: &bytes.Buffer{}}
}

func TestOfTwoBuildersOneBuilds(t *testing.T) {
	t.Parallel()
	a := testModule(t, "package main\n\nvar word string\n\nfunc main() { println(word) }\n")
	b := &Builder{Source: a.Source, Cache: a.Cache, Log: &bytes.Buffer{}}
	unit := Unit{Name: "u", Module: "m", Build: map[string]string{"p": "."}, Set: map[string]string{"main.word": "said"}}
	entries := make([]string, 2)
	var both sync.WaitGroup
	for i, builder := range []*Builder{a, b} {
		both.Go(func() {
			entry, err := builder.Ensure(t.Context(), unit)
			if err != nil {
				t.Error(err)
			}
			entries[i] = entry
		})
	}
	both.Wait()
	if t.Failed() {
		return
	}
	if entries[0] != entries[1] {
		t.Errorf("two entries: %s and %s", entries[0], entries[1])
	}
	if said := fmt.Sprint(a.Log, b.Log); strings.Count(said, "building u") != 1 {
		t.Errorf("want one build; the builders said:\n%s", said)
	}
	out, err := exec.Command(filepath.Join(entries[0], "p")).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "said" {
		t.Errorf("the program says %q, %v", out, err)
	}
}

func TestAFailedBuildLeavesNoEntry(t *testing.T) {
	t.Parallel()
	b := testModule(t, "package main\n\nfunc main() { undefined() }\n")
	_, err := b.Ensure(t.Context(), Unit{Name: "u", Module: "m", Build: map[string]string{"p": "."}})
	if err == nil || !strings.Contains(err.Error(), "undefined") {
		t.Errorf("the error does not tell the compiler's: %v", err)
	}
	left, err := os.ReadDir(b.Cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if entry.Name() != "u.lock" {
			t.Errorf("%s was left behind", entry.Name())
		}
	}
}

func TestWhatNobodyUsedForLongIsRemoved(t *testing.T) {
	t.Parallel()
	b := testModule(t, "package main\n\nfunc main() {}\n")
	old, recent, other := filepath.Join(b.Cache, "u-old"), filepath.Join(b.Cache, "u-recent"), filepath.Join(b.Cache, "user-old")
	long := time.Now().Add(-keepUnused - time.Hour)
	for _, dir := range []string{old, recent, other} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir != recent {
			if err := os.Chtimes(dir, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := b.Ensure(t.Context(), Unit{Name: "u", Module: "m", Build: map[string]string{"p": "."}}); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{old: false, recent: true, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", dir, err == nil, want)
		}
	}
}

func TestMissingPackagesAreNamedWithTheCommandThatInstallsThem(t *testing.T) {
	t.Parallel()
	err := Check([]Package{
		{Debian: "zz-tool", Program: "no-such-program-zz"},
		{Debian: "aa-dev", Header: "no/such/header.h"},
		{Debian: "aa-dev", Header: "no/such/other.h"},
		{Debian: "golang", Program: "go"},
	})
	if err == nil || !strings.Contains(err.Error(), "apt-get install -y aa-dev zz-tool") {
		t.Errorf("got %v", err)
	}
	if err := Check([]Package{{Debian: "golang", Program: "go"}}); err != nil {
		t.Errorf("what is installed is missed: %v", err)
	}
}
