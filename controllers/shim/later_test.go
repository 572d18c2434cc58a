package shim

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// served is the discovery of an API server: what it says about the Gateway API.
type served struct {
	discovery.ServerResourcesInterface

	resources []string
	err       error
}

func (s served) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	list := &metav1.APIResourceList{}
	for _, name := range s.resources {
		list.APIResources = append(list.APIResources, metav1.APIResource{Name: name})
	}
	return list, s.err
}

// There is no manager here: whoever adds a controller anyway fails.
func TestKindIsWaitedForUntilItIsServed(t *testing.T) {
	t.Parallel()
	for name, cluster := range map[string]served{
		"without the Gateway API":               {err: apierrors.NewNotFound(schema.GroupResource{}, "")},
		"with an API server that is restarted":  {err: errors.New("connection refused")},
		"with a Gateway API before ListenerSet": {resources: []string{"gateways", "gateways/status", "httproutes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			left, err := addServed(t.Context(), nil, Config{}, cluster, []kind{listenerSets})
			if err != nil || len(left) != 1 || left[0].Kind != listenerSetKind {
				t.Errorf("left are %v, %v", left, err)
			}
		})
	}
}
