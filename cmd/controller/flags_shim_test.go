package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/certwright/certwright/controllers/shim"
)

func TestObjectsThatGetCertificatesAreFlags(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		args []string
		want func(*shim.Config)
		err  string
	}{
		{nil, func(*shim.Config) {}, ""},
		{[]string{"--enable-gateway-api=false"}, func(c *shim.Config) { c.NoGateways, c.NoListenerSets = true, true }, ""},
		{[]string{"--enable-gateway-api", "--enable-gateway-api-listenerset=false"}, func(c *shim.Config) { c.NoListenerSets = true }, ""},
		{[]string{"--controllers=*,-ingress-shim,-gateway-shim"}, func(c *shim.Config) { c.NoIngresses, c.NoGateways = true, true }, ""},
		{[]string{"--controllers=*,-listenerset-shim"}, func(c *shim.Config) { c.NoListenerSets = true }, ""},
		{[]string{"--gateway-api-extra-protocols=example.com/TUNNEL"}, func(c *shim.Config) { c.GatewayExtraProtocols = []string{"example.com/TUNNEL"} }, ""},
		{[]string{"--default-issuer-name=ca", "--default-issuer-kind=ClusterIssuer", "--auto-certificate-annotations=a,b", "--extra-certificate-annotations=c"}, func(c *shim.Config) {
			c.DefaultIssuer.Name, c.DefaultIssuer.Kind = "ca", "ClusterIssuer"
			c.AutoCertificateAnnotations, c.ExtraCertificateAnnotations = []string{"a", "b"}, []string{"c"}
		}, ""},
		{[]string{"--controllers=*,-gateways"}, nil, `read --controllers: "-gateways" is not known; use '*', and with a '-' in front certificaterequests-approver, certificatesigningrequests, ingress-shim, gateway-shim, listenerset-shim`},
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
		if row.want == nil {
			continue
		}
		want := shim.Config{
			DefaultIssuer:              shim.DefaultIssuer{Kind: "Issuer", Group: "cert-manager.io"},
			AutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"},
		}
		row.want(&want)
		if diff := cmp.Diff(want, cfg.Shim); diff != "" {
			t.Errorf("%v (-want +got):\n%s", row.args, diff)
		}
	}
}
