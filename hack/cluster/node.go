package main

import (
	"context"
	"errors"

	"github.com/certwright/certwright/hack/cluster/binaries"
	"github.com/certwright/certwright/hack/cluster/daemon"
)

type nodeParts struct{}

func newNodeState(s state) (state, error)                                  { return s, errors.New("the node is not built yet") }
func (c *cluster) openNode(ctx context.Context, b *binaries.Builder) error { return nil }
func (c *cluster) nodeProbes(probes map[string]daemon.Probe)               {}
func (c *cluster) startNode(ctx context.Context, p *phases) error          { return nil }
func (c *cluster) stopNode(ctx context.Context) error                      { return nil }
func image(ctx context.Context, args []string) error                       { return nil }
func forward(ctx context.Context, args []string) error                     { return nil }
