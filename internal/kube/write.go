package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// maxRefusal bounds what is passed on of a refusal, in bytes. Policies may say
// a lot.
const maxRefusal = 300

// Refusal says whether the API server has refused a write for what it is, by
// its rules or somebody's policy, and with which words. The same write would be
// refused again, until somebody changes something.
func Refusal(err error) (text string, refused bool) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return "", false
	}
	s := status.Status()
	switch s.Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
	default:
		return "", false
	}
	text = s.Message
	if d := s.Details; s.Reason == metav1.StatusReasonInvalid && d != nil {
		// Kind and name of what is refused are said by who passes it on.
		if _, causes, found := strings.Cut(text, fmt.Sprintf("%q is invalid: ", d.Name)); found {
			text = causes
		}
	}
	if text == "" {
		text = string(s.Reason)
	}
	if len(text) > maxRefusal {
		text = strings.ToValidUTF8(text[:maxRefusal], "") + "..."
	}
	return text, true
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
