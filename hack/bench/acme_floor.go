package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// measureFloor finds out how slow the machine is, by the writes that a plain client makes for certificates of a CA. The
// operator, which would see to those certificates too, is away meanwhile.
func (l *acmeLab) measureFloor(ctx context.Context) error {
	if err := l.scaleOperator(ctx, 0); err != nil {
		return err
	}
	floor := floorRun{}
	plain := &lab{options: options{key: cmv1.ECDSAKeyAlgorithm}, admin: l.admin, plain: l.admin}
	if err := plain.floor(ctx, crowd, &floor); err != nil {
		return err
	}
	l.slowness = slowness(floor)
	return l.scaleOperator(ctx, 1)
}

// scaleOperator gives the operator a number of pods, and waits until it has them.
func (l *acmeLab) scaleOperator(ctx context.Context, replicas int32) error {
	selector, err := labels.Parse(testbed.OperatorLabel)
	if err != nil {
		return fmt.Errorf("find operator: %w", err)
	}
	ours := []client.ListOption{client.InNamespace(testbed.Namespace), client.MatchingLabelsSelector{Selector: selector}}
	deployments := &appsv1.DeploymentList{}
	if err := l.admin.List(ctx, deployments, ours...); err != nil {
		return fmt.Errorf("list deployments: %w", err)
	}
	if len(deployments.Items) != 1 {
		return fmt.Errorf("find operator: there are %d deployments", len(deployments.Items))
	}
	deployment := &deployments.Items[0]
	before := deployment.DeepCopy()
	deployment.Spec.Replicas = &replicas
	if err := l.admin.Patch(ctx, deployment, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("scale operator: %w", err)
	}
	return poll(ctx, time.Minute, "the operator to be scaled", func() (bool, error) {
		pods := &corev1.PodList{}
		if err := l.admin.List(ctx, pods, ours...); err != nil {
			return false, fmt.Errorf("list pods: %w", err)
		}
		return len(pods.Items) == int(replicas), nil
	})
}
