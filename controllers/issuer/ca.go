package issuer

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// signingCA reads which CA a CA issuer signs with; nil if that can not be told.
// Its signer has just read the same Secret and says what is wrong with it.
func (r *reconciler) signingCA(ctx context.Context, issuer cmv1.GenericIssuer) (*lifecycle.CA, error) {
	spec := issuer.GetSpec().CA
	if spec == nil {
		return nil, nil
	}
	secret, err := r.Secrets.Get(ctx, types.NamespacedName{Namespace: r.kind.secretNamespace(issuer), Name: spec.SecretName})
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	ca, err := lifecycle.ReadCA(secret.Data)
	if err != nil {
		log.FromContext(ctx).V(1).Info("the CA can not be told", "reason", err.Error())
		return nil, nil
	}
	return ca, nil
}
