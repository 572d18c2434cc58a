package challenge

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

// sight is what one pass sees, and what it needs to act on it.
type sight struct {
	lifecycle.ChallengeSeen
	issuer   cmv1.GenericIssuer
	objects  map[lifecycle.SolverObject]client.Object
	remember *recollection
}

// observe gathers what is known of a Challenge. Nil if there is nothing to do.
func (r *Reconciler) observe(ctx context.Context, key types.NamespacedName) (*sight, error) {
	challenge := &acmev1.Challenge{}
	if err := r.client.Get(ctx, key, challenge); err != nil {
		if apierrors.IsNotFound(err) {
			r.letGo(r.memory.forget(key))
			return nil, nil //nolint:nilnil // a Challenge that is gone is neither seen nor an error
		}
		return nil, fmt.Errorf("get challenge: %w", err)
	}
	if ref := challenge.Spec.IssuerRef; ref.GroupOrDefault() != cmv1.GroupName {
		return nil, nil //nolint:nilnil // another controller's (contract 1.1)
	}
	s := &sight{
		ChallengeSeen: lifecycle.ChallengeSeen{Challenge: challenge, Present: map[lifecycle.SolverObject]bool{}},
		objects:       map[lifecycle.SolverObject]client.Object{},
	}
	remembered, replaced := r.memory.of(key, challenge.UID)
	r.letGo(replaced)
	if isOver(challenge) {
		r.letGo(challenge.UID)
	} else if err := r.observeIssuer(ctx, s); err != nil {
		return nil, err
	}
	if err := r.observeObjects(ctx, s); err != nil {
		return nil, err
	}
	s.remember = remembered
	s.remember.adapt(s.issuer)
	s.CA, s.Trouble = s.remember.ca, s.remember.trouble
	s.Check, s.Checking = r.checks.of(challenge.UID)
	return s, nil
}

// isOver: what remains is to clean up.
func isOver(c *acmev1.Challenge) bool {
	return c.DeletionTimestamp != nil || c.Status.State.Final()
}

// letGo takes back what a Challenge occupies.
func (r *Reconciler) letGo(uid types.UID) {
	if uid != "" {
		r.slots.release(uid)
		r.checks.forget(uid)
	}
}

func (r *Reconciler) observeIssuer(ctx context.Context, s *sight) error {
	ref := s.Challenge.Spec.IssuerRef
	var issuer cmv1.GenericIssuer
	var object client.Object
	key := types.NamespacedName{Namespace: s.Challenge.Namespace, Name: ref.Name}
	switch ref.KindOrDefault() {
	case cmv1.IssuerKind:
		i := &cmv1.Issuer{}
		issuer, object = i, i
	case cmv1.ClusterIssuerKind:
		i := &cmv1.ClusterIssuer{}
		issuer, object, key.Namespace = i, i, metav1.NamespaceNone
	default:
		s.IssuerTrouble = fmt.Sprintf("there is no kind of issuer called %s", ref.Kind)
		return nil
	}
	switch err := r.client.Get(ctx, key, object); {
	case apierrors.IsNotFound(err):
		s.IssuerTrouble = fmt.Sprintf("%s %q does not exist", ref.KindOrDefault(), ref.Name)
		return nil
	case err != nil:
		return fmt.Errorf("get issuer: %w", err)
	case issuer.GetSpec().ACME == nil:
		s.IssuerTrouble = fmt.Sprintf("%s %q is not an ACME issuer", ref.KindOrDefault(), ref.Name)
		return nil
	}
	s.issuer = issuer
	return nil
}

// observeObjects finds the solver's objects by their names. One that is being
// deleted no longer counts, nor one that only has the name.
func (r *Reconciler) observeObjects(ctx context.Context, s *sight) error {
	pod := &corev1.Pod{}
	kinds := map[lifecycle.SolverObject]client.Object{
		lifecycle.SolverPod:     pod,
		lifecycle.SolverService: &corev1.Service{},
	}
	if http01.EditsIngress(s.Challenge) == "" {
		kinds[lifecycle.SolverIngress] = &networkingv1.Ingress{}
	} else if err := r.observeEdited(ctx, s); err != nil {
		return err
	}
	key := types.NamespacedName{Namespace: s.Challenge.Namespace, Name: http01.Name(s.Challenge)}
	for kind, object := range kinds {
		err := r.client.Get(ctx, key, object)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("get %s of solver: %w", kind, err)
		}
		if object.GetDeletionTimestamp() == nil && metav1.IsControlledBy(object, s.Challenge) {
			s.Present[kind], s.objects[kind] = true, object
		}
	}
	if s.Present[lifecycle.SolverPod] {
		s.PodReady, s.PodTrouble = http01.PodReady(pod), http01.PodTrouble(pod)
		s.PodEnded = pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
	}
	return nil
}

// observeEdited looks whether the path of the challenge is in the Ingress that
// the solver names.
func (r *Reconciler) observeEdited(ctx context.Context, s *sight) error {
	ingress := &networkingv1.Ingress{}
	key := types.NamespacedName{Namespace: s.Challenge.Namespace, Name: http01.EditsIngress(s.Challenge)}
	if err := r.client.Get(ctx, key, ingress); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("get ingress of solver: %w", err)
	}
	s.objects[lifecycle.SolverIngress] = ingress
	if isOver(s.Challenge) {
		s.Present[lifecycle.SolverIngress] = http01.RemovePath(ingress.DeepCopy(), s.Challenge)
	} else {
		s.Present[lifecycle.SolverIngress] = http01.HasPath(ingress, s.Challenge)
	}
	return nil
}
