package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
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

// Retry is how a pass ends that could not be carried out. A conflict says only
// that the decision was taken on old facts: it is taken again at once and is
// nothing to report. A child that exists already is reported and tried with
// growing pauses: what we made ourselves was seen, so it is somebody else's.
func Retry(err error) (ctrl.Result, error) {
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: staleRetry}, nil
	case apierrors.IsNotFound(err):
		// The object was deleted meanwhile; its deletion wakes whoever cares.
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, err
}

// staleRetry is long enough for a watch event to arrive.
const staleRetry = 200 * time.Millisecond

// WakeAt is how a pass ends that has nothing more to do before an instant,
// where the zero time means never.
func WakeAt(wake, now time.Time) ctrl.Result {
	if wake.IsZero() {
		return ctrl.Result{}
	}
	// A work queue may drop what is due at once, and timers are not exact.
	return ctrl.Result{RequeueAfter: max(wake.Sub(now), time.Millisecond)}
}
