package shim

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"
)

// lookEvery: one small request each time, for as long as the operator runs in
// a cluster without the Gateway API. Who installs it waits no longer than for
// its Gateways to be programmed.
const lookEvery = 15 * time.Second

// addLater adds the controllers of kinds as soon as the cluster serves them:
// at once, or when somebody installs their CRDs. No operator has to be
// restarted for it.
func addLater(mgr ctrl.Manager, cfg Config, kinds []kind) error {
	if len(kinds) == 0 {
		return nil
	}
	if err := gwapi.Install(mgr.GetScheme()); err != nil {
		return fmt.Errorf("add the Gateway API to the scheme: %w", err)
	}
	client, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("create discovery client: %w", err)
	}
	every := cfg.LookEvery
	if every == 0 {
		every = lookEvery
	}
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		err := wait.PollUntilContextCancel(ctx, every, true, func(ctx context.Context) (bool, error) {
			var err error
			kinds, err = addServed(ctx, mgr, cfg, client, kinds)
			return len(kinds) == 0, err
		})
		if err != nil && ctx.Err() == nil {
			return err
		}
		return nil
	}))
}

// addServed adds the controllers of those kinds that are served, and returns
// the others.
func addServed(ctx context.Context, mgr ctrl.Manager, cfg Config, client discovery.ServerResourcesInterface, kinds []kind) ([]kind, error) {
	log := ctrl.LoggerFrom(ctx).WithName("shim")
	served, err := client.ServerResourcesForGroupVersion(gwapi.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return kinds, nil
	}
	if err != nil {
		log.Error(err, "discover the Gateway API")
		return kinds, nil
	}
	var left []kind
	for _, k := range kinds {
		if !slices.ContainsFunc(served.APIResources, func(r metav1.APIResource) bool { return r.Name == k.resource }) {
			left = append(left, k)
			continue
		}
		// Another API server may not serve it yet.
		if err := index(mgr, k); err != nil {
			log.Error(err, "start "+k.controller)
			left = append(left, k)
			continue
		}
		if err := add(mgr, cfg, k); err != nil {
			return nil, err
		}
		log.Info("start " + k.controller)
	}
	return left, nil
}
