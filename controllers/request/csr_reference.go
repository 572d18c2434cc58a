package request

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// references says whose requests an Issuer signs: a CertificateSigningRequest is
// in no namespace, so whoever makes one has to be allowed to refer to the Issuer
// (contract 2.9).
type references struct{ client client.Client }

// check asks for the permission of the requester: the verb "reference" on the
// signers of the Issuer's namespace, by its name or all. Those of ClusterIssuers
// are for everybody whose request is approved.
func (r *references) check(ctx context.Context, csr *certificatesv1.CertificateSigningRequest, req *cmv1.CertificateRequest) (*lifecycle.RequestFault, error) {
	if req.Spec.IssuerRef.KindOrDefault() == cmv1.ClusterIssuerKind {
		return nil, nil
	}
	for _, name := range []string{req.Spec.IssuerRef.Name, "*"} {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: csr.Spec.Username, UID: csr.Spec.UID, Groups: csr.Spec.Groups, Extra: map[string]authorizationv1.ExtraValue{},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: "reference", Group: cmv1.GroupName, Resource: "signers", Namespace: req.Namespace, Name: name,
			},
		}}
		for key, value := range csr.Spec.Extra {
			review.Spec.Extra[key] = authorizationv1.ExtraValue(value)
		}
		if err := r.client.Create(ctx, review, client.DisableReadYourWritesConsistency); err != nil {
			return nil, fmt.Errorf("ask for the permission of %s to reference issuer: %w", csr.Spec.Username, err)
		}
		if review.Status.Allowed {
			return nil, nil
		}
	}
	return &lifecycle.RequestFault{
		Reason: lifecycle.CSRReasonDeniedReference,
		Message: fmt.Sprintf("%s may not have requests signed by Issuer %q in namespace %q: grant the verb reference on signers.%s with that name in that namespace, and make another request",
			csr.Spec.Username, req.Spec.IssuerRef.Name, req.Namespace, cmv1.GroupName),
	}, nil
}
