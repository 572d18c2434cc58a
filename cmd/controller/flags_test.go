package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/certwright/certwright/internal/lifecycle"
)

func TestOrderLimitsOfACAsAreFlags(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		args []string
		want lifecycle.OrderLimits
		err  string
	}{
		{nil, lifecycle.OrderLimits{
			"acme-v02.api.letsencrypt.org":         {Count: 300, Period: 3 * time.Hour},
			"acme-staging-v02.api.letsencrypt.org": {Count: 1500, Period: 3 * time.Hour},
		}, ""},
		{[]string{"--acme-order-limits=ca.example.com=10/1m,*=0/1h"}, lifecycle.OrderLimits{"ca.example.com": {Count: 10, Period: time.Minute}, "*": {Period: time.Hour}}, ""},
		{[]string{"--acme-order-limits=ca.example.com"}, nil, `read --acme-order-limits: "ca.example.com" is no limit such as acme.example.com=300/3h`},
	} {
		f := defaultFlags()
		s := pflag.NewFlagSet("controller", pflag.ContinueOnError)
		f.register(s)
		if err := s.Parse(append(row.args, "--acme-http01-solver-image=solver:test")); err != nil {
			t.Fatal(err)
		}
		cfg, err := f.controllers()
		if (err == nil) != (row.err == "") || (err != nil && !strings.Contains(err.Error(), row.err)) {
			t.Errorf("%v: error %v, want %q", row.args, err, row.err)
		}
		if diff := cmp.Diff(row.want, cfg.OrderLimits); diff != "" {
			t.Errorf("%v (-want +got):\n%s", row.args, diff)
		}
	}
}
