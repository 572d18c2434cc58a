package request

import (
	"context"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Indexes of the CertificateSigningRequests that are to be signed.
const (
	csrsBySigner = "to-sign-by-signer"
	csrsByKey    = "to-sign-by-key" // namespace/name of the Secret
)

func addCSRIndexes(indexer client.FieldIndexer, clusterNamespace string) error {
	inWhich := &notes{clusterNamespace: clusterNamespace}
	indexes := map[string]func(*certificatesv1.CertificateSigningRequest) string{
		csrsBySigner: func(csr *certificatesv1.CertificateSigningRequest) string { return csr.Spec.SignerName },
		csrsByKey: func(csr *certificatesv1.CertificateSigningRequest) string {
			name := csr.Annotations[cmv1.CertificateSigningRequestPrivateKeyAnnotationKey]
			if name == "" {
				return ""
			}
			return inWhich.namespaceOf(csr) + "/" + name
		},
	}
	for name, value := range indexes {
		err := indexer.IndexField(context.Background(), &certificatesv1.CertificateSigningRequest{}, name, func(o client.Object) []string {
			csr, ok := o.(*certificatesv1.CertificateSigningRequest)
			if !ok || !lifecycle.CSRToSign(csr) || value(csr) == "" {
				return nil
			}
			return []string{value(csr)}
		})
		if err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
	}
	return nil
}

func turnOfCSR(o client.Object) (turn, bool) {
	csr, ok := o.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return turn{}, false
	}
	return turn{NamespacedName: types.NamespacedName{Name: csr.Name}, issuer: csr.Spec.SignerName}, true
}

// csrTurnOfOrder is that of the CertificateSigningRequest which made an Order.
func csrTurnOfOrder(o client.Object) (turn, bool) {
	order, ok := o.(*acmev1.Order)
	if !ok {
		return turn{}, false
	}
	owner := metav1.GetControllerOfNoCopy(order)
	if owner == nil || owner.Kind != csrKind {
		return turn{}, false
	}
	return turn{NamespacedName: types.NamespacedName{Name: owner.Name}, issuer: lifecycle.SignerName(order.Spec.IssuerRef, order.Namespace)}, true
}

// csrsOfIssuer are the requests to look at when an issuer changes.
func (r *csrReconciler) csrsOfIssuer(ctx context.Context, issuer client.Object) []turn {
	ref := cmmeta.IssuerReference{Kind: cmv1.IssuerKind, Name: issuer.GetName()}
	if issuer.GetNamespace() == "" {
		ref.Kind = cmv1.ClusterIssuerKind
	}
	return r.toSign(ctx, csrsBySigner, lifecycle.SignerName(ref, issuer.GetNamespace()))
}

// csrsOfKey are the requests to look at when a Secret changes that may hold the
// key of a self-signed certificate.
func (r *csrReconciler) csrsOfKey(ctx context.Context, secret client.Object) []turn {
	return r.toSign(ctx, csrsByKey, secret.GetNamespace()+"/"+secret.GetName())
}

func (r *csrReconciler) toSign(ctx context.Context, index, value string) []turn {
	var list certificatesv1.CertificateSigningRequestList
	err := r.client.List(ctx, &list, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		log.FromContext(ctx).Error(err, "list certificate signing requests", index, value)
		return nil
	}
	turns := make([]turn, len(list.Items))
	for i := range list.Items {
		turns[i], _ = turnOfCSR(&list.Items[i])
	}
	return turns
}

// isToSign lets through requests that are to be signed, and their deletion,
// after which nothing is to be remembered of them.
var isToSign = predicate.NewPredicateFuncs(func(o client.Object) bool {
	csr, ok := o.(*certificatesv1.CertificateSigningRequest)
	return ok && lifecycle.CSRToSign(csr)
})
