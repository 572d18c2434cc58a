package reissue

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// act begins Certificates. refusal is what the API server says to a write that
// it would not take another time either.
func (r *reconciler) act(ctx context.Context, action lifecycle.ReissueAction) (refusal string, err error) {
	log := ctrl.LoggerFrom(ctx)
	switch a := action.(type) {
	case lifecycle.NoReissueAction:
	case lifecycle.AskReplacements:
		log.Info("ask for replacements", "certificates", len(a.Certificates))
		for _, crt := range a.Certificates {
			err := kube.UpdateStatus(ctx, r.client, crt)
			if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
				continue // it has changed: the next look tells
			}
			if refusal, err = refusedOr(err, fmt.Sprintf("Certificate %s/%s", crt.Namespace, crt.Name)); refusal != "" || err != nil {
				return refusal, err
			}
		}
	case lifecycle.CreateRevocations:
		log.Info("create revocations", "revocations", len(a.Revocations))
		for _, revocation := range a.Revocations {
			err := r.client.Create(ctx, revocation, kube.FieldOwner)
			if apierrors.IsAlreadyExists(err) {
				continue // by a process that ended before it could tell
			}
			if refusal, err = refusedOr(err, fmt.Sprintf("Revocation %s/%s", revocation.Namespace, revocation.Name)); refusal != "" || err != nil {
				return refusal, err
			}
		}
	}
	return "", nil
}

func refusedOr(err error, what string) (string, error) {
	if err == nil {
		return "", nil
	}
	if text, refused := kube.Refusal(err); refused {
		return what + ": " + text, nil
	}
	return "", fmt.Errorf("begin %s: %w", what, err)
}
