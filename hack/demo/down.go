package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// down removes what the demo has made: the node, or in the cluster of
// KUBECONFIG what it has put there.
func (d *demo) down(ctx context.Context) error {
	if err := d.choose(); err != nil {
		return err
	}
	if d.kubeconfig != "" {
		if err := d.run(ctx, step{"connect to the cluster", time.Minute, d.startNode}); err != nil {
			return err
		}
		for _, s := range []step{
			{"remove the demo's objects", 3 * time.Minute, d.removeObjects},
			{"uninstall Certwright", 3 * time.Minute, func(ctx context.Context) error { return d.checkout.Uninstall(ctx, d.kubeconfig) }},
			{"remove its namespace", 3 * time.Minute, func(ctx context.Context) error { return d.removeNamespace(ctx, testbed.Namespace) }},
		} {
			if err := d.run(ctx, s); err != nil {
				return err
			}
		}
		return d.removeFiles()
	}
	return d.downHere(ctx)
}

// downHere removes what the demo has started on this machine, whichever way it
// was told to run. Of a node that it did not start there may still be a part.
func (d *demo) downHere(ctx context.Context) error {
	local, err := d.checkout.Exists(d.localName())
	if err != nil {
		return fmt.Errorf("look for what is there: %w", err)
	}
	if local || d.isLocal {
		if err := d.run(ctx, step{"stop the processes and remove their state", 3 * time.Minute, d.removeLocal}); err != nil {
			return err
		}
	}
	node, err := d.checkout.Exists(d.name)
	if err != nil {
		return fmt.Errorf("look for what is there: %w", err)
	}
	if d.runNode == "no" || !node && !d.isNode {
		return nil
	}
	if err := d.run(ctx, step{"stop and remove the node", 3 * time.Minute, func(ctx context.Context) error {
		return d.checkout.Down(ctx, d.name)
	}}); err != nil {
		return err
	}
	return d.removeFiles()
}

// removeObjects removes the namespace and the issuer while the operator is
// there to end what is under way.
func (d *demo) removeObjects(ctx context.Context) error {
	if err := d.removeNamespace(ctx, namespace); err != nil {
		return err
	}
	o := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: issuer}}
	if err := d.api.Delete(ctx, o); err != nil && !isGone(err) {
		return fmt.Errorf("remove ClusterIssuer: %w", err)
	}
	return nil
}

// removeNamespace removes a namespace and returns when it is gone.
func (d *demo) removeNamespace(ctx context.Context, name string) error {
	o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := d.api.Delete(ctx, o); err != nil && !isGone(err) {
		return fmt.Errorf("remove namespace %s: %w", name, err)
	}
	err := wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		err := d.api.Get(ctx, client.ObjectKeyFromObject(o), o)
		return isGone(err), nil
	})
	if err != nil {
		for _, c := range o.Status.Conditions {
			if c.Status == corev1.ConditionTrue {
				err = errors.Join(err, errors.New(c.Message))
			}
		}
		return fmt.Errorf("remove namespace %s: %w", name, err)
	}
	return nil
}

// isGone reports whether an error says that there is no such object, or not
// even its kind.
func isGone(err error) bool {
	return apierrors.IsNotFound(err) || meta.IsNoMatchError(err)
}

// removeFiles removes the archives that the demo has built.
func (d *demo) removeFiles() error {
	for _, name := range []string{"image.tar", "demo-app.tar", "demo-app"} {
		err := os.Remove(filepath.Join(d.checkout.Root, "bin", name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove archives: %w", err)
		}
	}
	return nil
}
