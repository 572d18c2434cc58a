package request

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// sight is what is seen of a request, with what acting on it needs.
type sight struct {
	lifecycle.RequestSeen

	issuer cmv1.GenericIssuer // nil if there is none
}

// observe gathers what one decision needs.
func (r *reconciler) observe(ctx context.Context, request *cmv1.CertificateRequest) (*sight, error) {
	s := &sight{RequestSeen: lifecycle.RequestSeen{Request: request, NoClusterIssuers: r.Namespace != ""}}
	s.CSR, s.CSRErr = pki.DecodeRequest(request.Spec.Request)
	if s.CSR != nil {
		by, err := r.Compromised.Find(ctx, request.Namespace, s.CSR.PublicKey)
		if err != nil {
			return nil, err
		}
		s.CompromisedKey = by
	}
	if !r.DisableApproval && lifecycle.RequestUndecided(request) {
		may, err := r.approver.mayApprove(ctx, request.Spec.IssuerRef, request.Namespace)
		if err != nil {
			return nil, err
		}
		s.MayApprove = may
	}
	return s, s.observeIssuer(ctx, r.client)
}

// observeIssuer adds the issuer, if there is one.
func (s *sight) observeIssuer(ctx context.Context, from client.Reader) error {
	issuer, err := findIssuer(ctx, from, s.Request)
	if issuer == nil || err != nil {
		return err
	}
	s.issuer = issuer
	s.Issuer = &lifecycle.SeenIssuer{Type: issuers.TypeOf(issuer)}
	if ready := lifecycle.IssuerReady(issuer); ready != nil {
		s.Issuer.Ready = ready.Status == cmmeta.ConditionTrue
		s.Issuer.Message = ready.Message
	}
	return nil
}

// findIssuer returns the issuer of a request, which must not be changed; nil if
// there is none, or if it is not for us to look for.
func findIssuer(ctx context.Context, from client.Reader, request *cmv1.CertificateRequest) (cmv1.GenericIssuer, error) {
	ref := request.Spec.IssuerRef
	if ref.GroupOrDefault() != cmv1.GroupName {
		return nil, nil
	}
	var issuer cmv1.GenericIssuer
	key := types.NamespacedName{Name: ref.Name}
	switch ref.KindOrDefault() {
	case cmv1.IssuerKind:
		issuer, key.Namespace = &cmv1.Issuer{}, request.Namespace
	case cmv1.ClusterIssuerKind:
		issuer = &cmv1.ClusterIssuer{}
	default:
		return nil, nil
	}
	if err := from.Get(ctx, key, issuer, client.UnsafeDisableDeepCopy); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get issuer: %w", err)
	}
	return issuer, nil
}
