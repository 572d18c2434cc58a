package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/certwright/certwright/hack/cluster/binaries"
	"github.com/certwright/certwright/hack/cluster/node"
	"github.com/certwright/certwright/hack/cluster/ociimage"
)

func image(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "load":
			return imageLoad(ctx, args[1:])
		case "build":
			return imageBuild(args[1:])
		}
	}
	fmt.Fprint(os.Stderr, usage)
	return errUsage
}

func imageLoad(ctx context.Context, args []string) error {
	o, err := parse("image load", args, false)
	if err != nil {
		return err
	}
	if len(o.rest) == 0 {
		return errors.New("image load: name at least one OCI archive")
	}
	s, ok, err := readState(o.dir)
	if err != nil {
		return err
	}
	if !ok || s.Kind != kindNode {
		return fmt.Errorf("image load: there is no node %s", o.name)
	}
	b, err := builder(o)
	if err != nil {
		return err
	}
	containerd, err := b.Ensure(ctx, binaries.Containerd)
	if err != nil {
		return err
	}
	n := &node.Node{Name: o.name, Dir: o.dir, Programs: node.Programs{Containerd: containerd}}
	for _, path := range o.rest {
		if err := loadFile(ctx, n, path); err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

func loadFile(ctx context.Context, n *node.Node, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return n.Load(ctx, f)
}

const imageUsage = `usage: cluster image build --ref REF [flags] -o FILE.tar

Makes an OCI archive of one layer, the same bytes for the same input. Example:
  cluster image build --ref registry.example/app:1.0 --file /app=bin/app --entry /app --user 65532:65532 -o app.tar

`

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// imageBuild writes an image of the files that its flags name.
func imageBuild(args []string) error {
	var img ociimage.Image
	var files, entry, labels list
	var out string
	flags := flag.NewFlagSet("cluster image build", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), imageUsage); flags.PrintDefaults() }
	flags.StringVar(&img.Ref, "ref", "", "the image's full `name`, with host and tag")
	flags.Var(&files, "file", "`/path=source[:mode]`, mode in octal, 0755 by default; repeatable")
	flags.Var(&entry, "entry", "the entrypoint, then its arguments; repeatable")
	flags.StringVar(&img.User, "user", "", "`UID` or UID:GID that the program runs as")
	flags.Var((*list)(&img.Env), "env", "`NAME=value`; repeatable")
	flags.Var(&labels, "label", "`NAME=value`; repeatable")
	flags.StringVar(&img.Arch, "arch", "", "`GOARCH` of the programs (default this machine's)")
	flags.StringVar(&out, "o", "", "the archive to write")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	if out == "" || flags.NArg() > 0 {
		flags.Usage()
		return errUsage
	}
	img.Entrypoint = entry
	img.Files = map[string]ociimage.File{}
	for _, f := range files {
		path, file, err := parseFile(f)
		if err != nil {
			return err
		}
		img.Files[path] = file
	}
	for _, l := range labels {
		name, value, ok := strings.Cut(l, "=")
		if !ok {
			return fmt.Errorf("label %q is not NAME=value", l)
		}
		if img.Labels == nil {
			img.Labels = map[string]string{}
		}
		img.Labels[name] = value
	}
	return writeArchive(out, img)
}

// parseFile parses /path=source[:mode].
func parseFile(s string) (path string, file ociimage.File, err error) {
	path, source, ok := strings.Cut(s, "=")
	if !ok || source == "" {
		return "", file, fmt.Errorf("file %q is not /path=source", s)
	}
	file = ociimage.Executable(source)
	if i := strings.LastIndexByte(source, ':'); i >= 0 {
		if mode, err := strconv.ParseInt(source[i+1:], 8, 64); err == nil {
			file.Src, file.Mode = source[:i], mode
		}
	}
	return path, file, nil
}

// writeArchive writes the archive under another name first, so that none is ever half there.
func writeArchive(out string, img ociimage.Image) error {
	tmp, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out)+".tmp-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := ociimage.Write(tmp, img); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), out)
}
