package main

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// The exit codes.
const (
	exitOK    = 0
	exitError = 1 // something went wrong, the API server's refusals included
	exitUsage = 2 // the command line says something that can not be done
	exitNot   = 3 // all went well, but what was asked for is not so: declined, failed, out of time
)

// codedError is an error that ends the command with a code of its own.
type codedError struct {
	code int
	error
}

func (e codedError) Unwrap() error { return e.error }

// usage is an error in the command line.
func usage(format string, args ...any) error {
	return codedError{exitUsage, fmt.Errorf(format, args...)}
}

// not is what was asked for and did not come about.
func not(format string, args ...any) error { return codedError{exitNot, fmt.Errorf(format, args...)} }

// isNoMatch tells whether the API server does not have a kind.
func isNoMatch(err error) bool { return meta.IsNoMatchError(err) }

// codeOf is the exit code of what a command returned.
func codeOf(err error) int {
	var e codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	default:
		return exitError
	}
}

// explain says in words what the user can do about an answer of the API server.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case isNoMatch(err):
		return fmt.Errorf("%w: the cluster does not have this kind; install the CRDs of Certwright, or try `check api`", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w: log in to the cluster first", err)
	default:
		return err
	}
}
