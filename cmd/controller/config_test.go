package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/certwright/certwright/internal/contract"
)

const configHead = "apiVersion: controller.config.cert-manager.io/v1alpha1\nkind: ControllerConfiguration\n"

// settings are what a command line and a file come to.
func settings(t *testing.T, file string, args ...string) (*flags, error) {
	t.Helper()
	f := defaultFlags()
	s := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	f.register(s)
	if file != "" {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config="+path)
	}
	if err := s.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f, f.read(s)
}

func TestConfigFileSetsWhatTheCommandLineDoesNot(t *testing.T) {
	t.Parallel()
	f, err := settings(t, configHead+`
clusterResourceNamespace: certs
numberOfConcurrentWorkers: 7
kubernetesAPIQPS: 12.5
enableCertificateOwnerRef: true
copiedAnnotationPrefixes: ["*", "-example.com/"]
certificateRequestMinimumBackoffDuration: 30m
leaderElectionConfig:
  namespace: leases
  leaseDuration: 90s
ingressShimConfig:
  defaultIssuerName: letsencrypt
acmeHTTP01Config:
  solverNameservers: [192.0.2.1, "192.0.2.2:5353"]
  solverExtraLabels: {team: edge, tier: web}
acmeDNS01Config:
  recursiveNameserversOnly: true
featureGates:
  ListenerSets: false
logging:
  format: json
http01-solver-mode: Shared
controllers: ["*", -ingress-shim]
`, "--concurrent-workers=3", "--copied-annotation-prefixes=only.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	type facts struct {
		Namespace, Lease, Issuer, Format, Mode string
		Workers                                int
		QPS                                    float32
		Owner, DNSOnly, ListenerSets           bool
		Backoff, LeaseDuration                 time.Duration
		Copied, Nameservers, Enabled           []string
		Labels                                 map[string]string
	}
	want := facts{
		"certs", "leases", "letsencrypt", "json", "Shared", 3, 12.5, true, true, false, 30 * time.Minute, 90 * time.Second,
		[]string{"only.example.com/"}, []string{"192.0.2.1", "192.0.2.2:5353"}, []string{"*", "-ingress-shim"},
		map[string]string{"team": "edge", "tier": "web"},
	}
	got := facts{
		f.clusterResourceNamespace, f.leaderElectionNamespace, f.shim.DefaultIssuer.Name, f.logFormat, f.responder.mode,
		f.workers, f.qps, f.ownSecrets, f.dns01.RecursiveOnly, f.listenerSets, f.backoff.Least, f.leaseDuration,
		f.copiedAnnotations, f.solverNameservers, f.enabled, f.solver.ExtraLabels,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestEveryFieldOfTheConfigFileIsAFlag(t *testing.T) {
	t.Parallel()
	s := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	defaultFlags().register(s)
	for field, name := range contract.FileFields {
		if s.Lookup(name) == nil {
			t.Errorf("%s stands for --%s, which is no flag", field, name)
		}
	}
}

func TestConfigFileThatIsWrongIsRefusedWithAllThatIsWrong(t *testing.T) {
	t.Parallel()
	for sentence, row := range map[string]struct{ file, want string }{
		"another kind":                {"apiVersion: v1\nkind: ConfigMap\n", "it has to begin with apiVersion: controller.config.cert-manager.io/v1alpha1 and kind: ControllerConfiguration"},
		"no map":                      {"- a\n- b\n", "it is not a map of settings"},
		"a key that is there twice":   {configHead + "namespace: a\nnamespace: b\n", `key "namespace" already set in map`},
		"a field that nobody knows":   {configHead + "numberOfWorkers: 3\n", "numberOfWorkers is not known"},
		"a file that leads to a file": {configHead + "config: other.yaml\n", "config is not known"},
		"a value of another kind":     {configHead + "numberOfConcurrentWorkers: many\n", `numberOfConcurrentWorkers: "many" is not a value for it`},
		"the second of two mistakes":  {configHead + "aaa: 1\nleaderElectionConfig:\n  leaseDuration: long\n", `leaderElectionConfig.leaseDuration: "long" is not a value for it`},
		"a list of maps":              {configHead + "controllers: [{name: a}]\n", "controllers: an item is a map, not a word"},
		"a gate that is neither":      {configHead + "featureGates: {ListenerSets: perhaps}\n", `ListenerSets is true or false, not "perhaps"`},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if _, err := settings(t, row.file); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %q", err, row.want)
			}
		})
	}
	if _, err := settings(t, "", "--config=/does/not/exist"); err == nil || !strings.Contains(err.Error(), "read --config") {
		t.Errorf("a missing file: %v", err)
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add([]byte(configHead + "logging: {format: json}\nfeatureGates: {A: true}\ncontrollers: []\n"))
	f.Add([]byte(configHead + "a: {b: {c: [1, x, null]}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		fields, err := contract.ParseFile(text)
		if err == nil && fields["kind"] != nil {
			t.Error("the kind is taken for a setting")
		}
	})
}
