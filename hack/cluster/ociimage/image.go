package ociimage

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Image says what is in an image.
type Image struct {
	Ref        string          // full name with host and tag: registry.example/app:1.0
	Files      map[string]File // by absolute path; parent folders come by themselves, mode 0755, owner root
	Entrypoint []string
	User       string   // UID or UID:GID; empty: root
	Env        []string // NAME=value
	WorkingDir string
	Labels     map[string]string
	Arch       string    // GOARCH; empty: this machine's
	Created    time.Time // the image's and its files' time; zero: the Unix epoch
}

// File is a file or folder of an image, owned by root unless UID and GID say otherwise. Its content is Data, or else
// the file at Src.
type File struct {
	Src  string
	Data []byte
	Mode int64 // permission bits, with 01000 for sticky; zero: 0755 for folders, 0644 for files
	Dir  bool
	UID  int
	GID  int
}

// Executable returns the file at src, executable by all.
func Executable(src string) File { return File{Src: src, Mode: 0o755} }

const (
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeIndex    = "application/vnd.oci.image.index.v1+json"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// Write writes an image as an OCI archive. It reads the files twice: to know the layer's digest, and to copy them.
func Write(w io.Writer, img Image) error {
	if err := img.check(); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if img.Arch == "" {
		img.Arch = runtime.GOARCH
	}
	if img.Created.IsZero() {
		img.Created = time.Unix(0, 0)
	}
	img.Created = img.Created.UTC().Truncate(time.Second)
	if err := img.write(w); err != nil {
		return fmt.Errorf("write image %s: %w", img.Ref, err)
	}
	return nil
}

// check refuses what an importer would understand differently from what the caller meant.
func (img Image) check() error {
	host, rest, ok := strings.Cut(img.Ref, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return fmt.Errorf("reference %q names no host, such as registry.example/app:1.0", img.Ref)
	}
	if _, tag, ok := strings.Cut(rest, ":"); !ok || tag == "" || strings.ContainsAny(tag, "/@") {
		return fmt.Errorf("reference %q has no tag", img.Ref)
	}
	if len(img.Files) == 0 {
		return errors.New("there are no files")
	}
	for name, file := range img.Files {
		if !path.IsAbs(name) || path.Clean(name) != name || name == "/" {
			return fmt.Errorf("path %q is not absolute and clean", name)
		}
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if parent, ok := img.Files[dir]; ok && !parent.Dir {
				return fmt.Errorf("path %q is inside the file %q", name, dir)
			}
		}
		if file.Dir && (file.Src != "" || file.Data != nil) || file.Src != "" && file.Data != nil {
			return fmt.Errorf("path %q has more than one content", name)
		}
	}
	return nil
}

func (img Image) write(w io.Writer) error {
	layerHash := sha256.New()
	var size counter
	if err := img.writeLayer(io.MultiWriter(layerHash, &size)); err != nil {
		return err
	}
	layer := descriptor{MediaType: typeLayer, Digest: digest(layerHash.Sum(nil)), Size: int64(size)}
	config, configData, err := jsonBlob(typeConfig, img.config(layer.Digest))
	if err != nil {
		return err
	}
	manifest, manifestData, err := jsonBlob(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": config, "layers": []descriptor{layer},
	})
	if err != nil {
		return err
	}
	tag := img.Ref[strings.LastIndexByte(img.Ref, ':')+1:]
	manifest.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": tag,
		"io.containerd.image.name":          img.Ref, // the tag alone does not tell containerd the name
	}
	manifest.Platform = &platform{Architecture: img.Arch, OS: "linux"}
	_, indexData, err := jsonBlob(typeIndex, map[string]any{
		"schemaVersion": 2, "mediaType": typeIndex, "manifests": []descriptor{manifest},
	})
	if err != nil {
		return err
	}
	_, dockerData, err := jsonBlob("", []map[string]any{{
		"Config": blobPath(config.Digest), "RepoTags": []string{img.Ref}, "Layers": []string{blobPath(layer.Digest)},
	}})
	if err != nil {
		return err
	}

	out := tar.NewWriter(w)
	small := []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", indexData},
		{"manifest.json", dockerData},
		{blobPath(manifest.Digest), manifestData},
		{blobPath(config.Digest), configData},
	}
	for _, file := range small {
		if err := writeHeader(out, file.name, tar.TypeReg, 0o644, int64(len(file.data)), img.Created, 0, 0); err != nil {
			return err
		}
		if _, err := out.Write(file.data); err != nil {
			return err
		}
	}
	if err := writeHeader(out, blobPath(layer.Digest), tar.TypeReg, 0o644, layer.Size, img.Created, 0, 0); err != nil {
		return err
	}
	again := sha256.New()
	if err := img.writeLayer(io.MultiWriter(out, again)); err != nil {
		return err
	}
	if digest(again.Sum(nil)) != layer.Digest {
		return errors.New("a file changed while it was read")
	}
	return out.Close()
}

func (img Image) config(diffID string) map[string]any {
	run := map[string]any{}
	set := func(name string, value any, given bool) {
		if given {
			run[name] = value
		}
	}
	set("User", img.User, img.User != "")
	set("Env", img.Env, len(img.Env) > 0)
	set("Entrypoint", img.Entrypoint, len(img.Entrypoint) > 0)
	set("WorkingDir", img.WorkingDir, img.WorkingDir != "")
	set("Labels", img.Labels, len(img.Labels) > 0)
	created := img.Created.Format(time.RFC3339)
	return map[string]any{
		"created": created, "architecture": img.Arch, "os": "linux", "config": run,
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{diffID}},
		"history": []map[string]any{{"created": created, "comment": "written file by file"}},
	}
}

// writeLayer writes the layer's tar: folders before what is in them, all in the order of their paths.
func (img Image) writeLayer(w io.Writer) error {
	all := map[string]File{}
	for name, file := range img.Files {
		all[name] = file
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if _, ok := img.Files[dir]; !ok {
				all[dir] = File{Dir: true}
			}
		}
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	out := tar.NewWriter(w)
	for _, name := range names {
		if err := all[name].writeTo(out, name, img.Created); err != nil {
			return err
		}
	}
	return out.Close()
}

func (f File) writeTo(out *tar.Writer, name string, created time.Time) error {
	name = strings.TrimPrefix(name, "/")
	if f.Dir {
		return writeHeader(out, name+"/", tar.TypeDir, cmp.Or(f.Mode, 0o755), 0, created, f.UID, f.GID)
	}
	var content io.Reader = bytes.NewReader(f.Data)
	size := int64(len(f.Data))
	if f.Src != "" {
		file, err := os.Open(f.Src)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a file", f.Src)
		}
		content, size = file, info.Size()
	}
	if err := writeHeader(out, name, tar.TypeReg, cmp.Or(f.Mode, 0o644), size, created, f.UID, f.GID); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

func writeHeader(out *tar.Writer, name string, kind byte, mode, size int64, created time.Time, uid, gid int) error {
	return out.WriteHeader(&tar.Header{
		Typeflag: kind, Name: name, Mode: mode, Size: size, ModTime: created, Uid: uid, Gid: gid,
	})
}

func jsonBlob(mediaType string, v any) (descriptor, []byte, error) {
	data, err := json.Marshal(v) // the keys of maps come sorted
	if err != nil {
		return descriptor{}, nil, err
	}
	sum := sha256.Sum256(data)
	return descriptor{MediaType: mediaType, Digest: digest(sum[:]), Size: int64(len(data))}, data, nil
}

func digest(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

func blobPath(digest string) string { return "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:") }

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
