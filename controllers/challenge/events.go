package challenge

import (
	"context"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
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

const (
	// unfinished is an index of the Challenges that may still change, by their
	// issuer.
	unfinished = "unfinished"
	// editing is an index of the Challenges that put their path into an
	// existing Ingress, by its name.
	editing = "editing"
)

func indexUnfinished(mgr ctrl.Manager) error {
	indexes := map[string]func(*acmev1.Challenge) []string{
		unfinished: func(c *acmev1.Challenge) []string {
			if c.Status.State.Final() {
				return nil
			}
			return []string{kube.IssuerKey(c.Spec.IssuerRef)}
		},
		editing: func(c *acmev1.Challenge) []string {
			if name := http01.EditsIngress(c); name != "" {
				return []string{name}
			}
			return nil
		},
	}
	for name, values := range indexes {
		err := mgr.GetFieldIndexer().IndexField(context.Background(), &acmev1.Challenge{}, name, func(o client.Object) []string {
			c, ok := o.(*acmev1.Challenge)
			if !ok {
				return nil
			}
			return values(c)
		})
		if err != nil {
			return fmt.Errorf("index challenges by %s: %w", name, err)
		}
	}
	return nil
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
