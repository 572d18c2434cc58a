package challenge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/kube"
)

// errNoGatewayAPI: somebody may install it at any time.
var errNoGatewayAPI = errors.New("the cluster does not serve HTTPRoutes; install the Gateway API")

// firstRead bounds the time in which the HTTPRoutes are read for the first
// time. It takes milliseconds, and a worker waits for it.
const firstRead = 5 * time.Second

// routes reads and writes HTTPRoutes of solvers. Most clusters have no Gateway
// API when the operator starts, many never: so nothing is watched before the
// first Challenge needs it. What is watched carries the solver's label.
type routes struct {
	mgr        ctrl.Manager
	watch      func(source.Source) error
	namespaces []string // all if there are none

	mu    sync.Mutex
	ready bool
	made  cluster.Cluster // nil until HTTPRoutes are served
}

// client gives a client that reads from a cache and waits there for its own
// writes.
func (r *routes) client(ctx context.Context) (client.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made == nil {
		if err := r.start(); err != nil {
			return nil, err
		}
	}
	if !r.ready {
		ctx, cancel := context.WithTimeout(ctx, firstRead)
		defer cancel()
		if !r.made.GetCache().WaitForCacheSync(ctx) {
			return nil, fmt.Errorf("read HTTPRoutes: %w", context.Cause(ctx))
		}
		r.ready = true
	}
	return r.made.GetClient(), nil
}

func (r *routes) start() error {
	kind := schema.GroupKind{Group: gwapi.GroupName, Kind: "HTTPRoute"}
	switch _, err := r.mgr.GetRESTMapper().RESTMapping(kind, gwapi.GroupVersion.Version); {
	case meta.IsNoMatchError(err):
		return errNoGatewayAPI
	case err != nil:
		return fmt.Errorf("discover HTTPRoutes: %w", err)
	}
	made, err := cluster.New(r.mgr.GetConfig(), func(o *cluster.Options) {
		o.Scheme = r.mgr.GetScheme()
		o.HTTPClient = r.mgr.GetHTTPClient()
		o.MapperProvider = func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return r.mgr.GetRESTMapper(), nil }
		o.Client = kube.ClientOptions()
		for _, namespace := range r.namespaces {
			if o.Cache.DefaultNamespaces == nil {
				o.Cache.DefaultNamespaces = map[string]cache.Config{}
			}
			o.Cache.DefaultNamespaces[namespace] = cache.Config{}
		}
		o.Cache.DefaultTransform = cache.TransformStripManagedFields()
		o.Cache.ByObject = map[client.Object]cache.ByObject{
			&gwapi.HTTPRoute{}: {Label: labels.SelectorFromSet(labels.Set{acmev1.SolverIdentificationLabelKey: "true"})},
		}
	})
	if err != nil {
		return fmt.Errorf("cache HTTPRoutes: %w", err)
	}
	if err := r.mgr.Add(made); err != nil {
		return fmt.Errorf("start cache of HTTPRoutes: %w", err)
	}
	owner := handler.TypedEnqueueRequestForOwner[*gwapi.HTTPRoute](r.mgr.GetScheme(), r.mgr.GetRESTMapper(), &acmev1.Challenge{}, handler.OnlyControllerOwner())
	if err := r.watch(source.Kind(made.GetCache(), &gwapi.HTTPRoute{}, owner)); err != nil {
		return fmt.Errorf("watch HTTPRoutes: %w", err)
	}
	r.made = made
	return nil
}
