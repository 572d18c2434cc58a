package main

import (
	"github.com/spf13/pflag"

	"github.com/certwright/certwright/controllers/cainjection"
)

// injectionFlags say into which objects CA certificates are injected, and from
// where. They have the names of the contract's injector, which is a program of
// its own there (Appendix B).
type injectionFlags struct {
	targets      cainjection.Targets
	certificates bool
	ignored      []string
}

func defaultInjectionFlags() injectionFlags {
	return injectionFlags{targets: cainjection.AllTargets, certificates: true}
}

func (f *injectionFlags) register(s *pflag.FlagSet) {
	for _, kind := range []struct {
		plural string
		on     *bool
	}{
		{"mutatingwebhookconfigurations", &f.targets.MutatingWebhooks},
		{"validatingwebhookconfigurations", &f.targets.ValidatingWebhooks},
		{"apiservices", &f.targets.APIServices},
		{"customresourcedefinitions", &f.targets.CustomResourceDefinitions},
	} {
		s.BoolVar(kind.on, "enable-"+kind.plural+"-injectable", *kind.on, "inject CA certificates into annotated "+kind.plural)
	}
	s.BoolVar(&f.certificates, "enable-certificates-data-source", f.certificates, "inject the CA certificates of Certificates")
	s.StringSliceVar(&f.ignored, "ignore-namespaces", f.ignored, "namespaces whose Certificates and Secrets are no source of CA certificates to inject")
}

// config is without the surroundings, and without the only namespace.
func (f *injectionFlags) config() cainjection.Config {
	return cainjection.Config{Targets: f.targets, Sources: cainjection.Sources{NoCertificates: !f.certificates, IgnoredNamespaces: f.ignored}}
}
