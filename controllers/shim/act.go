package shim

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// act carries out the steps. They do not depend on one another, so one that
// fails holds up none. What the API server refuses is told to people, as one
// of the refused; an invalid Certificate is not tried again, as only a change
// of the object can mend it.
func (r *reconciler) act(ctx context.Context, object client.Object, steps []step) (done []lifecycle.Event, refused []string, err error) {
	var failed []error
	for _, s := range steps {
		event, err := r.write(ctx, object, s)
		if apierrors.IsNotFound(err) {
			continue // deleted meanwhile, which is an event that comes back here
		}
		if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
			refused = append(refused, fmt.Sprintf("Certificate %s was refused: %s", s.certificate.Name, reason(err)))
		}
		switch {
		case err == nil:
			ctrl.LoggerFrom(ctx).Info(string(s.verb)+" certificate", "certificate", s.certificate.Name)
			done = append(done, event)
		case !apierrors.IsInvalid(err):
			failed = append(failed, fmt.Errorf("%s certificate %s: %w", s.verb, s.certificate.Name, err))
		}
	}
	return done, refused, errors.Join(failed...)
}

func (r *reconciler) write(ctx context.Context, object client.Object, s step) (lifecycle.Event, error) {
	crt := s.certificate
	switch s.verb {
	case createCertificate:
		owner := metav1.NewControllerRef(object, r.kind.GroupVersionKind)
		crt.OwnerReferences = []metav1.OwnerReference{*owner}
		if err := r.client.Create(ctx, crt, kube.FieldOwner); err != nil {
			return lifecycle.Event{}, err
		}
		return normal(cmv1.ShimEventCreateCertificate, "created Certificate %s", crt.Name), nil
	case updateCertificate:
		if err := r.client.Update(ctx, crt, kube.FieldOwner); err != nil {
			return lifecycle.Event{}, err
		}
		return normal(cmv1.ShimEventUpdateCertificate, "updated Certificate %s", crt.Name), nil
	case deleteCertificate:
		// The name may belong to another by now.
		if err := r.client.Delete(ctx, crt, client.Preconditions{UID: &crt.UID}); err != nil {
			return lifecycle.Event{}, err
		}
		return normal(cmv1.ShimEventDeleteCertificate, "deleted Certificate %s, which is asked for no more", crt.Name), nil
	}
	return lifecycle.Event{}, fmt.Errorf("%s: unknown step", s.verb)
}

// reason is what an Invalid error says beyond that it is one.
func reason(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return err.Error()
	}
	text := ""
	for i, cause := range status.Status().Details.Causes {
		if i > 0 {
			text += "; "
		}
		text += cause.Field + ": " + cause.Message
	}
	return text
}
