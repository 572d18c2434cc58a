package table

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

func TestAnUnknownVariableIsRefusedWithThoseThatTheProviderKnows(t *testing.T) {
	t.Parallel()
	err := CheckVariables("hetzner", wire.Request{
		Config:      map[string]string{"HETZNER_TOKEN": "x", "HETZNER_TTL": "60"},
		Credentials: map[string]string{"HETZNER_API_TOKEN": "x", "HETZNER_API_TOKEN_FILE": "/etc/passwd"},
	})
	want := `provider "hetzner" does not know HETZNER_API_TOKEN_FILE, HETZNER_TOKEN; it knows HETZNER_API_TOKEN, HETZNER_HTTP_TIMEOUT, HETZNER_POLLING_INTERVAL, HETZNER_PROPAGATION_TIMEOUT, HETZNER_TTL`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestAVariableIsNotTakenFromTwoPlaces(t *testing.T) {
	t.Parallel()
	err := CheckVariables("hetzner", wire.Request{
		Config: map[string]string{"HETZNER_API_TOKEN": "x"}, Credentials: map[string]string{"HETZNER_API_TOKEN": "y"},
	})
	if err == nil || !strings.Contains(err.Error(), "HETZNER_API_TOKEN is set twice") {
		t.Errorf("got %v", err)
	}
}

func TestProvidersThatRunCommandsOrAskAPersonAreRefused(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]string{"exec": "runs a program", "manual": "waits for a person", "httpreq": "wherever the issuer says"} {
		if _, err := Provider(wire.Request{Provider: name}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := Provider(wire.Request{Provider: "exec", AllowHTTPReq: true}); err == nil {
		t.Error("exec is allowed where httpreq is")
	}
	if got, err := Provider(wire.Request{Provider: "httpreq", AllowHTTPReq: true}); err != nil || got != "httpreq" {
		t.Errorf("httpreq, allowed: got %q, %v", got, err)
	}
}

func TestAnUnknownProviderIsRefusedWithAllThatThereAre(t *testing.T) {
	t.Parallel()
	_, err := Provider(wire.Request{Provider: "hetzer"})
	if err == nil || !strings.HasPrefix(err.Error(), `provider "hetzer" is not known; known are abion, acmedns, active24, `) ||
		strings.Contains(err.Error(), "exec") {
		t.Errorf("got %v", err)
	}
}

func TestAnAliasIsTheProviderItStandsFor(t *testing.T) {
	t.Parallel()
	if got, err := Provider(wire.Request{Provider: "linodev4"}); err != nil || got != "linode" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A variable that names a file has to be looked at by a person: who writes an
// Issuer must not have the operator read files of its own.
func TestNoVariableIsThePathOfAFileButThoseWhoseContentIsGiven(t *testing.T) {
	t.Parallel()
	harmless := []string{ // by their documentation
		"HYPERONE_LOCATION_ID", "REGRU_TLS_CERT", "BLUECAT_CONFIG_NAME", "BLUECATV2_CONFIG_NAME",
	}
	var found []string
	for _, provider := range slices.Sorted(maps.Keys(documented)) {
		for _, name := range Variables(provider) {
			suspicious := slices.ContainsFunc([]string{"_FILE", "_PATH", "LOCATION", "_CONFIG", "CERT", "_DIR"}, func(part string) bool { return strings.Contains(name, part) }) &&
				!strings.HasPrefix(name, "CERT") && !strings.HasPrefix(name, "DIRECT") && !strings.HasPrefix(name, "ISPCONFIG")
			if suspicious && !slices.Contains(harmless, name) {
				found = append(found, name)
			}
		}
	}
	if diff := cmp.Diff(contents, slices.Compact(slices.Sorted(slices.Values(found)))); diff != "" {
		t.Error(diff)
	}
}

func TestOwnVariablesAreSorted(t *testing.T) {
	t.Parallel()
	for name, variables := range own {
		if !slices.IsSorted(variables) {
			t.Errorf("%s: %v", name, variables)
		}
	}
}
