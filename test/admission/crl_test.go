package admission

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestRevocationListsAreServedAsTheValuesSay(t *testing.T) {
	t.Parallel()
	const inCluster = "--crl-base-url=http://policies-certwright-crl.certwright.svc"
	for set, want := range map[string]struct {
		args    []string
		service bool
	}{
		"crl.enabled=false": {},
		"crl.enabled=true":  {[]string{"--crl-listen-address=:8090", inCluster}, true},
		"crl.enabled=true,crl.service.port=8080,crl.port=9000":   {[]string{"--crl-listen-address=:9000", inCluster + ":8080"}, true},
		"crl.enabled=true,crl.baseURL=http://crl.example.com/ca": {[]string{"--crl-listen-address=:8090", "--crl-base-url=http://crl.example.com/ca"}, true},
		"crl.baseURL=http://crl.example.com/ca":                  {[]string{"--crl-base-url=http://crl.example.com/ca"}, false},
	} {
		var args []string
		service := false
		for _, object := range render(t, "--set", set) {
			switch {
			case object.GetKind() == "Deployment":
				containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
				all, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
				args = slices.DeleteFunc(all, func(a string) bool { return len(a) < 6 || a[:6] != "--crl-" })
			case object.GetKind() == "Service" && object.GetName() == "policies-certwright-crl":
				service = true
			}
		}
		if diff := cmp.Diff(want.args, args); len(want.args)+len(args) > 0 && diff != "" {
			t.Errorf("%s: arguments (-want +got):\n%s", set, diff)
		}
		if service != want.service {
			t.Errorf("%s: a Service is %v, want %v", set, service, want.service)
		}
	}
}
