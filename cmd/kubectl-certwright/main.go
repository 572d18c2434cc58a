// Command kubectl-certwright shows what becomes of certificates and asks for
// what only people can ask for: renewals, approvals, revocations, campaigns.
//
// In a folder of the PATH it is `kubectl certwright`; under the name certwright
// it is a command of its own. It talks to the API server as the user of the
// kubeconfig, never to the operator, and can do no more than that user may.
// docs/cli.md describes the commands and exit codes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, newTerminal())
	stop()
	os.Exit(code)
}
