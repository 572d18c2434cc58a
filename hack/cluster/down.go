package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/certwright/certwright/hack/cluster/daemon"
)

func down(ctx context.Context, args []string) error {
	o, err := parse("down", args, true)
	if err != nil {
		return err
	}
	if !o.all {
		return remove(ctx, o)
	}
	entries, err := os.ReadDir(filepath.Join(o.root, ".cluster"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var failed []error
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		one := o
		one.name, one.dir = entry.Name(), filepath.Join(o.root, ".cluster", entry.Name())
		failed = append(failed, remove(ctx, one))
	}
	return errors.Join(failed...)
}

// remove stops a cluster, however much of it runs, and removes its state.
func remove(ctx context.Context, o options) error {
	if _, err := os.Stat(o.dir); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "%s is down\n", o.name)
		return nil
	}
	unlock, err := lockDir(o.dir)
	if err != nil {
		return err
	}
	defer unlock()
	s, ok, err := readState(o.dir)
	if err != nil {
		return err
	}
	start := time.Now()
	c := &cluster{options: o, state: s}
	if ok || isClusterDir(o.dir) {
		if err := c.stop(ctx); err != nil {
			return fmt.Errorf("stop %s: %w", o.name, err)
		}
	} else if entries, err := os.ReadDir(o.dir); err != nil || len(entries) > 0 {
		return fmt.Errorf("%s is not the state of a cluster: left as it is", o.dir)
	}
	if err := os.RemoveAll(o.dir); err != nil {
		return fmt.Errorf("remove state of %s: %w", o.name, err)
	}
	_ = os.Remove(filepath.Join(o.root, ".cluster")) // if it is empty now
	fmt.Fprintf(os.Stderr, "%6.1fs  %s is down\n", time.Since(start).Seconds(), o.name)
	return nil
}

// isClusterDir reports whether daemons were started from a folder that has lost its state.json.
func isClusterDir(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "run"))
	return err == nil
}

// stop stops all daemons, the last one first, and of a node everything else that is not a file of its state.
func (c *cluster) stop(ctx context.Context) error {
	if c.state.Kind == kindNode {
		return c.stopNode(ctx)
	}
	return stopDaemons(c.daemons(), 10*time.Second)
}

func stopDaemons(set daemon.Set, grace time.Duration) error {
	list, err := set.List()
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range slices.Backward(list) {
		failed = append(failed, set.Stop(p, grace))
	}
	return errors.Join(failed...)
}
