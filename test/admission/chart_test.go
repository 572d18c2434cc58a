package admission

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// everything sets all values that render something of their own.
func everything(t *testing.T) []string {
	t.Helper()
	path, err := filepath.Abs("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--values", path, "--api-versions", mutatingPolicy}
}

func TestChartHasNothingToLint(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"defaults": nil, "everything": everything(t)[:2]} {
		if _, err := helm(t.Context(), append([]string{"lint", "--strict", chart}, args...)...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChartRefusesValuesThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"replicas=2", "image.repo=x", "crds.enabled=maybe", "livenessProbe.periodSeconds=0", "image.pullPolicy=Sometimes", "image.tag=1"} {
		key, _, _ := strings.Cut(set, "=")
		_, err := helm(t.Context(), "template", release, chart, "--set", set)
		if err == nil || !strings.Contains(err.Error(), key[strings.LastIndexByte(key, '.')+1:]) {
			t.Errorf("--set %s: %v", set, err)
		}
	}
}

// TestEverythingTheChartRendersIsValid asks the API server, which checks every
// field and, in policies, the types of the expressions.
func TestEverythingTheChartRendersIsValid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, args := range map[string][]string{
		"defaults":      {"--api-versions", mutatingPolicy},
		"everything":    everything(t),
		"one namespace": {"--set", "watchNamespace=default"},
	} {
		for _, object := range render(t, append(args, "--set", "crds.enabled=true,namespace="+w.namespace)...) {
			object.SetName(w.namespace + "-" + object.GetName())
			if object.GetKind() == "CustomResourceDefinition" {
				object.SetName(strings.TrimPrefix(object.GetName(), w.namespace+"-"))
			}
			err := w.admin.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object),
				client.FieldOwner("test"), client.ForceOwnership, client.DryRunAll)
			if err != nil {
				t.Errorf("%s: %s %s: %v", name, object.GetKind(), object.GetName(), err)
			}
		}
	}
}

func TestCRDsAreInTheChartWhenAskedForAndOutliveIt(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]struct {
		count int
		keep  string
	}{
		"crds.enabled=false":                {0, ""},
		"crds.enabled=true":                 {9, "keep"},
		"installCRDs=true":                  {9, "keep"},
		"crds.enabled=true,crds.keep=false": {9, ""},
	} {
		var crds []*unstructured.Unstructured
		for _, object := range render(t, "--set", args) {
			if object.GetKind() == "CustomResourceDefinition" {
				crds = append(crds, object)
				if got := object.GetAnnotations()["helm.sh/resource-policy"]; got != want.keep {
					t.Errorf("%s: %s has resource policy %q, want %q", args, object.GetName(), got, want.keep)
				}
			}
		}
		if len(crds) != want.count {
			t.Errorf("%s: %d CRDs, want %d", args, len(crds), want.count)
		}
	}
}

func TestImageIsNamedAsTheValuesSay(t *testing.T) {
	t.Parallel()
	for set, want := range map[string][2]string{
		"image.tag=v1": {"ghcr.io/certwright/certwright:v1", "ghcr.io/certwright/certwright:v1"},
		"imageRegistry=registry.example,imageNamespace=mirror,image.tag=v1":                        {"registry.example/mirror/certwright:v1", "registry.example/mirror/certwright:v1"},
		"image.repository=registry.example/a/b,image.tag=v1":                                       {"registry.example/a/b:v1", "registry.example/a/b:v1"},
		"image.registry=registry.example,image.repository=a/b,image.tag=v1":                        {"registry.example/a/b:v1", "registry.example/a/b:v1"},
		"image.tag=v1,acmesolver.image.repository=registry.example/solver,acmesolver.image.tag=v2": {"ghcr.io/certwright/certwright:v1", "registry.example/solver:v2"},
		"image.digest=sha256:" + strings.Repeat("a", 64):                                           {"ghcr.io/certwright/certwright@sha256:" + strings.Repeat("a", 64), "ghcr.io/certwright/certwright@sha256:" + strings.Repeat("a", 64)},
	} {
		for _, object := range render(t, "--set", set) {
			if object.GetKind() != "Deployment" {
				continue
			}
			containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			controller := containers[0].(map[string]any)
			if controller["image"] != want[0] {
				t.Errorf("%s: image is %s, want %s", set, controller["image"], want[0])
			}
			// The image's entry point is the solver.
			if command, _, _ := unstructured.NestedStringSlice(controller, "command"); len(command) != 1 || command[0] != "/certwright" {
				t.Errorf("command is %v", command)
			}
			args, _, _ := unstructured.NestedStringSlice(controller, "args")
			if solver := "--acme-http01-solver-image=" + want[1]; !strings.Contains(strings.Join(args, "\n")+"\n", solver+"\n") {
				t.Errorf("%s: arguments are %v, want %s", set, args, solver)
			}
		}
	}
}
