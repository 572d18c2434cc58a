package request

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Indexes of the requests that may still change. Finished ones pile up, and
// what happens to their issuers or Secrets is nothing to them.
const (
	unfinishedByIssuer = "unfinished-by-issuer"
	unfinishedByKey    = "unfinished-by-key"
)

func addIndexes(indexer client.FieldIndexer) error {
	indexes := map[string]func(*cmv1.CertificateRequest) string{
		unfinishedByIssuer: func(req *cmv1.CertificateRequest) string { return kube.IssuerKey(req.Spec.IssuerRef) },
		unfinishedByKey: func(req *cmv1.CertificateRequest) string {
			return req.Annotations[cmv1.CertificateRequestPrivateKeyAnnotationKey]
		},
	}
	for name, value := range indexes {
		err := indexer.IndexField(context.Background(), &cmv1.CertificateRequest{}, name, func(o client.Object) []string {
			req, ok := o.(*cmv1.CertificateRequest)
			if !ok || lifecycle.RequestOver(req) || value(req) == "" {
				return nil
			}
			return []string{value(req)}
		})
		if err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
	}
	return nil
}

// enqueue is the handler that has the object looked at which another one is, or
// belongs to.
func enqueue(of func(client.Object) (t turn, ok bool)) handler.TypedEventHandler[client.Object, turn] {
	return enqueueAll(func(_ context.Context, o client.Object) []turn {
		if t, ok := of(o); ok {
			return []turn{t}
		}
		return nil
	})
}

// enqueueAll is the handler that has several objects looked at.
func enqueueAll(of handler.TypedMapFunc[client.Object, turn]) handler.TypedEventHandler[client.Object, turn] {
	return handler.TypedEnqueueRequestsFromMapFunc(of)
}

func turnOfRequest(o client.Object) (turn, bool) {
	req, ok := o.(*cmv1.CertificateRequest)
	if !ok {
		return turn{}, false
	}
	return turn{NamespacedName: client.ObjectKeyFromObject(req), issuer: laneOf(req.Spec.IssuerRef, req.Namespace)}, true
}

// turnOfOrder is that of the request which made an Order: they have the same
// issuer.
func turnOfOrder(o client.Object) (turn, bool) {
	order, ok := o.(*acmev1.Order)
	if !ok {
		return turn{}, false
	}
	owner := metav1.GetControllerOfNoCopy(order)
	if owner == nil || owner.Kind != cmv1.CertificateRequestKind {
		return turn{}, false
	}
	name := types.NamespacedName{Namespace: order.Namespace, Name: owner.Name}
	return turn{NamespacedName: name, issuer: laneOf(order.Spec.IssuerRef, order.Namespace)}, true
}

// laneOf names an issuer in the work queue. A kind that is not ours may be in a
// namespace or not; then each namespace has its turn.
func laneOf(ref cmmeta.IssuerReference, namespace string) string {
	if ref.GroupOrDefault() == cmv1.GroupName && ref.KindOrDefault() == cmv1.ClusterIssuerKind {
		namespace = ""
	}
	return namespace + "/" + kube.IssuerKey(ref)
}

// requestsOfIssuer are the requests to look at when an issuer changes.
func (r *reconciler) requestsOfIssuer(ctx context.Context, issuer client.Object) []turn {
	ref := cmmeta.IssuerReference{Kind: cmv1.IssuerKind, Name: issuer.GetName()}
	if issuer.GetNamespace() == "" {
		ref.Kind = cmv1.ClusterIssuerKind
	}
	return r.unfinished(ctx, issuer.GetNamespace(), unfinishedByIssuer, kube.IssuerKey(ref))
}

// requestsOfKey are the requests to look at when a Secret changes that may hold
// the key of a self-signed certificate.
func (r *reconciler) requestsOfKey(ctx context.Context, secret client.Object) []turn {
	return r.unfinished(ctx, secret.GetNamespace(), unfinishedByKey, secret.GetName())
}

func (r *reconciler) unfinished(ctx context.Context, namespace, index, value string) []turn {
	var list cmv1.CertificateRequestList
	err := r.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{index: value},
		client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		log.FromContext(ctx).Error(err, "list unfinished requests", index, value)
		return nil
	}
	turns := make([]turn, len(list.Items))
	for i := range list.Items {
		turns[i], _ = turnOfRequest(&list.Items[i])
	}
	return turns
}

// isUnfinished lets through requests of which something may still come.
var isUnfinished = predicate.NewPredicateFuncs(func(o client.Object) bool {
	req, ok := o.(*cmv1.CertificateRequest)
	return ok && !lifecycle.RequestOver(req)
})

// isThere lets through Secrets that may be what a request waits for.
var isThere = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion()
	},
	DeleteFunc: func(event.DeleteEvent) bool { return false },
}

// issuerTells lets through what makes a difference to requests that wait for an
// issuer.
var issuerTells = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(cmv1.GenericIssuer)
		after, ok2 := e.ObjectNew.(cmv1.GenericIssuer)
		return ok1 && ok2 && (before.GetGeneration() != after.GetGeneration() || readiness(before) != readiness(after))
	},
}

func readiness(issuer cmv1.GenericIssuer) [2]string {
	ready := lifecycle.IssuerReady(issuer)
	if ready == nil {
		return [2]string{}
	}
	return [2]string{string(ready.Status), ready.Message}
}

// orderTells lets through what makes a difference to the request that made an
// Order: its end, and its troubles.
var orderTells = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*acmev1.Order)
		after, ok2 := e.ObjectNew.(*acmev1.Order)
		return ok1 && ok2 && (before.Status.State.Final() != after.Status.State.Final() || before.Status.Reason != after.Status.Reason)
	},
}
