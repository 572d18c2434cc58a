package challenge

import (
	"context"
	"fmt"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// act does what was decided. answered is true if something was learned by it,
// so that there is more to decide: an answer of the CA, a slot, or a fault.
func (r *Reconciler) act(ctx context.Context, s *sight, action lifecycle.ChallengeAction, now time.Time) (answered bool, err error) {
	switch a := action.(type) {
	case lifecycle.ChallengeNothing:
		return false, nil
	case lifecycle.AddFinalizer:
		return false, r.patchFinalizers(ctx, s.Challenge, func(c *acmev1.Challenge) {
			controllerutil.AddFinalizer(c, acmev1.ACMEDomainQualifiedFinalizer)
		})
	case lifecycle.RemoveFinalizers:
		return false, r.patchFinalizers(ctx, s.Challenge, func(c *acmev1.Challenge) {
			controllerutil.RemoveFinalizer(c, acmev1.ACMEDomainQualifiedFinalizer)
			controllerutil.RemoveFinalizer(c, acmev1.ACMELegacyFinalizer)
		})
	case lifecycle.TakeSlot:
		return true, r.takeSlot(ctx, s)
	case lifecycle.StartSelfCheck:
		spec := &s.Challenge.Spec
		r.checks.begin(check{
			uid: s.Challenge.UID, key: client.ObjectKeyFromObject(s.Challenge),
			domain: spec.DNSName, token: spec.Token, auth: spec.Key, podReady: s.PodReady,
		})
		return false, nil
	case lifecycle.CreateObject:
		return r.present(ctx, s, a.Object, now)
	case lifecycle.DeleteObject:
		return r.cleanUp(ctx, s, a.Object, now)
	case lifecycle.ReadChallenge:
		return r.readChallenge(ctx, s, a)
	case lifecycle.AcceptChallenge:
		return r.accept(ctx, s, a)
	}
	return false, fmt.Errorf("act: unknown action %T", action)
}

func (r *Reconciler) readChallenge(ctx context.Context, s *sight, a lifecycle.ReadChallenge) (bool, error) {
	ca, err := r.clients.Client(ctx, s.issuer)
	if err != nil {
		return r.fault(ctx, s, lifecycle.StepAccount, err)
	}
	s.succeeded(lifecycle.StepAccount)
	authorization, err := ca.GetAuthorization(ctx, a.AuthorizationURL)
	if err != nil {
		return r.fault(ctx, s, lifecycle.StepReadAuthorization, err)
	}
	s.succeeded(lifecycle.StepReadAuthorization)
	s.answer(s.CA.Follow(acmeview.Authorization(authorization, a.URL), r.clock()))
	return true, nil
}

func (r *Reconciler) accept(ctx context.Context, s *sight, a lifecycle.AcceptChallenge) (bool, error) {
	ca, err := r.clients.Client(ctx, s.issuer)
	if err != nil {
		return r.fault(ctx, s, lifecycle.StepAccount, err)
	}
	s.succeeded(lifecycle.StepAccount)
	challenge, err := ca.AcceptChallenge(ctx, a.URL)
	if err != nil {
		return r.fault(ctx, s, lifecycle.StepAcceptChallenge, err)
	}
	s.succeeded(lifecycle.StepAcceptChallenge)
	s.answer(ptr.To(acmeview.Challenge(challenge, s.CA, r.clock())))
	return true, nil
}

// fault remembers what went wrong, unless it is only that the operator ends.
func (r *Reconciler) fault(ctx context.Context, s *sight, step lifecycle.Step, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, fmt.Errorf("%s: %w", step, ctx.Err())
	}
	now := r.clock()
	fault := acmeview.Fault(err, now)
	log.FromContext(ctx).V(1).Info("step failed", "step", step, "kind", fault.Kind, "fault", fault.Message)
	s.failed(step, fault, now)
	return true, nil
}

func (r *Reconciler) takeSlot(ctx context.Context, s *sight) error {
	var list acmev1.ChallengeList
	err := r.client.List(ctx, &list, client.MatchingFields{kube.ByProcessing: "true"},
		client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		return fmt.Errorf("list challenges under way: %w", err)
	}
	processing := make([]types.UID, 0, len(list.Items))
	for i := range list.Items {
		processing = append(processing, list.Items[i].UID)
	}
	me := waiter{key: client.ObjectKeyFromObject(s.Challenge), since: s.Challenge.CreationTimestamp.Time}
	s.Slot = lifecycle.SlotRefused
	if r.slots.take(s.Challenge.UID, me, processing) {
		s.Slot = lifecycle.SlotTaken
	}
	return nil
}

// present creates one of the solver's objects, or adds the path to the Ingress
// that the solver names.
func (r *Reconciler) present(ctx context.Context, s *sight, kind lifecycle.SolverObject, now time.Time) (bool, error) {
	var err error
	switch kind {
	case lifecycle.SolverPod:
		err = r.client.Create(ctx, http01.Pod(s.Challenge, r.solver), kube.FieldOwner)
	case lifecycle.SolverService:
		err = r.client.Create(ctx, http01.Service(s.Challenge), kube.FieldOwner)
	case lifecycle.SolverIngress:
		name := http01.EditsIngress(s.Challenge)
		if name == "" {
			err = r.client.Create(ctx, http01.Ingress(s.Challenge), kube.FieldOwner)
			break
		}
		if s.objects[kind] == nil {
			fault := lifecycle.Fault{Kind: lifecycle.Retry, Message: fmt.Sprintf("edit ingress: the Ingress %q does not exist", name)}
			s.failed(lifecycle.StepPresent, fault, now)
			return true, nil
		}
		err = r.editIngress(ctx, s, http01.AddPath)
	}
	if fault, refused := acmeview.WriteFault("create "+string(kind)+" of solver", err); refused {
		s.failed(lifecycle.StepPresent, fault, now)
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("create %s of solver: %w", kind, err)
	}
	s.succeeded(lifecycle.StepPresent)
	return false, nil
}

// cleanUp deletes one of the solver's objects, or takes the path out of the
// Ingress that the solver names. Whatever goes wrong is remembered, so that it
// does not go wrong for ever.
func (r *Reconciler) cleanUp(ctx context.Context, s *sight, kind lifecycle.SolverObject, now time.Time) (bool, error) {
	object := s.objects[kind]
	var err error
	if kind == lifecycle.SolverIngress && http01.EditsIngress(s.Challenge) != "" {
		err = r.editIngress(ctx, s, http01.RemovePath)
	} else {
		err = r.client.Delete(ctx, object, client.Preconditions{UID: ptr.To(object.GetUID())})
	}
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

// editIngress changes the Ingress of the user's, provided that nobody else
// changed it meanwhile: a list of rules can only be replaced as a whole.
func (r *Reconciler) editIngress(ctx context.Context, s *sight, edit func(*networkingv1.Ingress, *acmev1.Challenge) bool) error {
	before, ok := s.objects[lifecycle.SolverIngress].(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	after := before.DeepCopy()
	if !edit(after, s.Challenge) {
		return nil
	}
	return r.client.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), kube.FieldOwner)
}

func (r *Reconciler) patchFinalizers(ctx context.Context, challenge *acmev1.Challenge, change func(*acmev1.Challenge)) error {
	changed := challenge.DeepCopy()
	change(changed)
	if slices.Equal(changed.Finalizers, challenge.Finalizers) {
		return nil
	}
	patch := client.MergeFromWithOptions(challenge, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, changed, patch, kube.FieldOwner); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("change finalizers: %w", err)
	}
	return nil
}
