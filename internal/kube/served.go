package kube

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
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

// ServedWithin is WaitServed for resources that the operator can do without. It
// says whether they are served before the patience is at its end.
func ServedWithin(ctx context.Context, config *rest.Config, want map[schema.GroupVersion][]string, patience time.Duration) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := WaitServed(waiting, config, want)
	switch {
	case err == nil:
		return true, nil
	case waiting.Err() != nil && ctx.Err() == nil:
		return false, nil
	}
	return false, err
}

// servedRecheck is how often Appearance looks: installing CRDs is rare, and a
// look costs the API server next to nothing.
const servedRecheck = time.Minute

// Appearance is a runnable of the manager that waits for resources to be
// served, and calls Then once. An API server that can not be asked is asked
// again: others notice sooner that it is down.
type Appearance struct {
	Config *rest.Config
	Want   map[schema.GroupVersion][]string
	Then   func()

	every time.Duration // servedRecheck if zero
}

// NeedLeaderElection tells the manager that replicas which stand by wait, too.
func (a Appearance) NeedLeaderElection() bool { return false }

// Start waits until the context ends.
func (a Appearance) Start(ctx context.Context) error {
	every := cmp.Or(a.every, servedRecheck)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		// The message that it is waited for has been logged at the start.
		quiet := ctrl.LoggerInto(ctx, logr.Discard())
		served, err := ServedWithin(quiet, a.Config, a.Want, min(every, time.Second))
		if err != nil {
			ctrl.LoggerFrom(ctx).V(1).Info("look for CRDs", "error", err.Error())
		}
		if served {
			a.Then()
			return nil
		}
	}
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
