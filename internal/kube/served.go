package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// WaitServed waits until the API server serves resources in all the given
// groups. Whoever installs the operator and its CRDs at once would otherwise
// see it fail and be restarted a few times, each time after a longer pause.
func WaitServed(ctx context.Context, config *rest.Config, want map[schema.GroupVersion][]string) error {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("create discovery client: %w", err)
	}
	told := false
	return wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		for version, resources := range want {
			list, err := client.ServerResourcesForGroupVersion(version.String())
			if err != nil && !apierrors.IsNotFound(err) {
				return false, fmt.Errorf("discover %s: %w", version, err)
			}
			if missing := firstMissing(list, resources); missing != "" {
				if !told {
					ctrl.LoggerFrom(ctx).Info("wait for the CRDs to be installed", "groupVersion", version.String(), "resource", missing)
					told = true
				}
				return false, nil
			}
		}
		return true, nil
	})
}

func firstMissing(list *metav1.APIResourceList, want []string) string {
	served := map[string]bool{}
	if list != nil {
		for _, r := range list.APIResources {
			served[r.Name] = true
		}
	}
	for _, name := range want {
		if !served[name] {
			return name
		}
	}
	return ""
}
