package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/certwright/certwright/controllers"
)

func TestRevocationListFlags(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args []string
		want controllers.RevocationLists
		err  string
	}{
		"none by default": {},
		"served":          {args: []string{"--crl-listen-address=:8090", "--crl-base-url=http://crl.example.com/lists"}, want: controllers.RevocationLists{ListenAddress: ":8090", BaseURL: "http://crl.example.com/lists"}},
		"by others":       {args: []string{"--crl-base-url=http://crl.example.com"}, want: controllers.RevocationLists{BaseURL: "http://crl.example.com"}},
		"over https":      {args: []string{"--crl-base-url=https://crl.example.com"}, err: "is no URL such as"},
		"no URL":          {args: []string{"--crl-base-url=crl.example.com"}, err: "is no URL such as"},
		"with a query":    {args: []string{"--crl-base-url=http://crl.example.com/?a=b"}, err: "is no URL such as"},
		"broken":          {args: []string{"--crl-base-url=http://crl.example.com:port"}, err: "is no URL such as"},
	} {
		f := defaultFlags().lists
		set := pflag.NewFlagSet("controller", pflag.ContinueOnError)
		f.register(set)
		if err := set.Parse(row.args); err != nil {
			t.Fatal(err)
		}
		got, err := f.config()
		if (err != nil) != (row.err != "") || (err != nil && !strings.Contains(err.Error(), row.err)) {
			t.Errorf("%s: error %v, want %q", name, err, row.err)
		}
		if diff := cmp.Diff(row.want, got); err == nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
