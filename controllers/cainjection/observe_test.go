package cainjection

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestCAOfTheAPIServerIsReadAnewFromItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ca.crt")
	r := &reconciler{apiServer: rest.TLSClientConfig{CAFile: path}}
	for _, name := range []string{"first", "second"} {
		if err := os.WriteFile(path, bundle(newCA(t, name, now, time.Hour)), 0o600); err != nil {
			t.Fatal(err)
		}
		ca, _, problem, err := r.observe(t.Context(), source{origin: fromAPIServer})
		if err != nil || problem != "" || named(ca) != name {
			t.Errorf("the CA is %q, want %q: %s, %v", named(ca), name, problem, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := r.observe(t.Context(), source{origin: fromAPIServer}); err == nil {
		t.Error("a file that is gone is no error")
	}
}

func TestCAOfTheAPIServerMayBeInTheKubeconfigItself(t *testing.T) {
	t.Parallel()
	r := &reconciler{apiServer: rest.TLSClientConfig{CAData: bundle(newCA(t, "inline", now, time.Hour))}}
	ca, _, problem, err := r.observe(t.Context(), source{origin: fromAPIServer})
	if err != nil || problem != "" || named(ca) != "inline" {
		t.Errorf("the CA is %q: %s, %v", named(ca), problem, err)
	}
}
