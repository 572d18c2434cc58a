package main

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
)

// settle fills in what follows from --namespace: an operator that has rights in
// one namespace only has its lease there, too, and no ClusterIssuers.
func (f *flags) settle(given *pflag.FlagSet) error {
	if f.namespace == "" {
		return nil
	}
	if wrong := validation.IsDNS1123Label(f.namespace); len(wrong) > 0 {
		return fmt.Errorf("read --namespace: %q is not the name of a namespace: %s", f.namespace, wrong[0])
	}
	if !given.Changed("leader-election-namespace") {
		f.leaderElectionNamespace = f.namespace
	}
	f.clusterResourceNamespace = f.namespace
	responder, err := f.responder.config()
	if err != nil {
		return err
	}
	if responder != nil && responder.Service.Name != "" && responder.Service.Namespace != f.namespace {
		return fmt.Errorf("read --http01-responder-service: %s is not in the namespace %s, and the operator sees no other", responder.Service, f.namespace)
	}
	return nil
}
