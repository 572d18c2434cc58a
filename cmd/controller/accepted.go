package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/certwright/certwright/internal/contract"
)

// acceptedFlags are settings of the contract (Appendix B, section 3) that mean
// something else here, or nothing. They are accepted, so that an installation
// can be swapped in place, and told of in the log.
type acceptedFlags struct {
	gates map[string]string

	flushFrequency      time.Duration
	vmodule             string
	certificateSize     int
	privateKeySize      int
	chainLength         int
	bundleSize          int
	dynamicCASecret     string
	dynamicCANamespace  string
	dynamicDNSNames     []string
	dynamicLeafDuration time.Duration
}

func (a *acceptedFlags) register(s *pflag.FlagSet) {
	s.StringToStringVar(&a.gates, contract.FeatureGates, nil, "name=true|false of ExperimentalCertificateSigningRequestControllers, ExperimentalGatewayAPISupport and ListenerSets; others have no effect")
	s.DurationVar(&a.flushFrequency, "log-flush-frequency", 0, "no effect")
	s.StringVar(&a.vmodule, "vmodule", "", "no effect")
	s.IntVar(&a.certificateSize, "max-certificate-size", 0, "no effect")
	s.IntVar(&a.privateKeySize, "max-private-key-size", 0, "no effect")
	s.IntVar(&a.chainLength, "max-certificate-chain-length", 0, "no effect")
	s.IntVar(&a.bundleSize, "max-certificate-bundle-size", 0, "no effect")
	s.StringVar(&a.dynamicCASecret, "metrics-dynamic-serving-ca-secret-name", "", "no effect")
	s.StringVar(&a.dynamicCANamespace, "metrics-dynamic-serving-ca-secret-namespace", "", "no effect")
	s.StringSliceVar(&a.dynamicDNSNames, "metrics-dynamic-serving-dns-names", nil, "no effect")
	s.DurationVar(&a.dynamicLeafDuration, "metrics-dynamic-serving-leaf-duration", 0, "no effect")
	for name := range contract.WithoutEffect {
		s.Lookup(name).Hidden = true
	}
}

// apply puts into force what has a meaning, and returns what is to be told of
// the rest.
func (a *acceptedFlags) apply(f *flags, given *pflag.FlagSet) (warnings []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(contract.WithoutEffect)) {
		if given.Changed(name) {
			warnings = append(warnings, fmt.Sprintf("--%s has no effect: %s", name, contract.WithoutEffect[name]))
		}
	}
	for _, gate := range slices.Sorted(maps.Keys(a.gates)) {
		on, err := strconv.ParseBool(a.gates[gate])
		if err != nil {
			return nil, fmt.Errorf("read --feature-gates: %s is true or false, not %q", gate, a.gates[gate])
		}
		switch {
		case gate == contract.GateSigningRequests:
			if !on {
				f.enabled = append(f.enabled, "-"+csrController)
			}
		case gate == contract.GateGatewayAPI:
			f.gatewayAPI = f.gatewayAPI && on
		case gate == contract.GateListenerSets:
			f.listenerSets = f.listenerSets && on
		case slices.Contains(contract.AlwaysOn, gate):
			if !on {
				warnings = append(warnings, fmt.Sprintf("feature gate %s has no effect: it is always on", gate))
			}
		case slices.Contains(contract.NeverOn, gate):
			if on {
				warnings = append(warnings, fmt.Sprintf("feature gate %s has no effect", gate))
			}
		default:
			warnings = append(warnings, fmt.Sprintf("feature gate %s is not known", gate))
		}
	}
	return warnings, nil
}
