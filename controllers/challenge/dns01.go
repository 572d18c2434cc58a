package challenge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/dns01/worker"
	"github.com/certwright/certwright/internal/lifecycle"
)

// DNS01Config is what DNS-01 needs from outside.
type DNS01Config struct {
	// Resolver finds zones, and looks whether records can be seen.
	Resolver *dns01.Resolver
	// CheckRetry is the longest pause between looks; 10 s if zero.
	CheckRetry time.Duration

	Secrets SecretReader
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string
	// AmbientIssuers and AmbientClusterIssuers may use the credentials of the
	// operator's own surroundings (contract 2.8).
	AmbientIssuers, AmbientClusterIssuers bool

	// Worker starts the providers that are neither RFC 2136 nor a webhook; nil
	// if this operator has none.
	Worker *worker.Client
}

// SecretReader reads Secrets, which must not be changed. A missing one is a
// NotFound error.
type SecretReader interface {
	Get(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error)
}

// solveDNS is how records are written: the configuration, and the API server
// for webhooks.
type solveDNS struct {
	DNS01Config
	client  client.Client
	clients Clients
	clock   func() time.Time

	http   *http.Client
	server *url.URL

	// provide makes the provider that a challenge names. needsKey tells that it
	// has to know the key authorization.
	provide func(ctx context.Context, c *acmev1.Challenge) (p dns01.Provider, needsKey bool, err error)
}

func newSolveDNS(mgr ctrl.Manager, config *DNS01Config, clients Clients, clock func() time.Time) (*solveDNS, error) {
	if config == nil {
		return nil, nil //nolint:nilnil // without DNS-01 there is nothing to solve with
	}
	server, _, err := rest.DefaultServerUrlFor(mgr.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("find API server: %w", err)
	}
	d := &solveDNS{
		DNS01Config: *config, client: mgr.GetClient(), clients: clients, clock: clock,
		http: mgr.GetHTTPClient(), server: server,
	}
	d.provide = d.provider
	return d, nil
}

var errNoDNS01 = errors.New("this operator is not set up for DNS-01")

// recordTimeout bounds one operation. Some providers answer only when all their
// servers have a record, for which the slowest take two minutes.
const recordTimeout = 3 * time.Minute

// locate finds out where the record of a challenge is to be written.
func (d *solveDNS) locate(ctx context.Context, c *acmev1.Challenge) (dns01.Record, error) {
	resolver, err := d.Resolver.With(c.Spec.Solver.DNS01.Nameservers)
	if err != nil {
		return dns01.Record{}, err
	}
	name, err := dns01.RecordName(c.Spec.DNSName)
	if err != nil {
		return dns01.Record{}, err
	}
	if c.Spec.Solver.DNS01.CNAMEStrategy == acmev1.FollowStrategy {
		if name, err = resolver.Follow(ctx, name); err != nil {
			return dns01.Record{}, err
		}
	}
	zone, err := resolver.Zone(ctx, name)
	if err != nil {
		return dns01.Record{}, err
	}
	return dns01.Record{FQDN: name, Zone: zone, Value: c.Spec.Key, Domain: c.Spec.DNSName}, nil
}

// look looks at the record once, as a self-check.
func (d *solveDNS) look(ctx context.Context, c *acmev1.Challenge) (lifecycle.SelfCheckVerdict, string) {
	if d == nil {
		return lifecycle.SelfCheckWrong, errNoDNS01.Error()
	}
	resolver, err := d.Resolver.With(c.Spec.Solver.DNS01.Nameservers)
	if err != nil {
		return lifecycle.SelfCheckWrong, err.Error()
	}
	verdict, text := resolver.Look(ctx, c.Spec.DNSName, c.Spec.Key)
	switch verdict {
	case dns01.Seen:
		return lifecycle.SelfCheckPassed, text
	case dns01.CannotTell:
		return lifecycle.SelfCheckUnreachable, text
	case dns01.NotYet:
	}
	return lifecycle.SelfCheckWrong, text
}

// issuerOf reads the issuer of a challenge, whatever has become of it.
func (d *solveDNS) issuerOf(ctx context.Context, c *acmev1.Challenge) (cmv1.GenericIssuer, error) {
	key := types.NamespacedName{Namespace: c.Namespace, Name: c.Spec.IssuerRef.Name}
	if c.Spec.IssuerRef.KindOrDefault() == cmv1.ClusterIssuerKind {
		issuer := &cmv1.ClusterIssuer{}
		key.Namespace = metav1.NamespaceNone
		return issuer, d.client.Get(ctx, key, issuer)
	}
	issuer := &cmv1.Issuer{}
	return issuer, d.client.Get(ctx, key, issuer)
}

// observeRecord tells what is known of the record, and what has become of the
// last attempt at it.
func (r *Reconciler) observeRecord(ctx context.Context, s *sight) {
	if s.Challenge.Spec.Solver.DNS01 == nil {
		return
	}
	status, known := s.Challenge.Status, r.records.take(s.Challenge.UID)
	s.Writing = known.since
	if known.ended != nil {
		r.recordEnded(ctx, s, *known.ended)
	}
	if isOver(s.Challenge) {
		s.Present[lifecycle.SolverRecord] = !known.removed && (known.attempted || status.Presented || status.Processing)
	} else {
		s.Present[lifecycle.SolverRecord] = known.written || status.Presented
	}
	if r.dns != nil {
		s.DNSCheckRetry = r.dns.CheckRetry
	}
}

func (r *Reconciler) recordEnded(ctx context.Context, s *sight, ended recordEnd) {
	step := lifecycle.StepPresent
	if ended.remove {
		step = lifecycle.StepCleanUp
	}
	if ended.err == nil {
		s.succeeded(step)
		return
	}
	now := r.clock()
	fault := recordFault(step, ended.err, now)
	log.FromContext(ctx).V(1).Info("step failed", "step", step, "fault", fault.Message)
	s.failed(step, fault, now)
}

// recordFault: a record that can not be written is tried again within minutes,
// because whoever mends the cause tells nobody here; one that can not be removed
// has more time.
func recordFault(step lifecycle.Step, err error, now time.Time) lifecycle.Fault {
	fault := acmeview.Fault(err, now)
	fault.Kind, fault.Code = lifecycle.Wait, lifecycle.OtherFault
	if step == lifecycle.StepCleanUp {
		fault.Kind = lifecycle.Retry
	}
	if errors.As(err, new(*missingError)) {
		fault.Code = lifecycle.NotFound
	}
	return fault
}
