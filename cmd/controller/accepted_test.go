package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsWithoutEffectAreToldOf(t *testing.T) {
	t.Parallel()
	f, err := settings(t, "", "--vmodule=a=3", "--max-certificate-size=36500",
		"--feature-gates=ACMEUseARI=false,NameConstraints=true,AllAlpha=true,ValidateCAA=false,SomethingNew=true")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"--max-certificate-size has no effect: certificates of any size that a Secret can hold are read",
		"--vmodule has no effect: verbosity is the same everywhere; use --v",
		"feature gate ACMEUseARI has no effect: it is always on",
		"feature gate AllAlpha has no effect",
		"feature gate SomethingNew is not known",
	}
	if diff := cmp.Diff(want, f.warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestFeatureGatesWithAMeaningHaveIt(t *testing.T) {
	t.Parallel()
	f, err := settings(t, "", "--feature-gates=ExperimentalCertificateSigningRequestControllers=false,ExperimentalGatewayAPISupport=false,ListenerSets=true",
		"--acme-http01-solver-image=solver")
	if err != nil {
		t.Fatal(err)
	}
	config, err := f.controllers()
	if err != nil {
		t.Fatal(err)
	}
	if !config.NoSigningRequests || !config.Shim.NoGateways || len(f.warnings) > 0 {
		t.Errorf("signing requests off: %t, Gateways off: %t, warnings %q", config.NoSigningRequests, config.Shim.NoGateways, f.warnings)
	}
}
