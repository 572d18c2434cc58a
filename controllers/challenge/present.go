package challenge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// present creates one of the solver's objects, or makes it what it should be.
// answered is true if there is more to decide.
func (r *Reconciler) present(ctx context.Context, s *sight, kind lifecycle.SolverObject, now time.Time) (answered bool, err error) {
	switch kind {
	case lifecycle.SolverPod:
		err = r.client.Create(ctx, http01.Pod(s.Challenge, r.solver), kube.FieldOwner)
	case lifecycle.SolverService:
		err = r.client.Create(ctx, http01.Service(s.Challenge), kube.FieldOwner)
	case lifecycle.SolverIngress:
		err = r.presentIngress(ctx, s)
	case lifecycle.SolverRoute:
		err = r.presentRoute(ctx, s)
	case lifecycle.SolverRecord: // written in the background, see act
	case lifecycle.SolverResponder:
		err = r.shared.ensure(ctx, s.Challenge.Namespace, http01.WantsNodePort(s.Challenge))
	}
	if errors.Is(err, errNoGatewayAPI) {
		s.failed(lifecycle.StepPresent, lifecycle.Fault{Kind: lifecycle.Wait, Message: "create httproute of solver: " + err.Error()}, now)
		return true, nil
	}
	if fault, refused := acmeview.WriteFault("create "+string(kind)+" of solver", err); refused {
		s.failed(lifecycle.StepPresent, fault, now)
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("create %s of solver: %w", kind, err)
	}
	s.succeeded(lifecycle.StepPresent)
	if kind == lifecycle.SolverResponder {
		// Nothing of the Challenge's own was written. Nobody wakes it.
		s.Present[kind] = true
		return true, nil
	}
	return false, nil
}

func (r *Reconciler) presentIngress(ctx context.Context, s *sight) error {
	backend := http01.Backend(s.Challenge, s.Shared)
	before, exists := s.objects[lifecycle.SolverIngress].(*networkingv1.Ingress)
	switch {
	case http01.EditsIngress(s.Challenge) != "":
		if !exists {
			return nil // an obstacle, see observe
		}
		return r.editIngress(ctx, before, http01.AddPath(before, s.Challenge, backend))
	case !exists:
		return r.client.Create(ctx, http01.Ingress(s.Challenge, backend), kube.FieldOwner)
	}
	after := before.DeepCopy()
	http01.SyncIngress(after, s.Challenge, backend)
	return r.client.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), kube.FieldOwner)
}

func (r *Reconciler) presentRoute(ctx context.Context, s *sight) error {
	routes, err := r.routes.client(ctx)
	if err != nil {
		return err
	}
	backend := http01.Backend(s.Challenge, s.Shared)
	before, exists := s.objects[lifecycle.SolverRoute].(*gwapi.HTTPRoute)
	if !exists {
		return routes.Create(ctx, http01.HTTPRoute(s.Challenge, backend), kube.FieldOwner)
	}
	after := before.DeepCopy()
	http01.SyncHTTPRoute(after, s.Challenge, backend)
	return routes.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), kube.FieldOwner)
}

// cleanUp deletes one of the solver's objects, or takes the path out of the
// Ingress that the solver names. Whatever goes wrong is remembered, so that it
// does not go wrong for ever.
func (r *Reconciler) cleanUp(ctx context.Context, s *sight, kind lifecycle.SolverObject, now time.Time) (bool, error) {
	err := r.remove(ctx, s, kind)
	switch {
	case err == nil, apierrors.IsNotFound(err):
		s.succeeded(lifecycle.StepCleanUp)
		return false, nil
	case apierrors.IsConflict(err):
		return false, err
	case ctx.Err() != nil:
		return false, fmt.Errorf("delete %s of solver: %w", kind, ctx.Err())
	}
	s.failed(lifecycle.StepCleanUp, lifecycle.Fault{Kind: lifecycle.Retry, Message: fmt.Sprintf("delete %s of solver: %v", kind, err)}, now)
	return true, nil
}

func (r *Reconciler) remove(ctx context.Context, s *sight, kind lifecycle.SolverObject) error {
	object := s.objects[kind]
	if ingress, ok := object.(*networkingv1.Ingress); ok && http01.EditsIngress(s.Challenge) != "" {
		return r.editIngress(ctx, ingress, http01.RemovePath(ingress, s.Challenge))
	}
	writer := r.client
	if kind == lifecycle.SolverRoute {
		routes, err := r.routes.client(ctx)
		if err != nil {
			return err
		}
		writer = routes
	}
	return writer.Delete(ctx, object, client.Preconditions{UID: ptr.To(object.GetUID())})
}

// editIngress changes the Ingress of the user's. A patch that does not fit any
// more is a conflict: it is made anew from what is there by then.
func (r *Reconciler) editIngress(ctx context.Context, ingress *networkingv1.Ingress, operations []http01.Operation) error {
	if len(operations) == 0 {
		return nil
	}
	text, err := json.Marshal(operations)
	if err != nil {
		return fmt.Errorf("encode patch: %w", err)
	}
	err = r.client.Patch(ctx, ingress.DeepCopy(), client.RawPatch(types.JSONPatchType, text), kube.FieldOwner)
	if doesNotFit(err) {
		return apierrors.NewConflict(schema.GroupResource{Group: networkingv1.GroupName, Resource: "ingresses"}, ingress.Name, err)
	}
	return err
}

// doesNotFit tells a JSON patch that could not be applied from one whose result
// is not valid: only for the latter does the API server name fields.
func doesNotFit(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonInvalid {
		return false
	}
	details := status.Status().Details
	return details == nil || len(details.Causes) == 0
}
