package testbed

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// Where the operator is installed.
const (
	Namespace = "certwright-system"
	Release   = "certwright"
	// OperatorLabel selects the operator's pods in Namespace.
	OperatorLabel = "app.kubernetes.io/component=controller,app.kubernetes.io/instance=" + Release
)

// Install installs the chart, or brings an installation to its present state,
// and returns when the operator is ready. crds says whether the release has
// the CRDs; they go with it. More values of the chart may follow, each as
// name=value; they go before those that are set here.
func (c Checkout) Install(ctx context.Context, kubeconfig, image string, crds bool, values ...string) error {
	i := strings.LastIndexByte(image, ':')
	if i < 0 || strings.ContainsRune(image[i:], '/') {
		return fmt.Errorf("install chart: the image %q has no tag", image)
	}
	args := []string{
		"upgrade", "--install", Release, filepath.Join(c.Root, "charts", "certwright"),
		"--namespace", Namespace, "--create-namespace", "--wait", "--timeout", "2m",
		"--set-string", "image.tag=" + image[i+1:],
	}
	values = append([]string{
		fmt.Sprintf("crds.enabled=%t,crds.keep=false", crds),
		"image.repository=" + image[:i],
		// An operator that is killed does not give up its lease. With the
		// defaults its successor would wait for a minute.
		"global.leaderElection.leaseDuration=5s",
		"global.leaderElection.renewDeadline=4s",
		"global.leaderElection.retryPeriod=1s",
	}, values...)
	for _, value := range values {
		args = append(args, "--set", value)
	}
	if _, err := c.helm(ctx, kubeconfig, args...); err != nil {
		return fmt.Errorf("install chart: %w", err)
	}
	return nil
}

// Uninstall removes the release, and with it the CRDs if it has installed them.
func (c Checkout) Uninstall(ctx context.Context, kubeconfig string) error {
	if _, err := c.helm(ctx, kubeconfig, "uninstall", Release, "--namespace", Namespace, "--ignore-not-found", "--wait", "--timeout", "2m"); err != nil {
		return fmt.Errorf("uninstall chart: %w", err)
	}
	return nil
}

// helm runs Helm from the cache of hack/cluster. The flag goes before the
// environment, which hack/cluster sets.
func (c Checkout) helm(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	return c.Cluster(ctx, append([]string{"helm", "--kubeconfig", kubeconfig}, args...)...)
}
