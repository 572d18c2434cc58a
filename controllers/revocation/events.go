package revocation

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// unfinishedByCertificate finds the Revocations that may wait for a
// Certificate. Those that are over pile up, and nothing is anything to them.
const unfinishedByCertificate = "unfinished-by-certificate"

func addIndexes(indexer client.FieldIndexer) error {
	err := indexer.IndexField(context.Background(), &v1alpha1.Revocation{}, unfinishedByCertificate, func(o client.Object) []string {
		rev, ok := o.(*v1alpha1.Revocation)
		switch {
		case !ok || lifecycle.RevocationOver(rev):
		case rev.Status.CertificateName != "":
			return []string{rev.Status.CertificateName}
		case rev.Spec.Target.CertificateName != "":
			return []string{rev.Spec.Target.CertificateName}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index %s: %w", unfinishedByCertificate, err)
	}
	return nil
}

// revocationsOf are the Revocations to look at when a Certificate changes.
func (r *reconciler) revocationsOf(ctx context.Context, crt client.Object) []reconcile.Request {
	var list v1alpha1.RevocationList
	err := r.client.List(ctx, &list, client.InNamespace(crt.GetNamespace()), client.MatchingFields{unfinishedByCertificate: crt.GetName()},
		client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		log.FromContext(ctx).Error(err, "list revocations of certificate")
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i] = reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])}
	}
	return requests
}

// certificateTells lets through what makes a difference to a Revocation that
// waits for a replacement.
var certificateTells = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*cmv1.Certificate)
		after, ok2 := e.ObjectNew.(*cmv1.Certificate)
		return ok1 && ok2 && (!equality.Semantic.DeepEqual(before.Status.Conditions, after.Status.Conditions) || after.DeletionTimestamp != nil)
	},
}
