package shim

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
)

// observe reads the Certificates that a plan needs. Those with a wanted name
// are read one by one, which waits for the shim's own last write; for what is
// to be deleted, a list that is a little old does no harm.
func (r *reconciler) observe(ctx context.Context, object client.Object, wish Wish) (present map[string]*cmv1.Certificate, owned []*cmv1.Certificate, err error) {
	present = map[string]*cmv1.Certificate{}
	for _, want := range wish.Certificates {
		crt := &cmv1.Certificate{}
		err := r.client.Get(ctx, types.NamespacedName{Namespace: object.GetNamespace(), Name: want.Name}, crt, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("get certificate %s: %w", want.Name, err)
		}
		present[want.Name] = crt
	}
	list := &cmv1.CertificateList{}
	err = r.client.List(ctx, list, client.InNamespace(object.GetNamespace()), client.MatchingFields{kube.ByController: string(object.GetUID())},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, nil, fmt.Errorf("list certificates of owner: %w", err)
	}
	for i := range list.Items {
		owned = append(owned, &list.Items[i])
	}
	return present, owned, nil
}
