package order

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// sight is what one pass sees, and what it needs to act on it.
type sight struct {
	lifecycle.OrderSeen
	issuer   cmv1.GenericIssuer
	remember *recollection
}

// observe gathers what is known of an Order. Nil if there is nothing to do.
func (r *Reconciler) observe(ctx context.Context, key types.NamespacedName) (*sight, error) {
	order := &acmev1.Order{}
	if err := r.client.Get(ctx, key, order); err != nil {
		if apierrors.IsNotFound(err) {
			if uid := r.memory.forget(key); uid != "" {
				r.pacer.leave(uid)
			}
			return nil, nil //nolint:nilnil // an Order that is gone is neither seen nor an error
		}
		return nil, fmt.Errorf("get order: %w", err)
	}
	if ref := order.Spec.IssuerRef; ref.GroupOrDefault() != cmv1.GroupName {
		return nil, nil //nolint:nilnil // another controller's (contract 1.1)
	}
	s := &sight{OrderSeen: lifecycle.OrderSeen{Order: order}}
	err := r.observeChallenges(ctx, s)
	if err != nil {
		return nil, err
	}
	if order.Status.State.Final() {
		r.memory.forget(key)
		s.remember = &recollection{}
		return s, nil
	}
	if err := r.observeIssuer(ctx, s); err != nil {
		return nil, err
	}
	r.observeKeys(ctx, s)
	s.remember = r.memory.of(key, order.UID)
	s.remember.adapt(s.issuer)
	s.CA = s.remember.order
	if order.Status.URL == "" && s.issuer != nil {
		if s.Expires, err = r.expiry(ctx, order); err != nil {
			return nil, err
		}
	}
	s.Authorizations = s.remember.authorizations
	s.Trouble = s.remember.trouble
	return s, nil
}

func (r *Reconciler) observeChallenges(ctx context.Context, s *sight) error {
	var list acmev1.ChallengeList
	err := r.client.List(ctx, &list,
		client.InNamespace(s.Order.Namespace),
		client.MatchingFields{kube.ByController: string(s.Order.UID)},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return fmt.Errorf("list challenges: %w", err)
	}
	for i := range list.Items {
		s.Challenges = append(s.Challenges, &list.Items[i])
	}
	slices.SortFunc(s.Challenges, func(a, b *acmev1.Challenge) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// observeKeys finds the Challenges whose key is none of the account's present
// key. If that can not be told, there are none.
func (r *Reconciler) observeKeys(ctx context.Context, s *sight) {
	var ca *acme.Client
	for _, c := range s.Challenges {
		if c.Status.State.Final() || s.issuer == nil {
			continue
		}
		if ca == nil {
			var err error
			if ca, err = r.clients.Client(ctx, s.issuer); err != nil {
				return
			}
		}
		if key, err := challengeKey(ca, c.Spec); err == nil && key != c.Spec.Key {
			s.Outdated = append(s.Outdated, c)
		}
	}
}

// challengeKey is what proves a name (contract 1.4).
func challengeKey(ca *acme.Client, spec acmev1.ChallengeSpec) (string, error) {
	key, err := ca.KeyAuthorization(spec.Token)
	if err == nil && spec.Type == acmev1.ACMEChallengeTypeDNS01 {
		key = acme.DNS01Value(key)
	}
	return key, err
}

func (r *Reconciler) observeIssuer(ctx context.Context, s *sight) error {
	ref := s.Order.Spec.IssuerRef
	var issuer cmv1.GenericIssuer
	key := types.NamespacedName{Namespace: s.Order.Namespace, Name: ref.Name}
	switch ref.KindOrDefault() {
	case cmv1.IssuerKind:
		issuer = &cmv1.Issuer{}
	case cmv1.ClusterIssuerKind:
		issuer, key.Namespace = &cmv1.ClusterIssuer{}, metav1.NamespaceNone
	default:
		s.IssuerTrouble = fmt.Sprintf("there is no kind of issuer called %s", ref.Kind)
		return nil
	}
	object, ok := issuer.(client.Object)
	if !ok {
		return fmt.Errorf("read issuer: %T is not an object of the API", issuer)
	}
	switch err := r.client.Get(ctx, key, object); {
	case apierrors.IsNotFound(err):
		s.IssuerTrouble = fmt.Sprintf("%s %q does not exist", ref.KindOrDefault(), ref.Name)
		return nil
	case err != nil:
		return fmt.Errorf("get issuer: %w", err)
	}
	if s.ACME = issuer.GetSpec().ACME; s.ACME == nil {
		s.IssuerTrouble = fmt.Sprintf("%s %q is not an ACME issuer", ref.KindOrDefault(), ref.Name)
		return nil
	}
	s.issuer = issuer
	return nil
}
