package challenge

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/kube"
)

// linger is how long the way to the responder stays in a namespace after the
// last Challenge: certificates come in groups, and three writes for each would
// be more than all else that the responder spares.
const linger = 2 * time.Minute

// keeper looks after the ways to the responder that there are: when replicas of
// the operator come or go, it turns them; when no Challenge needs one any more,
// it removes it. It does the latter also after the operator was told to leave
// the answers to pods.
type keeper struct {
	client    client.Client
	shared    *shared
	clock     func() time.Time
	leftovers bool // there are only ways of before

	mu   sync.Mutex
	idle map[types.NamespacedName]time.Time // since when a Service is not needed
}

func setupKeeper(mgr ctrl.Manager, config *SharedConfig, clock func() time.Time) (*shared, error) {
	leftovers := config == nil
	if leftovers {
		config = &SharedConfig{}
	}
	k := &keeper{
		client: mgr.GetClient(), shared: newShared(mgr.GetClient(), config), clock: clock, leftovers: leftovers,
		idle: map[types.NamespacedName]time.Time{},
	}
	isShared := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetName() == http01.SharedName })
	b := ctrl.NewControllerManagedBy(mgr).
		Named("challenge-responders").
		For(&corev1.Service{}, builder.WithPredicates(isShared))
	if !leftovers {
		b.Owns(&discoveryv1.EndpointSlice{}).
			Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(k.allWays)).
			Watches(&acmev1.Challenge{}, handler.EnqueueRequestsFromMapFunc(wayOf), builder.WithPredicates(letGo))
	}
	if err := b.Complete(k); err != nil {
		return nil, fmt.Errorf("set up controller of shared responders: %w", err)
	}
	return k.shared, nil
}

// letGo lets through Challenges that may have been the last of a namespace.
var letGo = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*acmev1.Challenge)
		after, ok2 := e.ObjectNew.(*acmev1.Challenge)
		return ok1 && ok2 && isPresenting(before) && !isPresenting(after)
	},
}

func wayOf(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: http01.SharedName}}}
}

// allWays: the replicas have changed, and with them every way.
func (k *keeper) allWays(ctx context.Context, o client.Object) []reconcile.Request {
	if !k.shared.isReplicas(o) {
		return nil
	}
	var list corev1.ServiceList
	err := k.client.List(ctx, &list, client.MatchingLabels{acmev1.SolverIdentificationLabelKey: "true"},
		client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency)
	if err != nil {
		log.FromContext(ctx).Error(err, "list services of the responder")
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if http01.IsSharedService(&list.Items[i]) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

// isReplicas tells the EndpointSlices of the operator's own Service.
func (s *shared) isReplicas(o client.Object) bool {
	_, ok := o.(*discoveryv1.EndpointSlice)
	return ok && o.GetNamespace() == s.service.Namespace && o.GetLabels()[discoveryv1.LabelServiceName] == s.service.Name
}

// Reconcile looks at one Service.
func (k *keeper) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	service := &corev1.Service{}
	if err := k.client.Get(ctx, req.NamespacedName, service); err != nil {
		k.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !http01.IsSharedService(service) {
		return ctrl.Result{}, nil
	}
	isNeeded := func() (bool, error) { return k.isNeeded(ctx, req.Namespace) }
	needed, err := isNeeded()
	if err != nil {
		return ctrl.Result{}, err
	}
	if needed {
		k.forget(req.NamespacedName)
		return kube.Retry(k.shared.ensure(ctx, req.Namespace, false))
	}
	now := k.clock()
	if end := k.idleSince(req.NamespacedName, now).Add(linger); now.Before(end) {
		return kube.WakeAt(end, now), nil
	}
	return kube.Retry(k.shared.remove(ctx, service, isNeeded))
}

func (k *keeper) isNeeded(ctx context.Context, namespace string) (bool, error) {
	if k.leftovers {
		return false, nil
	}
	var list acmev1.ChallengeList
	err := k.client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{presenting: "true"},
		client.Limit(1), client.UnsafeDisableDeepCopy)
	if err != nil {
		return false, fmt.Errorf("list challenges: %w", err)
	}
	return len(list.Items) > 0, nil
}

func (k *keeper) idleSince(key types.NamespacedName, now time.Time) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	if since, ok := k.idle[key]; ok {
		return since
	}
	k.idle[key] = now
	return now
}

func (k *keeper) forget(key types.NamespacedName) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.idle, key)
}
