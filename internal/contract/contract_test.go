package contract

import (
	"slices"
	"testing"
)

func TestWhatTheTablesSpeakOfIsAFlagOfTheContract(t *testing.T) {
	t.Parallel()
	for name := range WithoutEffect {
		if _, ok := PeerFlags[name]; !ok {
			t.Errorf("--%s has no effect here, but is no flag of the peer's", name)
		}
	}
	for name := range ChartValues {
		if _, ok := PeerFlags[name]; !ok {
			t.Errorf("a Helm value sets --%s, which is no flag of the peer's", name)
		}
	}
}

func TestAFeatureGateIsEitherAlwaysOnOrNever(t *testing.T) {
	t.Parallel()
	for _, gate := range AlwaysOn {
		if slices.Contains(NeverOn, gate) {
			t.Errorf("%s is both", gate)
		}
	}
}
