package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// NewCache makes the cache of a manager. With a namespace it is that of an
// operator which has rights in this one namespace only: what is in others is
// absent, and so are ClusterIssuers. Nothing of it is asked for, so controllers
// need not know: what they look up there they do not find.
func NewCache(namespace string) cache.NewCacheFunc {
	if namespace == "" {
		return cache.New
	}
	return func(config *rest.Config, options cache.Options) (cache.Cache, error) {
		options.DefaultNamespaces = map[string]cache.Config{namespace: {}}
		options.NewInformer = newInformerWithin
		whole, err := cache.New(config, options)
		if err != nil {
			return nil, fmt.Errorf("create cache of namespace %s: %w", namespace, err)
		}
		return &within{Cache: whole, namespace: namespace, scheme: options.Scheme, mapper: options.Mapper}, nil
	}
}

// within is a cache of one namespace. That of controller-runtime calls it an
// error to look elsewhere, which would be tried again for ever.
type within struct {
	cache.Cache

	namespace string
	scheme    *runtime.Scheme
	mapper    meta.RESTMapper
}

// Get implements client.Reader.
func (w *within) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if !w.elsewhere(key.Namespace) {
		return w.Cache.Get(ctx, key, o, opts...)
	}
	gvk, err := apiutil.GVKForObject(o, w.scheme)
	if err != nil {
		return err
	}
	mapping, err := w.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return err
	}
	return apierrors.NewNotFound(mapping.Resource.GroupResource(), key.String())
}

// List implements client.Reader.
func (w *within) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	options := client.ListOptions{}
	options.ApplyOptions(opts)
	if !w.elsewhere(options.Namespace) {
		return w.Cache.List(ctx, list, opts...)
	}
	return meta.SetList(list, nil)
}

func (w *within) elsewhere(namespace string) bool {
	return namespace != metav1.NamespaceNone && namespace != w.namespace
}

// newInformerWithin makes the informers of a cache of one namespace.
func newInformerWithin(from toolscache.ListerWatcher, o runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	if _, ok := o.(*cmv1.ClusterIssuer); ok {
		from = noClusterIssuers{}
	}
	return toolscache.NewSharedIndexInformer(from, o, resync, indexers)
}

// noClusterIssuers stands for an API server without ClusterIssuers, in which
// none are ever made.
type noClusterIssuers struct{}

func (noClusterIssuers) List(metav1.ListOptions) (runtime.Object, error) {
	return &cmv1.ClusterIssuerList{}, nil
}

func (noClusterIssuers) Watch(metav1.ListOptions) (watch.Interface, error) {
	return watch.NewProxyWatcher(make(chan watch.Event)), nil
}

// IsWatchListSemanticsUnSupported has the informer list: a watch would have to
// say when all that exists has been sent.
func (noClusterIssuers) IsWatchListSemanticsUnSupported() bool { return true }
