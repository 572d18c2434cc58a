package order

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
)

// unfinished is an index of the Orders that may still change, by their issuer:
// finished ones pile up, and a change of an issuer is nothing to them.
const unfinished = "unfinished"

// placed is an index of the Orders that count in the CA's limit, by their
// issuer.
const placed = "placed"

func addIndexes(mgr ctrl.Manager) error {
	for name, belongs := range map[string]func(*acmev1.Order) bool{
		unfinished: func(o *acmev1.Order) bool { return !o.Status.State.Final() },
		placed:     func(o *acmev1.Order) bool { return o.Status.URL != "" && o.Spec.Replaces == "" },
	} {
		err := mgr.GetFieldIndexer().IndexField(context.Background(), &acmev1.Order{}, name, func(o client.Object) []string {
			order, ok := o.(*acmev1.Order)
			if !ok || !belongs(order) {
				return nil
			}
			return []string{kube.IssuerKey(order.Spec.IssuerRef)}
		})
		if err != nil {
			return fmt.Errorf("index %s orders: %w", name, err)
		}
	}
	return nil
}

// ordersOfIssuer finds the Orders that a change of an issuer concerns.
func (r *Reconciler) ordersOfIssuer() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		issuer, ok := o.(cmv1.GenericIssuer)
		if !ok {
			return nil
		}
		var list acmev1.OrderList
		err := r.client.List(ctx, &list,
			client.InNamespace(o.GetNamespace()),
			client.MatchingFields{unfinished: issuerKey(issuer)},
			client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
		if err != nil {
			log.FromContext(ctx).Error(err, "list orders of issuer", "issuer", o.GetName())
			return nil
		}
		requests := make([]reconcile.Request, 0, len(list.Items))
		for i := range list.Items {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: list.Items[i].Namespace, Name: list.Items[i].Name}})
		}
		return requests
	})
}

// issuerChanged lets through what may matter to an Order: another spec, another
// readiness.
var issuerChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(cmv1.GenericIssuer)
		after, ok2 := e.ObjectNew.(cmv1.GenericIssuer)
		return ok1 && ok2 && issuerVersion(before) != issuerVersion(after)
	},
}
