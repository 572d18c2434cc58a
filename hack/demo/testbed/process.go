package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// ProcessOf finds the process of a program in a pod: the node runs on this
// machine, and the kernel knows a container's processes by its cgroup, whose
// path has the pod's UID.
func ProcessOf(uid, program string) (int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		cgroup, err := os.ReadFile(path) //nolint:gosec // of the kernel
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return 0, err
		}
		if !bytes.Contains(cgroup, []byte(uid)) {
			continue
		}
		argv, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil {
			continue
		}
		if name, _, _ := bytes.Cut(argv, []byte{0}); string(name) == program {
			return strconv.Atoi(filepath.Base(filepath.Dir(path)))
		}
	}
	return 0, fmt.Errorf("no process %s in pod %s", program, uid)
}
