package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/controllers"
)

func TestResponderFlags(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want *controllers.Responder
		err  string
	}{
		"pods by default": {},
		"a Service": {
			args: []string{"--http01-solver-mode=Shared", "--http01-responder-service=ns/name"},
			want: &controllers.Responder{ListenAddress: "0.0.0.0:8089", Service: types.NamespacedName{Namespace: "ns", Name: "name"}},
		},
		"addresses": {
			args: []string{"--http01-solver-mode=Shared", "--http01-responder-addresses=192.0.2.1,2001:db8::1", "--http01-responder-listen-address=:80"},
			want: &controllers.Responder{ListenAddress: ":80", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
		},
		"neither":             {args: []string{"--http01-solver-mode=Shared"}, err: "needs either"},
		"both":                {args: []string{"--http01-solver-mode=Shared", "--http01-responder-service=ns/name", "--http01-responder-addresses=192.0.2.1"}, err: "needs either"},
		"another mode":        {args: []string{"--http01-solver-mode=shared"}, err: "neither Pod nor Shared"},
		"no name":             {args: []string{"--http01-solver-mode=Shared", "--http01-responder-service=name"}, err: "not namespace/name"},
		"a name as addresses": {args: []string{"--http01-solver-mode=Shared", "--http01-responder-addresses=host"}, err: "--http01-responder-addresses"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := defaultFlags().responder
			set := pflag.NewFlagSet("controller", pflag.ContinueOnError)
			f.register(set)
			if err := set.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			got, err := f.config()
			if (err != nil) != (test.err != "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("responder (-want +got):\n%s", diff)
			}
		})
	}
}
