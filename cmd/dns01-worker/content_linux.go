package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// contentFile gives a path under which this process, and it alone, reads the
// content: a file in memory, since the root of a container is read-only and a
// secret has no business on a disk. It lives as long as the process.
func contentFile(name, content string) (string, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return "", fmt.Errorf("make a file in memory: %w", err)
	}
	for rest := []byte(content); len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil {
			return "", fmt.Errorf("write a file in memory: %w", err)
		}
		rest = rest[n:]
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
}
