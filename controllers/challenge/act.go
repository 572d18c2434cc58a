package challenge

import (
	"context"
	"fmt"
	"slices"
	"time"

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
		var look func(context.Context) (lifecycle.SelfCheckVerdict, string)
		if c := s.Challenge; spec.Solver.DNS01 != nil {
			look = func(ctx context.Context) (lifecycle.SelfCheckVerdict, string) { return r.dns.look(ctx, c) }
		}
		r.checks.begin(check{
			uid: s.Challenge.UID, key: client.ObjectKeyFromObject(s.Challenge), look: look,
			target: http01.Target{Domain: spec.DNSName, Token: spec.Token, Key: spec.Key, Nameservers: nameservers(spec.Solver)}, podReady: s.PodReady,
		})
		return false, nil
	case lifecycle.CreateObject:
		if a.Object == lifecycle.SolverRecord {
			r.records.begin(s.Challenge, false)
			return false, nil
		}
		return r.present(ctx, s, a.Object, now)
	case lifecycle.DeleteObject:
		if a.Object == lifecycle.SolverRecord {
			r.records.begin(s.Challenge, true)
			return false, nil
		}
		return r.cleanUp(ctx, s, a.Object, now)
	case lifecycle.ReadChallenge:
		return r.readChallenge(ctx, s, a)
	case lifecycle.AcceptChallenge:
		return r.accept(ctx, s, a)
	}
	return false, fmt.Errorf("act: unknown action %T", action)
}

// nameservers of the self-check, if the solver has its own.
func nameservers(solver acmev1.ACMEChallengeSolver) []string {
	if solver.HTTP01 == nil {
		return nil
	}
	return solver.HTTP01.Nameservers
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

// hasGivenWay reports whether a Challenge has given way to others: that it is in
// trouble has been told, and may last until the CA's deadline in a week. Those
// with pods do not give way: there would be no end to the pods.
func (r *Reconciler) hasGivenWay(c *acmev1.Challenge) bool {
	return r.shared != nil && c.Status.Processing && c.Status.Reason != ""
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
		if c := &list.Items[i]; !r.hasGivenWay(c) {
			processing = append(processing, c.UID)
		}
	}
	me := waiter{
		key: client.ObjectKeyFromObject(s.Challenge), since: s.Challenge.CreationTimestamp.Time,
		pod: r.shared == nil && s.Challenge.Spec.Solver.HTTP01 != nil,
	}
	taken, again := r.slots.take(s.Challenge.UID, me, processing, r.clock())
	s.Slot, s.SlotAgain = lifecycle.SlotRefused, again
	if taken {
		s.Slot = lifecycle.SlotTaken
	}
	return nil
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
