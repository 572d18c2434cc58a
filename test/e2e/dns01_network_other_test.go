//go:build !linux

package e2e

import (
	"context"
	"errors"
	"net"
)

// nodeNetwork is where no node runs.
type nodeNetwork struct{}

var errNotLinux = errors.New("a node runs on Linux only")

func (w *world) network() (nodeNetwork, error) { return nodeNetwork{}, errNotLinux }

func (nodeNetwork) command(argv ...string) []string { return argv }

func (nodeNetwork) Dial(context.Context, string, string) (net.Conn, error) { return nil, errNotLinux }

func (nodeNetwork) listen(context.Context, string) (net.Listener, error) { return nil, errNotLinux }
