package main

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestApprovalAndSigningRequestsCanBeLeftToOthers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		flag                          string
		noApproval, noSigningRequests bool
	}{
		{"--controllers=*", false, false},
		{"--controllers=*,-certificaterequests-approver", true, false},
		{"--controllers=*,-certificatesigningrequests", false, true},
		{"--controllers=*,-certificaterequests-approver,-certificatesigningrequests", true, true},
	} {
		f := defaultFlags()
		s := pflag.NewFlagSet("controller", pflag.ContinueOnError)
		f.register(s)
		if err := s.Parse([]string{row.flag, "--acme-http01-solver-image=solver:test"}); err != nil {
			t.Fatal(err)
		}
		cfg, err := f.controllers()
		if err != nil || cfg.DisableApproval != row.noApproval || cfg.NoSigningRequests != row.noSigningRequests {
			t.Errorf("%s: no approval %t, no signing requests %t, %v", row.flag, cfg.DisableApproval, cfg.NoSigningRequests, err)
		}
	}
}
