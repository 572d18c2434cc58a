package kube

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SecretOwner is the field manager of the Secrets that hold certificates. It
// is the name that installations have today (contract 2.0): an apply under
// another name could not take back the fields that the old owner set.
const SecretOwner = client.FieldOwner("cert-manager-certificates-issuing")

// FieldOwner is the field manager of all other writes.
const FieldOwner = client.FieldOwner("certwright")

// UpdateStatus stores the status of obj, provided that obj is still the
// version it was read as: a Conflict means that the decision was taken on old
// facts and is to be taken again.
func UpdateStatus(ctx context.Context, c client.Client, obj client.Object) error {
	if err := c.Status().Update(ctx, obj, FieldOwner); err != nil {
		return fmt.Errorf("update status: %w", err)
	}
	return nil
}

// ApplySecret writes the fields of a Secret that are ours: those named here
// are set, those named before and no more are removed, and everything else in
// the Secret stays as it is.
func ApplySecret(ctx context.Context, c client.Client, secret runtime.ApplyConfiguration) error {
	if err := c.Apply(ctx, secret, SecretOwner, client.ForceOwnership); err != nil {
		return fmt.Errorf("apply secret: %w", err)
	}
	return nil
}
