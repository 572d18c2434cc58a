package request

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

const (
	// verdictLifetime is how long a verdict is relied on. A permission that is
	// taken back is seen by the admission policy at once.
	verdictLifetime = time.Minute

	// maxVerdicts bounds what is kept.
	maxVerdicts = 4096
)

// approver knows for which issuers the operator itself may approve requests:
// RBAC says so, as for everybody (contract 1.6 and 2.7).
type approver struct {
	client    client.Client
	mapper    meta.RESTMapper
	namespace string // where the permission counts; empty: it must be one for the cluster
	clock     func() time.Time

	mu       sync.Mutex
	verdicts map[string]verdict                // by signer name
	kinds    map[schema.GroupKind]kindOfIssuer // of external issuers
}

type verdict struct {
	allowed bool
	until   time.Time
}

// kindOfIssuer is how a kind of issuer is served.
type kindOfIssuer struct {
	served     bool
	plural     string
	namespaced bool
	until      time.Time
}

func newApprover(c client.Client, mapper meta.RESTMapper, clock func() time.Time) *approver {
	return &approver{client: c, mapper: mapper, clock: clock, verdicts: map[string]verdict{}, kinds: map[schema.GroupKind]kindOfIssuer{}}
}

// mayApprove says whether the operator may approve requests in a namespace for
// an issuer. Both questions and answers are few, and kept; so one worker at a
// time asks.
func (a *approver) mayApprove(ctx context.Context, ref cmmeta.IssuerReference, namespace string) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kind, err := a.kind(schema.GroupKind{Group: ref.GroupOrDefault(), Kind: ref.KindOrDefault()})
	if err != nil || !kind.served {
		return false, err
	}
	signers := kind.plural + "." + ref.GroupOrDefault() + "/"
	if may, err := a.ask(ctx, signers+"*"); may || err != nil {
		return may, err
	}
	if kind.namespaced {
		signers += namespace + "."
	}
	return a.ask(ctx, signers+ref.Name)
}

// ask asks for the permission to approve requests for a signer name.
func (a *approver) ask(ctx context.Context, signer string) (bool, error) {
	now := a.clock()
	if kept, ok := a.verdicts[signer]; ok && now.Before(kept.until) {
		return kept.allowed, nil
	}
	review := &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "approve", Group: cmv1.GroupName, Resource: "signers", Name: signer, Namespace: a.namespace},
		},
	}
	if err := a.client.Create(ctx, review, client.DisableReadYourWritesConsistency); err != nil {
		return false, fmt.Errorf("ask for the permission to approve for signer %s: %w", signer, err)
	}
	if len(a.verdicts) >= maxVerdicts {
		clear(a.verdicts)
	}
	a.verdicts[signer] = verdict{allowed: review.Status.Allowed, until: now.Add(verdictLifetime)}
	return review.Status.Allowed, nil
}

// kind finds out how a kind of issuer is served. One that is not served gets no
// approval, whoever asks.
func (a *approver) kind(gk schema.GroupKind) (kindOfIssuer, error) {
	switch gk {
	case schema.GroupKind{Group: cmv1.GroupName, Kind: cmv1.IssuerKind}:
		return kindOfIssuer{served: true, plural: "issuers", namespaced: true}, nil
	case schema.GroupKind{Group: cmv1.GroupName, Kind: cmv1.ClusterIssuerKind}:
		return kindOfIssuer{served: true, plural: "clusterissuers"}, nil
	}
	now := a.clock()
	if kept, ok := a.kinds[gk]; ok && now.Before(kept.until) {
		return kept, nil
	}
	found := kindOfIssuer{until: now.Add(verdictLifetime)}
	mapping, err := a.mapper.RESTMapping(gk)
	switch {
	case meta.IsNoMatchError(err):
	case err != nil:
		return kindOfIssuer{}, fmt.Errorf("look up issuer kind %s: %w", gk, err)
	default:
		found.served = true
		found.plural = mapping.Resource.Resource
		found.namespaced = mapping.Scope.Name() == meta.RESTScopeNameNamespace
	}
	if len(a.kinds) >= maxVerdicts {
		clear(a.kinds)
	}
	a.kinds[gk] = found
	return found, nil
}
