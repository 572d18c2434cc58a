//go:build !linux

package main

import (
	"errors"
)

// contentFile is for Linux, where the operator runs.
func contentFile(string, string) (string, error) {
	return "", errors.New("a variable with the content of a file can be used on Linux only")
}
