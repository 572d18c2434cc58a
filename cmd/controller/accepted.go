package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/pflag"
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

// withoutEffect are the flags that have none, and why.
var withoutEffect = map[string]string{ //nolint:gosec // names of settings
	"log-flush-frequency":                         "the log is not buffered",
	"vmodule":                                     "verbosity is the same everywhere; use --v",
	"max-certificate-size":                        "certificates of any size that a Secret can hold are read",
	"max-private-key-size":                        "keys of any size that a Secret can hold are read",
	"max-certificate-chain-length":                "chains of up to a thousand certificates are read",
	"max-certificate-bundle-size":                 "bundles of any size that a Secret can hold are read",
	"metrics-dynamic-serving-ca-secret-name":      "let a Certificate make the Secret, mount it, and set --metrics-tls-cert-file and --metrics-tls-private-key-file",
	"metrics-dynamic-serving-ca-secret-namespace": "see --metrics-dynamic-serving-ca-secret-name",
	"metrics-dynamic-serving-dns-names":           "see --metrics-dynamic-serving-ca-secret-name",
	"metrics-dynamic-serving-leaf-duration":       "see --metrics-dynamic-serving-ca-secret-name",
}

func (a *acceptedFlags) register(s *pflag.FlagSet) {
	s.StringToStringVar(&a.gates, "feature-gates", nil, "name=true|false of ExperimentalCertificateSigningRequestControllers, ExperimentalGatewayAPISupport and ListenerSets; others have no effect")
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
	for name := range withoutEffect {
		s.Lookup(name).Hidden = true
	}
}

// Feature gates with a meaning.
const (
	gateSigningRequests = "ExperimentalCertificateSigningRequestControllers"
	gateGatewayAPI      = "ExperimentalGatewayAPISupport"
	gateListenerSets    = "ListenerSets"
)

// alwaysOn are the gates of what Certwright always does.
var alwaysOn = []string{
	"ACMEHTTP01IngressPathTypeExact", "ACMEUseARI", "AdditionalCertificateOutputFormats", "CAInjectorMerging", "DefaultPrivateKeyRotationPolicyAlways",
	"DisallowInsecureCSRUsageDefinition", "LiteralCertificateSubject", "NameConstraints", "OtherNames", "SecretsFilteredCaching", "ServerSideApply",
	"StableCertificateRequestName", "UseCertificateRequestBasicConstraints", "UseDomainQualifiedFinalizer",
}

// neverOn are the gates of what it does otherwise, or has no use for.
var neverOn = []string{"AllAlpha", "AllBeta", "ValidateCAA"}

// apply puts into force what has a meaning, and returns what is to be told of
// the rest.
func (a *acceptedFlags) apply(f *flags, given *pflag.FlagSet) (warnings []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(withoutEffect)) {
		if given.Changed(name) {
			warnings = append(warnings, fmt.Sprintf("--%s has no effect: %s", name, withoutEffect[name]))
		}
	}
	for _, gate := range slices.Sorted(maps.Keys(a.gates)) {
		on, err := strconv.ParseBool(a.gates[gate])
		if err != nil {
			return nil, fmt.Errorf("read --feature-gates: %s is true or false, not %q", gate, a.gates[gate])
		}
		switch {
		case gate == gateSigningRequests:
			if !on {
				f.enabled = append(f.enabled, "-"+csrController)
			}
		case gate == gateGatewayAPI:
			f.gatewayAPI = f.gatewayAPI && on
		case gate == gateListenerSets:
			f.listenerSets = f.listenerSets && on
		case slices.Contains(alwaysOn, gate):
			if !on {
				warnings = append(warnings, fmt.Sprintf("feature gate %s has no effect: it is always on", gate))
			}
		case slices.Contains(neverOn, gate):
			if on {
				warnings = append(warnings, fmt.Sprintf("feature gate %s has no effect", gate))
			}
		default:
			warnings = append(warnings, fmt.Sprintf("feature gate %s is not known", gate))
		}
	}
	return warnings, nil
}
