package main

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/certwright/certwright/internal/contract"
)

func TestEveryFlagOfThePeersIsAccepted(t *testing.T) {
	t.Parallel()
	s := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	defaultFlags().register(s)
	for name := range contract.PeerFlags {
		if s.Lookup(name) == nil {
			t.Errorf("--%s is not accepted", name)
		}
	}
}

func TestEveryNameOfAControllerThatCanBeTakenOutIsKnown(t *testing.T) {
	t.Parallel()
	for _, name := range contract.Controllers {
		f, err := settings(t, "", "--controllers=*,-"+name, "--acme-http01-solver-image=solver")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.controllers(); err != nil {
			t.Errorf("--controllers=*,-%s: %v", name, err)
		}
	}
}
