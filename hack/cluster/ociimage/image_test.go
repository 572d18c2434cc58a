package ociimage

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testImage(t *testing.T) Image {
	t.Helper()
	src := filepath.Join(t.TempDir(), "app")
	if err := os.WriteFile(src, bytes.Repeat([]byte("program"), 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	return Image{
		Ref: "registry.example/team/app:1.0", Arch: "arm64", Entrypoint: []string{"/bin/app", "--serve"}, User: "65532:65532",
		Env: []string{"A=b"}, Labels: map[string]string{"l": "m"},
		Files: map[string]File{
			"/bin/app":           Executable(src),
			"/etc/app/conf.json": {Data: []byte("{}"), UID: 7, GID: 8},
			"/etc/app-old":       {Data: []byte("x"), Mode: 0o600},
			"/tmp":               {Dir: true, Mode: 0o1777},
		},
	}
}

type entry struct {
	Name     string
	Mode     int64
	UID, GID int
	Dir      bool
}

func readTar(t *testing.T, r io.Reader) ([]entry, map[string][]byte) {
	t.Helper()
	var entries []entry
	contents := map[string][]byte{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return entries, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 {
			t.Errorf("%s has the time %v, want the epoch", h.Name, h.ModTime)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry{h.Name, h.Mode, h.Uid, h.Gid, h.Typeflag == tar.TypeDir})
		contents[h.Name] = data
	}
}

func TestArchiveHoldsTheImageUnderItsDigests(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	if err := Write(&archive, testImage(t)); err != nil {
		t.Fatal(err)
	}
	_, files := readTar(t, &archive)
	for name, data := range files {
		if want, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
				t.Errorf("the content of %s has another digest", name)
			}
		}
	}
	decode := func(name string, v any) {
		t.Helper()
		if err := json.Unmarshal(files[name], v); err != nil {
			t.Fatalf("decode %s: %v", name, err)
		}
	}
	var index struct{ Manifests []descriptor }
	decode("index.json", &index)
	if len(index.Manifests) != 1 {
		t.Fatalf("the index has %d manifests", len(index.Manifests))
	}
	if got := index.Manifests[0].Annotations["io.containerd.image.name"]; got != "registry.example/team/app:1.0" {
		t.Errorf("containerd would call the image %q", got)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(blobPath(index.Manifests[0].Digest), &manifest)
	var config map[string]any
	decode(blobPath(manifest.Config.Digest), &config)
	delete(config, "history")
	want := map[string]any{
		"architecture": "arm64", "os": "linux", "created": "1970-01-01T00:00:00Z",
		"config": map[string]any{
			"User": "65532:65532", "Env": []any{"A=b"}, "Entrypoint": []any{"/bin/app", "--serve"}, "Labels": map[string]any{"l": "m"},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{manifest.Layers[0].Digest}},
	}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	layer := files[blobPath(manifest.Layers[0].Digest)]
	if int64(len(layer)) != manifest.Layers[0].Size {
		t.Errorf("the layer has %d bytes, the manifest says %d", len(layer), manifest.Layers[0].Size)
	}
	entries, contents := readTar(t, bytes.NewReader(layer))
	wantEntries := []entry{
		{"bin/", 0o755, 0, 0, true},
		{"bin/app", 0o755, 0, 0, false},
		{"etc/", 0o755, 0, 0, true},
		{"etc/app/", 0o755, 0, 0, true},
		{"etc/app/conf.json", 0o644, 7, 8, false},
		{"etc/app-old", 0o600, 0, 0, false},
		{"tmp/", 0o1777, 0, 0, true},
	}
	if diff := cmp.Diff(wantEntries, entries); diff != "" {
		t.Errorf("layer (-want +got):\n%s", diff)
	}
	if len(contents["bin/app"]) != 70_000 {
		t.Errorf("the program has %d bytes", len(contents["bin/app"]))
	}
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	t.Parallel()
	img := testImage(t)
	var first, second bytes.Buffer
	if err := Write(&first, img); err != nil {
		t.Fatal(err)
	}
	// Another time and mode of the source do not matter.
	if err := os.Chmod(img.Files["/bin/app"].Src, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Write(&second, img); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two archives of one image differ")
	}
}

func TestWhatAnImporterWouldMisunderstandIsRefused(t *testing.T) {
	t.Parallel()
	file := map[string]File{"/a": {Data: []byte("a")}}
	for name, img := range map[string]Image{
		"no host":        {Ref: "app:1", Files: file},
		"no host, path":  {Ref: "team/app:1", Files: file},
		"no tag":         {Ref: "registry.example/app", Files: file},
		"port, no tag":   {Ref: "registry.example:5000/app", Files: file},
		"no files":       {Ref: "registry.example/app:1"},
		"relative path":  {Ref: "registry.example/app:1", Files: map[string]File{"a": {}}},
		"unclean path":   {Ref: "registry.example/app:1", Files: map[string]File{"/a/../b": {}}},
		"root":           {Ref: "registry.example/app:1", Files: map[string]File{"/": {Dir: true}}},
		"file in a file": {Ref: "registry.example/app:1", Files: map[string]File{"/a": {}, "/a/b": {}}},
		"two contents":   {Ref: "registry.example/app:1", Files: map[string]File{"/a": {Src: "x", Data: []byte("y")}}},
		"missing source": {Ref: "registry.example/app:1", Files: map[string]File{"/a": {Src: filepath.Join(t.TempDir(), "none")}}},
		"folder as file": {Ref: "registry.example/app:1", Files: map[string]File{"/a": {Src: t.TempDir()}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := Write(io.Discard, img); err == nil {
				t.Error("it was written")
			}
		})
	}
}
