package cainjection

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	ctrlsource "sigs.k8s.io/controller-runtime/pkg/source"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/metrics"
)

// Config is what the controllers need from their surroundings.
type Config struct {
	Clock   func() time.Time
	Secrets *kube.Secrets
	Workers int

	// Targets are the kinds that get bundles. Without any there is no
	// controller.
	Targets Targets
	Sources Sources
	// Grace is how long a problem has to last before people are told; 15 s if
	// zero.
	Grace time.Duration
}

// apiServerEvery is how often the CA of the API server is looked at. It is
// replaced long before the old one is of no use.
const apiServerEvery = time.Minute

// reconciler looks after the targets of one kind.
type reconciler struct {
	sources Sources
	kind    kind
	clock   func() time.Time

	client    client.Client
	targets   cache.Cache
	secrets   *kube.Secrets
	rest      rest.Interface
	apiServer rest.TLSClientConfig

	recorder events.EventRecorder
	memory   memory
}

// Setup adds a controller for each kind of targets to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, cfg Config) error {
	kinds := cfg.Targets.kinds()
	if cfg.Sources.Namespace != "" {
		var err error
		if kinds, err = granted(ctx, mgr.GetConfig(), kinds); err != nil {
			return err
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	api, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("create client of targets: %w", err)
	}
	for _, k := range kinds {
		targets, err := newTargets(ctx, mgr, k, cfg.Sources)
		if err != nil {
			return err
		}
		r := &reconciler{
			sources: cfg.Sources, kind: k, clock: cfg.Clock,
			client: mgr.GetClient(), targets: targets, secrets: cfg.Secrets, rest: api.RESTClient(), apiServer: mgr.GetConfig().TLSClientConfig,
			recorder: mgr.GetEventRecorder(fieldOwner), memory: memory{grace: cfg.Grace},
		}
		if err := r.add(mgr, cfg); err != nil {
			return fmt.Errorf("add controller of %s: %w", k.resource, err)
		}
	}
	return nil
}

func (r *reconciler) add(mgr ctrl.Manager, cfg Config) error {
	b := ctrl.NewControllerManagedBy(mgr).
		Named("cainjection-"+r.kind.resource).
		WatchesRawSource(ctrlsource.Kind(r.targets, client.Object(r.kind.metadata()), &handler.EnqueueRequestForObject{}, asked)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.targetsOfSecret), builder.WithPredicates(caChanged)).
		WatchesRawSource(ctrlsource.Kind(r.secrets.Foreign(), client.Object(kube.SecretMetadata()), handler.EnqueueRequestsFromMapFunc(r.targetsOfSecret)))
	if !r.sources.NoCertificates {
		b = b.Watches(&cmv1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.targetsOfCertificate), builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	}
	return b.WithOptions(controller.Options{
		MaxConcurrentReconciles: cfg.Workers,
		// Where the kind is not ours to read nothing is injected. That must not
		// end the operator, as a cache that does not fill up does.
		CacheSyncTimeout: math.MaxInt64,
	}).Complete(metrics.Counted("cainjection-"+r.kind.resource, r))
}

// asked holds for objects that are targets, or were.
var asked = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return asks(e.Object.GetAnnotations()) },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return asks(e.ObjectNew.GetAnnotations()) || asks(e.ObjectOld.GetAnnotations())
	},
	DeleteFunc: func(e event.DeleteEvent) bool { return asks(e.Object.GetAnnotations()) },
}

// caChanged holds for Secrets that give another CA, or gave one. A renewed
// certificate of the same CA is nothing to look at.
var caChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Secret)
		after, also := e.ObjectNew.(*corev1.Secret)
		return !ok || !also || !bytes.Equal(before.Data[cmmeta.TLSCAKey], after.Data[cmmeta.TLSCAKey]) ||
			before.Annotations[cmv1.CertificateNameKey] != after.Annotations[cmv1.CertificateNameKey] || mayInject(before) != mayInject(after)
	},
}

// Reconcile gives one target the CA of its source.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	asking := r.kind.metadata()
	if err := r.targets.Get(ctx, req.NamespacedName, asking); err != nil {
		r.memory.forget(req.Name)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	from, problem := r.sources.of(asking.Annotations)
	if from == (source{}) && problem == "" {
		r.memory.forget(req.Name)
		return ctrl.Result{}, nil
	}
	now := r.clock()
	var wake time.Time
	var err error
	if problem == "" {
		wake, problem, err = r.pass(ctx, asking, from, now)
	}
	if err != nil && problem == "" {
		return kube.Retry(err)
	}
	list, again := r.memory.trouble(req.Name, asking.UID, problem, now)
	kube.Record(r.recorder, asking, list)
	if err != nil {
		return kube.Retry(err)
	}
	return kube.WakeAt(sooner(wake, again), now), nil
}

// pass looks at a target and its source, and writes what has to be written. wake
// is when to look again if nothing happens.
func (r *reconciler) pass(ctx context.Context, asking *metav1.PartialObjectMetadata, from source, now time.Time) (wake time.Time, problem string, err error) {
	if from.origin == fromAPIServer {
		wake = now.Add(apiServerEvery)
	}
	pem, name, problem, err := r.observe(ctx, from)
	if err != nil || problem != "" {
		return wake, problem, err
	}
	ca, problem := authorities(pem, now)
	if problem != "" {
		return wake, name + " " + problem, nil
	}
	asked := stateOf(asking.UID, asking.Generation, asking.ResourceVersion, ca)
	if until, ok := r.memory.settled(asking.Name, asked, now); ok {
		return sooner(wake, until), "", nil
	}
	live, err := r.read(ctx, asking.Name)
	if err != nil {
		return wake, "", err
	}
	places, problem := r.kind.places(live)
	if problem != "" {
		return wake, problem, nil
	}
	p := next(places, ca, now)
	found := stateOf(live.Metadata.UID, live.Metadata.Generation, live.Metadata.ResourceVersion, ca)
	if p.changed {
		after, err := r.act(ctx, asking.Name, live, p)
		if err != nil {
			problem, err = refused(err)
			return wake, problem, err
		}
		ctrl.LoggerFrom(ctx).Info("injected CA", "source", from.String())
		found = stateOf(after.UID, after.Generation, after.ResourceVersion, ca)
	}
	r.memory.settle(asking.Name, found, p.wake)
	return sooner(wake, p.wake), "", nil
}
