package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// parsed are the flags of a command line, settled.
func parsed(t *testing.T, args ...string) (*flags, error) {
	t.Helper()
	f := defaultFlags()
	set := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	f.register(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f, f.settle(set)
}

func TestAnOperatorForOneNamespaceHasItsLeaseAndItsSecretsThere(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][2]string{
		"": {"kube-system", "kube-system"},
		"--namespace=shop --cluster-resource-namespace=infra": {"shop", "shop"},
		"--namespace=shop --leader-election-namespace=leases": {"leases", "shop"},
	} {
		f, err := parsed(t, strings.Fields(args)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if got := [2]string{f.leaderElectionNamespace, f.clusterResourceNamespace}; got != want {
			t.Errorf("%q: lease and Secrets of ClusterIssuers are in %v, want %v", args, got, want)
		}
	}
}

func TestWhatAnOperatorForOneNamespaceCanNotDoIsRefused(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--namespace=shop,office": "--namespace",
		"--namespace=shop --http01-solver-mode=Shared --http01-responder-service=infra/operator": "--http01-responder-service",
	} {
		if _, err := parsed(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one about %s", args, err, want)
		}
	}
	if _, err := parsed(t, "--namespace=shop", "--http01-solver-mode=Shared", "--http01-responder-service=shop/operator"); err != nil {
		t.Errorf("a Service in the namespace: %v", err)
	}
}
