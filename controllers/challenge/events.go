package challenge

import (
	"context"

	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/kube"
)

// wakeUp asks for a Challenge to be looked at, for a reason that the API does
// not know: a self-check has ended, or a slot has become free.
type wakeUp = event.TypedGenericEvent[types.NamespacedName]

// maxWakeUps is how many may wait to be taken by the controller.
const maxWakeUps = 1024

var enqueueWoken = handler.TypedFuncs[types.NamespacedName, reconcile.Request]{
	GenericFunc: func(_ context.Context, e wakeUp, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		q.Add(reconcile.Request{NamespacedName: e.Object})
	},
}

// challengesOfIssuer finds the Challenges that a change of an issuer concerns.
func (r *Reconciler) challengesOfIssuer() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		kind := cmv1.IssuerKind
		if _, cluster := o.(*cmv1.ClusterIssuer); cluster {
			kind = cmv1.ClusterIssuerKind
		}
		key := kube.IssuerKey(cmmeta.IssuerReference{Kind: kind, Name: o.GetName()})
		return r.indexed(ctx, o.GetNamespace(), unfinished, key)
	})
}

// challengesOfIngress finds the Challenges whose path is in an Ingress of the
// user's.
func (r *Reconciler) challengesOfIngress() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		if _, ok := o.(*networkingv1.Ingress); !ok {
			return nil
		}
		return r.indexed(ctx, o.GetNamespace(), editing, o.GetName())
	})
}

// challengesOfWay finds the Challenges that a change of the way to the shared
// responder concerns: those of one namespace, or all, if it is the responder
// itself that has moved.
func (r *Reconciler) challengesOfWay() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		switch {
		case r.shared.isReplicas(o):
			return r.indexed(ctx, "", presenting, "true")
		case o.GetName() == http01.SharedName, o.GetLabels()[discoveryv1.LabelServiceName] == http01.SharedName:
			return r.indexed(ctx, o.GetNamespace(), presenting, "true")
		}
		return nil
	})
}

func (r *Reconciler) indexed(ctx context.Context, namespace, index, value string) []reconcile.Request {
	var list acmev1.ChallengeList
	err := r.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{index: value},
		client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		log.FromContext(ctx).Error(err, "list challenges", "index", index)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// issuerChanged lets through what may matter to a Challenge: another spec,
// another readiness.
var issuerChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(cmv1.GenericIssuer)
		after, ok2 := e.ObjectNew.(cmv1.GenericIssuer)
		return ok1 && ok2 && issuerVersion(before) != issuerVersion(after)
	},
}
