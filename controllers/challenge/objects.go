package challenge

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

// observeObjects finds the solver's objects by their names. What is presented
// one way may have been begun another way, by an operator that was started
// otherwise: so pod and Service are looked for in any case.
func (r *Reconciler) observeObjects(ctx context.Context, s *sight) error {
	pod := &corev1.Pod{}
	for kind, object := range map[lifecycle.SolverObject]client.Object{lifecycle.SolverPod: pod, lifecycle.SolverService: &corev1.Service{}} {
		found, err := r.findOwn(ctx, r.client, s, object)
		if err != nil {
			return fmt.Errorf("get %s of solver: %w", kind, err)
		}
		if found {
			s.Present[kind], s.objects[kind] = true, object
		}
	}
	if s.Present[lifecycle.SolverPod] && !s.Shared {
		s.PodReady, s.PodTrouble = http01.PodReady(pod), http01.PodTrouble(pod)
		switch {
		case s.PodReady:
			r.slots.started(s.Challenge.UID, r.clock())
		case s.PodTrouble != "":
			r.slots.stuck(s.Challenge.UID)
		}
		s.PodEnded = pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	}
	if err := r.observeResponder(ctx, s); err != nil {
		return err
	}
	switch http := s.Challenge.Spec.Solver.HTTP01; {
	case http == nil:
		return nil
	case http.GatewayHTTPRoute != nil:
		return r.observeRoute(ctx, s)
	case http01.EditsIngress(s.Challenge) != "":
		return r.observeEdited(ctx, s)
	}
	return r.observeIngress(ctx, s)
}

// findOwn reads the object of the Challenge. One that is being deleted no
// longer counts, nor one that only has the name.
func (r *Reconciler) findOwn(ctx context.Context, reader client.Reader, s *sight, object client.Object) (bool, error) {
	key := types.NamespacedName{Namespace: s.Challenge.Namespace, Name: http01.Name(s.Challenge)}
	if err := reader.Get(ctx, key, object); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return object.GetDeletionTimestamp() == nil && metav1.IsControlledBy(object, s.Challenge), nil
}

// observeResponder looks whether there is a way to the shared responder.
func (r *Reconciler) observeResponder(ctx context.Context, s *sight) error {
	if !s.Shared || isOver(s.Challenge) {
		return nil
	}
	way, obstacle, err := r.shared.look(ctx, s.Challenge.Namespace, http01.WantsNodePort(s.Challenge))
	if err != nil {
		return err
	}
	s.Obstacle = obstacle
	s.Present[lifecycle.SolverResponder] = obstacle == "" && way.isThere()
	return nil
}

// observeIngress: what leads elsewhere is there to be deleted, but not as it
// should be.
func (r *Reconciler) observeIngress(ctx context.Context, s *sight) error {
	ingress := &networkingv1.Ingress{}
	found, err := r.findOwn(ctx, r.client, s, ingress)
	if err != nil {
		return fmt.Errorf("get ingress of solver: %w", err)
	}
	if found {
		s.objects[lifecycle.SolverIngress] = ingress
		s.Present[lifecycle.SolverIngress] = isOver(s.Challenge) ||
			!http01.SyncIngress(ingress.DeepCopy(), s.Challenge, http01.Backend(s.Challenge, s.Shared))
	}
	return nil
}

func (r *Reconciler) observeRoute(ctx context.Context, s *sight) error {
	routes, err := r.routes.client(ctx)
	if errors.Is(err, errNoGatewayAPI) {
		return nil // told when one is to be created
	}
	if err != nil {
		return err
	}
	route := &gwapi.HTTPRoute{}
	found, err := r.findOwn(ctx, routes, s, route)
	if err != nil {
		return fmt.Errorf("get httproute of solver: %w", err)
	}
	if found {
		s.objects[lifecycle.SolverRoute] = route
		s.Present[lifecycle.SolverRoute] = isOver(s.Challenge) ||
			!http01.SyncHTTPRoute(route.DeepCopy(), s.Challenge, http01.Backend(s.Challenge, s.Shared))
		s.RouteTrouble = http01.RouteTrouble(route)
	}
	return nil
}

// observeEdited looks whether the path of the challenge is in the Ingress that
// the solver names.
func (r *Reconciler) observeEdited(ctx context.Context, s *sight) error {
	ingress := &networkingv1.Ingress{}
	key := types.NamespacedName{Namespace: s.Challenge.Namespace, Name: http01.EditsIngress(s.Challenge)}
	switch err := r.client.Get(ctx, key, ingress); {
	case apierrors.IsNotFound(err):
		s.Obstacle = fmt.Sprintf("edit ingress: the Ingress %q does not exist", key.Name)
		return nil
	case err != nil:
		return fmt.Errorf("get ingress of solver: %w", err)
	}
	s.objects[lifecycle.SolverIngress] = ingress
	if isOver(s.Challenge) {
		s.Present[lifecycle.SolverIngress] = http01.RemovePath(ingress, s.Challenge) != nil
	} else {
		s.Present[lifecycle.SolverIngress] = http01.AddPath(ingress, s.Challenge, http01.Backend(s.Challenge, s.Shared)) == nil
	}
	return nil
}
