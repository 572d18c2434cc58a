package challenge

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
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
			gone := r.memory.forget(key)
			r.letGo(gone)
			r.records.forget(gone)
			return nil, nil //nolint:nilnil // a Challenge that is gone is neither seen nor an error
		}
		return nil, fmt.Errorf("get challenge: %w", err)
	}
	if ref := challenge.Spec.IssuerRef; ref.GroupOrDefault() != cmv1.GroupName {
		return nil, nil //nolint:nilnil // another controller's (contract 1.1)
	}
	s := &sight{
		ChallengeSeen: lifecycle.ChallengeSeen{
			Challenge: challenge, Shared: r.shared != nil && challenge.Spec.Solver.DNS01 == nil, Present: map[lifecycle.SolverObject]bool{},
		},
		objects: map[lifecycle.SolverObject]client.Object{},
	}
	remembered, replaced := r.memory.of(key, challenge.UID)
	r.letGo(replaced)
	r.records.forget(replaced)
	if r.hasGivenWay(challenge) {
		r.slots.release(challenge.UID)
	}
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
	if s.remember.ca == nil && !isOver(challenge) {
		s.remember.ca = r.read.Take(challenge.Spec.URL, r.clock())
	}
	s.CA, s.Trouble = s.remember.ca, s.remember.trouble
	r.observeRecord(ctx, s)
	s.PresentSince = s.remember.presentedSince(s.IsPresented(), r.clock())
	s.Check, s.Checking = r.checks.of(challenge.UID)
	if s.Check != nil && s.Check.Verdict.Blind() {
		return s, r.observeFailures(ctx, s)
	}
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
