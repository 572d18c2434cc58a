package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/certwright/certwright/controllers/cainjection"
)

func TestEachPartOfTheInjectionCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	all := cainjection.AllTargets
	without := func(change func(*cainjection.Targets)) cainjection.Config {
		targets := all
		change(&targets)
		return cainjection.Config{Targets: targets}
	}
	for name, want := range map[string]cainjection.Config{
		"": {Targets: all},
		"--enable-mutatingwebhookconfigurations-injectable=false":   without(func(t *cainjection.Targets) { t.MutatingWebhooks = false }),
		"--enable-validatingwebhookconfigurations-injectable=false": without(func(t *cainjection.Targets) { t.ValidatingWebhooks = false }),
		"--enable-apiservices-injectable=false":                     without(func(t *cainjection.Targets) { t.APIServices = false }),
		"--enable-customresourcedefinitions-injectable=false":       without(func(t *cainjection.Targets) { t.CustomResourceDefinitions = false }),
		"--enable-certificates-data-source=false":                   {Targets: all, Sources: cainjection.Sources{NoCertificates: true}},
		"--ignore-namespaces=a,b":                                   {Targets: all, Sources: cainjection.Sources{IgnoredNamespaces: []string{"a", "b"}}},
	} {
		f := defaultFlags().injection
		set := pflag.NewFlagSet("controller", pflag.ContinueOnError)
		f.register(set)
		if err := set.Parse(strings.Fields(name)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, f.config()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
