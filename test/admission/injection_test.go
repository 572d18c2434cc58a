package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestInjectionIsOnAsTheValuesSay: the values are those of a chart with an
// injector of its own. Its arguments that are not about the injection, such as
// those of its lease, are no arguments of the operator.
func TestInjectionIsOnAsTheValuesSay(t *testing.T) {
	t.Parallel()
	off := []string{
		"--enable-mutatingwebhookconfigurations-injectable=false", "--enable-validatingwebhookconfigurations-injectable=false",
		"--enable-apiservices-injectable=false", "--enable-customresourcedefinitions-injectable=false",
	}
	for set, want := range map[string]struct {
		args  []string
		rules bool
	}{
		"replicaCount=1":            {nil, true},
		"cainjector.replicaCount=2": {nil, true},
		"cainjector.enabled=false":  {off, false},
		"cainjector.extraArgs={--enable-apiservices-injectable=false,--leader-elect=false,--ignore-namespaces=a\\,b,--v=6}": {
			[]string{"--enable-apiservices-injectable=false", "--ignore-namespaces=a,b"}, true,
		},
	} {
		var args []string
		rules := false
		for _, object := range render(t, "--set", set) {
			switch {
			case object.GetKind() == "Deployment":
				containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
				all, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
				args = slices.DeleteFunc(all, func(a string) bool {
					return !strings.Contains(a, "-injectable") && !strings.Contains(a, "--ignore-namespaces") && !strings.Contains(a, "--leader-elect=") && a != "--v=6"
				})
			case strings.HasSuffix(object.GetName(), "-controller-cainjection"):
				rules = true
			}
		}
		if diff := cmp.Diff(want.args, args); len(want.args)+len(args) > 0 && diff != "" {
			t.Errorf("%s: arguments (-want +got):\n%s", set, diff)
		}
		if rules != want.rules {
			t.Errorf("%s: rights are granted: %t, want %t", set, rules, want.rules)
		}
	}
}
