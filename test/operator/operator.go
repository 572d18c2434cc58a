package operator

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
)

// Scheme knows the kinds of Kubernetes and our own, and more.
func Scheme(t testing.TB, more ...func(*runtime.Scheme) error) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range append([]func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme, v1alpha1.AddToScheme}, more...) {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

// Operator is a manager that has not been started, and what controllers need
// besides.
type Operator struct {
	Manager ctrl.Manager
	Secrets *kube.Secrets
	// ClusterNamespace is the cluster resource namespace: the one it works on,
	// unless the test says otherwise.
	ClusterNamespace string

	t testing.TB
}

// New makes an operator for a namespace, which sees no others but the further
// ones. Its indexes are there; its controllers are for the test to set up.
func New(t testing.TB, to *rest.Config, scheme *runtime.Scheme, namespace string, further ...string) *Operator {
	t.Helper()
	caches := kube.CacheOptions()
	caches.DefaultNamespaces = map[string]cache.Config{namespace: {}}
	for _, also := range further {
		caches.DefaultNamespaces[also] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(to, ctrl.Options{
		Scheme: scheme, Cache: caches, Client: kube.ClientOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}, // several in one process
		Logger:     testr.NewWithInterface(quiet{t}, testr.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := kube.AddIndexes(t.Context(), mgr.GetFieldIndexer()); err != nil {
		t.Fatal(err)
	}
	foreign, err := kube.NewForeignSecrets(mgr)
	if err != nil {
		t.Fatal(err)
	}
	return &Operator{
		Manager: mgr, ClusterNamespace: namespace, t: t,
		Secrets: kube.NewSecrets(mgr.GetClient(), foreign, mgr.GetAPIReader()),
	}
}

// Issuers are the signers of all types of issuers, and the ACME accounts.
func (o *Operator) Issuers(clock func() time.Time) (issuers.Registry, *issuers.Accounts) {
	return issuers.New(issuers.Config{
		Client: o.Manager.GetClient(), Secrets: o.Secrets, ClusterResourceNamespace: o.ClusterNamespace,
		Random: rand.Reader, Clock: clock,
	})
}

// Start starts the manager. It ends with the test, or when it is stopped.
func (o *Operator) Start() (stop func()) {
	o.t.Helper()
	ctx, cancel := context.WithCancel(context.Background()) // the test's own is over when it cleans up
	ended := make(chan error, 1)
	go func() { ended <- o.Manager.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			o.t.Errorf("run operator: %v", err)
		}
	})
	o.t.Cleanup(stop)
	return stop
}

// quiet logs to the test, but not after it, where the manager's goroutines
// still have a last word.
type quiet struct{ t testing.TB }

func (q quiet) Helper() {}

func (q quiet) Log(args ...any) {
	if q.t.Context().Err() == nil {
		q.t.Log(args...)
	}
}
