package challenge

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/source"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
)

// Clients gives the client for an issuer's ACME account.
type Clients interface {
	// Client errs if the issuer has no registered account yet.
	Client(ctx context.Context, issuer cmv1.GenericIssuer) (*acme.Client, error)
}

// Checker looks at an HTTP-01 challenge once; see http01.Checker.
type Checker interface {
	Check(ctx context.Context, target http01.Target) (lifecycle.SelfCheckVerdict, string)
}

// Config is what the controller needs from outside.
type Config struct {
	Clients Clients
	Checker Checker
	Solver  http01.Options
	// Read are authorizations that the order controller has read; may be nil.
	Read *acmeview.Authorizations
	// Shared makes the operator answer challenges itself; nil for a pod of its
	// own for each.
	Shared *SharedConfig
	// DNS01 is how DNS-01 challenges are solved; nil if they are not.
	DNS01 *DNS01Config
	// Namespaces are those that the manager's cache is restricted to; all if
	// there are none.
	Namespaces []string
	// MaxConcurrent bounds the Challenges that are under way at the same
	// time; 60 if zero (contract 2.8).
	MaxConcurrent int
	// Clock tells the time; time.Now if nil.
	Clock func() time.Time
	// Workers is the number of Challenges looked at at the same time; 5 if
	// zero (contract 2.0).
	Workers int
}

const (
	defaultWorkers       = 5
	defaultMaxConcurrent = 60

	// maxAnswers bounds what one pass asks; more than a few are never needed.
	maxAnswers = 8

	// promptly is when to look again after a conflict.
	promptly = 50 * time.Millisecond
)

// Reconciler looks after Challenges.
type Reconciler struct {
	client   client.Client
	recorder events.EventRecorder
	clients  Clients
	solver   http01.Options
	read     *acmeview.Authorizations
	clock    func() time.Time
	memory   *memory
	slots    *slots
	checks   *checks
	failures *failures
	shared   *shared   // nil: pods answer
	dns      *solveDNS // nil: there is no DNS-01
	records  *records
	routes   *routes
}

// Setup adds the controller to the manager.
func Setup(mgr ctrl.Manager, config Config) error {
	wake := make(chan wakeUp, maxWakeUps)
	r := &Reconciler{
		client:   mgr.GetClient(),
		recorder: mgr.GetEventRecorder("cert-manager-challenges"),
		clients:  config.Clients,
		solver:   config.Solver,
		read:     config.Read,
		clock:    config.Clock,
		memory:   newMemory(),
		failures: newFailures(),
		slots:    newSlots(orDefault(config.MaxConcurrent, defaultMaxConcurrent), wake),
	}
	if r.clock == nil {
		r.clock = time.Now //nolint:forbidigo // here the clock is injected
	}
	r.checks = newChecks(config.Checker, r.clock, wake)
	if err := mgr.Add(r.checks); err != nil {
		return fmt.Errorf("add self-checks: %w", err)
	}
	var err error
	if r.dns, err = newSolveDNS(mgr, config.DNS01, config.Clients, r.clock); err != nil {
		return err
	}
	r.records = newRecords(r.dns, r.clock, wake)
	if err := mgr.Add(r.records); err != nil {
		return fmt.Errorf("add writers of TXT records: %w", err)
	}
	if err := gwapi.Install(mgr.GetScheme()); err != nil {
		return fmt.Errorf("add HTTPRoutes to the scheme: %w", err)
	}
	if err := addIndexes(mgr); err != nil {
		return err
	}
	b := ctrl.NewControllerManagedBy(mgr).
		Named("challenges").
		For(&acmev1.Challenge{}).
		Owns(&corev1.Pod{}).
		Owns(&corev1.Service{}).
		Owns(&networkingv1.Ingress{}).
		Watches(&networkingv1.Ingress{}, r.challengesOfIngress()).
		Watches(&cmv1.Issuer{}, r.challengesOfIssuer(), builder.WithPredicates(issuerChanged)).
		Watches(&cmv1.ClusterIssuer{}, r.challengesOfIssuer(), builder.WithPredicates(issuerChanged)).
		WatchesRawSource(source.Channel(wake, enqueueWoken)).
		WithOptions(controller.Options{MaxConcurrentReconciles: orDefault(config.Workers, defaultWorkers)})
	if err := r.setupShared(mgr, b, config.Shared); err != nil {
		return err
	}
	built, err := b.Build(metrics.Counted("challenges", r))
	if err != nil {
		return fmt.Errorf("set up challenge controller: %w", err)
	}
	r.routes = &routes{mgr: mgr, watch: built.Watch, namespaces: config.Namespaces}
	return nil
}

// setupShared adds who looks after the way to the responder and, if the operator
// is to answer itself, the responder.
func (r *Reconciler) setupShared(mgr ctrl.Manager, b *builder.Builder, config *SharedConfig) error {
	shared, err := setupKeeper(mgr, config, r.clock)
	if err != nil || config == nil {
		return err
	}
	r.shared = shared
	if err := mgr.Add(&answers{client: mgr.GetClient(), listener: config.Listener}); err != nil {
		return fmt.Errorf("add responder: %w", err)
	}
	b.Watches(&corev1.Service{}, r.challengesOfWay()).
		Watches(&discoveryv1.EndpointSlice{}, r.challengesOfWay())
	return nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Reconcile looks at one Challenge and does the next thing about it.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	seen, err := r.observe(ctx, req.NamespacedName)
	if seen == nil || err != nil {
		return ctrl.Result{}, err
	}
	now := r.clock()
	d := lifecycle.NextChallenge(seen.ChallengeSeen, now)
	for answers := 0; ; answers++ {
		if answers == maxAnswers {
			return ctrl.Result{RequeueAfter: promptly}, nil
		}
		answered, err := r.act(ctx, seen, d.Action, now)
		if apierrors.IsConflict(err) {
			return ctrl.Result{RequeueAfter: promptly}, nil
		}
		if err != nil {
			return ctrl.Result{}, err
		}
		if !answered {
			break
		}
		now = r.clock()
		d = lifecycle.NextChallenge(seen.ChallengeSeen, now)
	}
	return r.finish(ctx, seen.Challenge, d, now)
}

// finish stores the status if it changed, tells about it, and says when to
// look again.
func (r *Reconciler) finish(ctx context.Context, challenge *acmev1.Challenge, d lifecycle.ChallengeDecision, now time.Time) (ctrl.Result, error) {
	result := kube.WakeAt(d.Wake, now)
	if _, letGo := d.Action.(lifecycle.RemoveFinalizers); letGo {
		kube.Record(r.recorder, challenge, d.Events)
		return result, nil
	}
	if equality.Semantic.DeepEqual(challenge.Status, d.Status) {
		return result, nil
	}
	changed := challenge.DeepCopy()
	changed.Status = d.Status
	if err := kube.UpdateStatus(ctx, r.client, changed); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return ctrl.Result{RequeueAfter: promptly}, nil
		}
		return ctrl.Result{}, err
	}
	kube.Record(r.recorder, challenge, d.Events)
	if d.Status.State == acmev1.Invalid {
		r.failures.add(challenge, now)
	}
	return result, nil
}
