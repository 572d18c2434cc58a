package node

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupMount = "/sys/fs/cgroup"

// cgroup returns the name of the node's cgroup, which holds its daemons and its pods. Two checkouts may each have a node of
// one name: their kubelets would take the other's pods for orphans and kill them if the name did not say whose it is.
func (n *Node) cgroup() string {
	sum := sha256.Sum256([]byte(n.Dir))
	return cgroupPrefix + n.Name + "-" + hex.EncodeToString(sum[:4])
}

// cgroupPrefix begins the names of all nodes' cgroups.
const cgroupPrefix = "certwright-"

// otherNodes reports whether there are nodes besides the one whose cgroups have just been removed.
func otherNodes() (bool, error) {
	mounts, err := hierarchies()
	if err != nil {
		return false, err
	}
	for _, mount := range mounts {
		found, err := filepath.Glob(filepath.Join(mount, cgroupPrefix+"*"))
		if err != nil || len(found) > 0 {
			return len(found) > 0, err
		}
	}
	return false, nil
}

// unified reports whether the machine has cgroup v2 only.
func unified() bool {
	var s unix.Statfs_t
	return unix.Statfs(cgroupMount, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC
}

// hierarchies returns the mount points of all cgroup hierarchies: of version 1 there are several.
func hierarchies() ([]string, error) {
	if unified() {
		return []string{cgroupMount}, nil
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil, fmt.Errorf("list cgroups: %w", err)
	}
	var mounts []string
	for _, entry := range entries {
		path := filepath.Join(cgroupMount, entry.Name())
		// A symbolic link names a hierarchy that has another name too.
		if _, err := os.Stat(filepath.Join(path, "cgroup.procs")); entry.IsDir() && err == nil {
			mounts = append(mounts, path)
		}
	}
	return mounts, nil
}

// mainCgroup returns the cgroup by which the node's processes are found: pods are in all hierarchies, daemons in this one.
func (n *Node) mainCgroup() string {
	if unified() {
		return filepath.Join(cgroupMount, n.cgroup())
	}
	return filepath.Join(cgroupMount, "pids", n.cgroup())
}

func (n *Node) cgroupProcs() string { return filepath.Join(n.mainCgroup(), "daemons", "cgroup.procs") }

func (n *Node) makeCgroups() error {
	mounts, err := hierarchies()
	if err != nil {
		return err
	}
	for _, mount := range mounts {
		dir := filepath.Join(mount, n.cgroup())
		if unified() {
			if err := enableControllers(mount); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make cgroup: %w", err)
		}
		if unified() {
			if err := enableControllers(dir); err != nil {
				return err
			}
		}
		// Version 1 starts with empty sets of processors and memory nodes, in which no process can be.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(mount, file))
			if err != nil || unified() {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
				return fmt.Errorf("fill in cgroup: %w", err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(n.cgroupProcs()), 0o755); err != nil {
		return fmt.Errorf("make cgroup: %w", err)
	}
	return nil
}

// enableControllers lets the children of a cgroup (version 2) use all controllers that it has.
func enableControllers(dir string) error {
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("enable cgroup controllers: %w", err)
	}
	for _, controller := range strings.Fields(string(have)) {
		err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		if err != nil && slices.Contains([]string{"cpu", "cpuset", "memory", "pids"}, controller) {
			return fmt.Errorf("enable cgroup controller %s in %s: %w", controller, dir, err)
		}
	}
	return nil
}

// killCgroup kills every process of the node: daemons, shims, pods.
func (n *Node) killCgroup() error {
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		pids, err := cgroupPIDs(n.mainCgroup())
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("kill processes %v: they do not end", pids)
		}
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill process %d: %w", pid, err)
			}
		}
	}
}

func cgroupPIDs(root string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was not made yet, or ended meanwhile
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, field := range strings.Fields(string(data)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return err
			}
			pids = append(pids, pid)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list processes of cgroup: %w", err)
	}
	return pids, nil
}

// removeCgroups removes the node's cgroups, the innermost first. The kernel may need a moment after the last process.
func (n *Node) removeCgroups() error {
	mounts, err := hierarchies()
	if err != nil {
		return err
	}
	for _, mount := range mounts {
		var dirs []string
		root := filepath.Join(mount, n.cgroup())
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("remove cgroups: %w", err)
		}
		for _, dir := range slices.Backward(dirs) {
			if err := removeCgroup(dir); err != nil {
				return fmt.Errorf("remove cgroup: %w", err)
			}
		}
	}
	return nil
}

func removeCgroup(dir string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Rmdir(dir)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
		}
	}
}
