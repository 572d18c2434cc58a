package challenge

import (
	"context"
	"fmt"
	"net"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/kube"
)

// SharedConfig makes the operator answer HTTP-01 challenges itself.
type SharedConfig struct {
	// Listener takes the requests.
	Listener net.Listener
	// Service of the installation that leads to all replicas of the operator.
	// Its port named http01.ResponderPort is the responder's, and it carries
	// the label of solvers, by which its EndpointSlices are found.
	Service types.NamespacedName
	// Replicas, if there is no such Service: where the operator runs outside
	// of the cluster.
	Replicas http01.Replicas
}

// shared looks after the way from the Challenges' namespaces to the responder:
// in each a Service without a selector, and EndpointSlices that repeat where the
// replicas of the operator are. All Challenges of a namespace share it; see
// keeper for when it goes.
type shared struct {
	client  client.Client
	service types.NamespacedName
	fixed   http01.Replicas

	mu    sync.Mutex
	locks map[string]*sync.Mutex // by namespace: of many Challenges one writes
}

func newShared(c client.Client, config *SharedConfig) *shared {
	return &shared{client: c, service: config.Service, fixed: config.Replicas, locks: map[string]*sync.Mutex{}}
}

func (s *shared) lock(namespace string) (unlock func()) {
	s.mu.Lock()
	one := s.locks[namespace]
	if one == nil {
		one = new(sync.Mutex)
		s.locks[namespace] = one
	}
	s.mu.Unlock()
	one.Lock()
	return one.Unlock
}

// replicas tells where the operator can be reached.
func (s *shared) replicas(ctx context.Context) (http01.Replicas, error) {
	if s.service.Name == "" {
		return s.fixed, nil
	}
	var list discoveryv1.EndpointSliceList
	err := s.client.List(ctx, &list, client.InNamespace(s.service.Namespace),
		client.MatchingLabels{discoveryv1.LabelServiceName: s.service.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("list replicas of the responder: %w", err)
	}
	return http01.ReplicasIn(list.Items), nil
}

// way is what there is of the way to the responder, and what is to be done.
type way struct {
	service  *corev1.Service // nil if there is none
	nodePort bool            // the Service has to become one
	create   []*discoveryv1.EndpointSlice
	update   []*discoveryv1.EndpointSlice
}

func (w *way) isThere() bool {
	return w.service != nil && !w.nodePort && len(w.create)+len(w.update) == 0
}

// look reads the caches. obstacle says what somebody has to do first.
func (s *shared) look(ctx context.Context, namespace string, nodePort bool) (w *way, obstacle string, err error) {
	replicas, err := s.replicas(ctx)
	if err != nil {
		return nil, "", err
	}
	if len(replicas) == 0 {
		return nil, fmt.Sprintf("no replica of the operator is ready to answer behind the Service %s", s.service), nil
	}
	w = &way{}
	service := &corev1.Service{}
	switch err := s.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: http01.SharedName}, service); {
	case apierrors.IsNotFound(err):
		return w, "", nil
	case err != nil:
		return nil, "", fmt.Errorf("get service of the responder: %w", err)
	case service.DeletionTimestamp != nil:
		return nil, fmt.Sprintf("the Service %s is being deleted", http01.SharedName), nil
	case !http01.IsSharedService(service):
		return nil, fmt.Sprintf("the Service %s has been made for something else: remove its selector, or the Service", http01.SharedName), nil
	}
	w.service, w.nodePort = service, nodePort && service.Spec.Type != corev1.ServiceTypeNodePort
	for _, want := range http01.SharedSlices(service, replicas) {
		got := &discoveryv1.EndpointSlice{}
		switch err := s.client.Get(ctx, client.ObjectKeyFromObject(want), got); {
		case apierrors.IsNotFound(err):
			w.create = append(w.create, want)
		case err != nil:
			return nil, "", fmt.Errorf("get endpoint slice of the responder: %w", err)
		case !http01.SameSlice(got, want):
			want.ResourceVersion = got.ResourceVersion
			w.update = append(w.update, want)
		}
	}
	return w, "", nil
}

// ensure makes the way. Each of its writes may be the last: the next pass goes
// on from there.
func (s *shared) ensure(ctx context.Context, namespace string, nodePort bool) error {
	defer s.lock(namespace)()
	w, obstacle, err := s.look(ctx, namespace, nodePort)
	if err != nil || obstacle != "" {
		return err // an obstacle is told by the next pass
	}
	if w.service == nil {
		kind := corev1.ServiceTypeClusterIP
		if nodePort {
			kind = corev1.ServiceTypeNodePort
		}
		if err := s.client.Create(ctx, http01.SharedService(namespace, kind), kube.FieldOwner); err != nil {
			return err
		}
		if w, _, err = s.look(ctx, namespace, nodePort); err != nil || w == nil || w.service == nil {
			return err
		}
	}
	if w.nodePort {
		turned := w.service.DeepCopy()
		turned.Spec.Type = corev1.ServiceTypeNodePort
		if err := s.client.Patch(ctx, turned, client.MergeFrom(w.service), kube.FieldOwner); err != nil {
			return err
		}
	}
	return s.write(ctx, w)
}

func (s *shared) write(ctx context.Context, w *way) error {
	for _, slice := range w.create {
		if err := s.client.Create(ctx, slice, kube.FieldOwner); err != nil {
			return err
		}
	}
	for _, slice := range w.update {
		if err := s.client.Update(ctx, slice, kube.FieldOwner); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes the Service, and with it, by their owner reference, the
// EndpointSlices, unless it is needed after all.
func (s *shared) remove(ctx context.Context, service *corev1.Service, isNeeded func() (bool, error)) error {
	defer s.lock(service.Namespace)()
	if needed, err := isNeeded(); needed || err != nil {
		return err
	}
	err := s.client.Delete(ctx, service, client.Preconditions{UID: ptr.To(service.UID)})
	if err := client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("delete service of the responder: %w", err)
	}
	return nil
}
