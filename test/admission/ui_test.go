package admission

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestThePageHasNoPermissionsOfItsOwn looks at what the chart adds for it.
func TestThePageHasNoPermissionsOfItsOwn(t *testing.T) {
	t.Parallel()
	kinds := func(objects []*unstructured.Unstructured) (all []string) {
		for _, object := range objects {
			all = append(all, object.GetKind())
		}
		slices.Sort(all)
		return all
	}
	without, with := render(t), render(t, "--set", "ui.enabled=true,ui.tls.secretName=ui-tls")
	want := append(kinds(without), "Deployment", "Service")
	slices.Sort(want)
	if got := kinds(with); !slices.Equal(got, want) {
		t.Errorf("the chart has %v, want %v", got, want)
	}
	for _, object := range with {
		if object.GetKind() != "Deployment" || !strings.HasSuffix(object.GetName(), "-ui") {
			continue
		}
		pod, _, _ := unstructured.NestedMap(object.Object, "spec", "template", "spec")
		if pod["automountServiceAccountToken"] != false || pod["serviceAccountName"] != nil {
			t.Errorf("its pod has a token: %v", pod)
		}
		args, _, _ := unstructured.NestedStringSlice(pod["containers"].([]any)[0].(map[string]any), "args")
		for _, arg := range []string{"--viewer-tokens", "--tls-certificate-file=/var/certwright/tls/tls.crt"} {
			if !slices.Contains(args, arg) {
				t.Errorf("it is called with %v, without %s", args, arg)
			}
		}
		return
	}
	t.Error("there is no Deployment for it")
}
