package controllers

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/controllers/cainjection"
	"github.com/certwright/certwright/controllers/certificate"
	"github.com/certwright/certwright/controllers/challenge"
	"github.com/certwright/certwright/controllers/issuer"
	"github.com/certwright/certwright/controllers/order"
	"github.com/certwright/certwright/controllers/reissue"
	"github.com/certwright/certwright/controllers/request"
	"github.com/certwright/certwright/controllers/revocation"
	"github.com/certwright/certwright/controllers/shim"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/dns01/worker"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/metrics"
	"github.com/certwright/certwright/internal/revocationlist"
)

// Config are the settings of the operator that controllers need.
type Config struct {
	// Namespace is the only one that the operator works in, with rights in no
	// other: there are no ClusterIssuers then, and ClusterResourceNamespace is
	// this namespace. Empty for all namespaces. The manager's cache is to be
	// that of kube.NewCache.
	Namespace                string
	ClusterResourceNamespace string
	Workers                  int
	UserAgent                string

	// Extensions says whether the kinds of the group certwright.dev are served.
	// Without them nothing is revoked, and no key is known to be compromised.
	Extensions bool
	// RevocationRetention is how long Revocations are kept that are over; zero
	// is forever.
	RevocationRetention time.Duration
	// RevocationCheck has the lists of revoked certificates read that CAs publish.
	RevocationCheck bool

	CopiedAnnotations []string
	OwnSecrets        bool
	DisableApproval   bool
	// NoSigningRequests leaves Kubernetes' own CertificateSigningRequests alone.
	NoSigningRequests bool
	Backoff           lifecycle.Backoff // after failed issuances; zero is the default

	Shim shim.Config // without Workers

	Injection cainjection.Config // Targets and Sources; without Sources.Namespace

	Solver                  http01.Options
	SolverNameservers       []string
	Responder               *Responder // nil: a pod answers each HTTP-01 challenge
	MaxConcurrentChallenges int
	OrderLimits             lifecycle.OrderLimits // of the ACME CAs
	DNS01                   DNS01
	RevocationLists         RevocationLists // of CA issuers
}

// DNS01 are the settings of DNS-01.
type DNS01 struct {
	Nameservers                           []string // the system's if there are none
	RecursiveOnly                         bool
	CheckRetry                            time.Duration // 10 s if zero
	AmbientIssuers, AmbientClusterIssuers bool
	Worker                                string // path of dns01-worker
	AllowHTTPReq                          bool   // let Issuers choose the provider httpreq
}

// namespaces are those that the operator works in; all if there are none.
func (c *Config) namespaces() []string {
	if c.Namespace == "" {
		return nil
	}
	return []string{c.Namespace}
}

// Setup adds all controllers to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, cfg Config) error {
	if err := kube.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	foreign, err := kube.NewForeignSecretsWithin(mgr, cfg.Namespace)
	if err != nil {
		return err
	}
	secrets := kube.NewSecrets(mgr.GetClient(), foreign, mgr.GetAPIReader())
	signers, accounts := issuers.New(issuers.Config{
		Client: mgr.GetClient(), Secrets: secrets, ClusterResourceNamespace: cfg.ClusterResourceNamespace,
		Random: rand.Reader, UserAgent: cfg.UserAgent, Observe: metrics.ObserveACME, ObserveVenafi: metrics.ObserveVenafi, Clock: time.Now, CRLBaseURL: cfg.RevocationLists.BaseURL,
		AmbientIssuers: cfg.DNS01.AmbientIssuers, AmbientClusterIssuers: cfg.DNS01.AmbientClusterIssuers,
	})
	var compromised *kube.CompromisedKeys
	if cfg.Extensions {
		compromised = &kube.CompromisedKeys{Reader: mgr.GetClient(), ClusterNamespace: cfg.ClusterResourceNamespace}
	}
	var published *revocationlist.Config
	if cfg.RevocationCheck {
		published = &revocationlist.Config{Clock: time.Now}
	}
	checker, err := http01.NewChecker(http01.CheckerConfig{Nameservers: cfg.SolverNameservers})
	if err != nil {
		return fmt.Errorf("set up self-check: %w", err)
	}
	resolver, err := dns01.New(dns01.Config{Nameservers: cfg.DNS01.Nameservers, RecursiveOnly: cfg.DNS01.RecursiveOnly, Clock: time.Now})
	if err != nil {
		return fmt.Errorf("set up DNS-01: %w", err)
	}
	read := &acmeview.Authorizations{}
	responder, err := cfg.Responder.listen(ctx)
	if err != nil {
		return err
	}
	if err := cfg.RevocationLists.setup(ctx, mgr, secrets, cfg.ClusterResourceNamespace, time.Now); err != nil {
		return err
	}

	for _, c := range []struct {
		name  string
		setup func() error
	}{
		{"certificate", func() error {
			return certificate.Setup(mgr, certificate.Config{
				Clock: time.Now, Random: rand.Reader, Secrets: secrets, Workers: cfg.Workers,
				ClusterResourceNamespace: cfg.ClusterResourceNamespace,
				CopiedAnnotations:        cfg.CopiedAnnotations, OwnSecrets: cfg.OwnSecrets, Backoff: cfg.Backoff,
				RenewalInfo: accounts, Extensions: cfg.Extensions, Compromised: compromised, RevocationLists: published,
			})
		}},
		{"request", func() error {
			config := request.Config{
				Clock: time.Now, Signers: signers, Secrets: secrets, Compromised: compromised, DisableApproval: cfg.DisableApproval, Workers: cfg.Workers,
				Namespace: cfg.Namespace,
			}
			if err := request.Setup(mgr, config); err != nil || cfg.NoSigningRequests || cfg.Namespace != "" {
				return err // those requests are in no namespace
			}
			return request.SetupCSR(mgr, config, cfg.ClusterResourceNamespace)
		}},
		{"issuer", func() error {
			return issuer.Setup(mgr, issuer.Config{
				Clock: time.Now, Signers: signers, Secrets: secrets, ClusterResourceNamespace: cfg.ClusterResourceNamespace, Lost: accounts.Lost,
			})
		}},
		{"order", func() error {
			return order.Setup(mgr, order.Config{Clients: accounts, Read: read, SharedResponder: cfg.Responder != nil, Limits: cfg.OrderLimits, Clock: time.Now, Workers: cfg.Workers})
		}},
		{"challenge", func() error {
			return challenge.Setup(mgr, challenge.Config{
				Clients: accounts, Read: read, Checker: checker, Solver: cfg.Solver, Shared: responder, MaxConcurrent: cfg.MaxConcurrentChallenges,
				DNS01: &challenge.DNS01Config{
					Resolver: resolver, CheckRetry: cfg.DNS01.CheckRetry, Secrets: secrets, ClusterResourceNamespace: cfg.ClusterResourceNamespace,
					AmbientIssuers: cfg.DNS01.AmbientIssuers, AmbientClusterIssuers: cfg.DNS01.AmbientClusterIssuers,
					Worker: worker.New(worker.Options{Path: cfg.DNS01.Worker, AllowHTTPReq: cfg.DNS01.AllowHTTPReq}),
				},
				Clock: time.Now, Workers: cfg.Workers, Namespaces: cfg.namespaces(),
			})
		}},
		{"revocation", func() error {
			if !cfg.Extensions {
				return nil
			}
			return revocation.Setup(mgr, revocation.Config{
				Clock: time.Now, Revokers: signers, Secrets: secrets, ClusterResourceNamespace: cfg.ClusterResourceNamespace,
				Retention: cfg.RevocationRetention, Workers: cfg.Workers,
			})
		}},
		{"reissue", func() error {
			if !cfg.Extensions {
				return nil
			}
			return reissue.Setup(ctx, mgr, reissue.Config{
				Clock: time.Now, Secrets: secrets, ClusterResourceNamespace: cfg.ClusterResourceNamespace, Limits: cfg.OrderLimits,
			})
		}},
		{"shim", func() error {
			cfg.Shim.Workers = cfg.Workers
			return shim.Setup(mgr, cfg.Shim)
		}},
		{"CA injection", func() error {
			config := cfg.Injection
			config.Clock, config.Secrets, config.Workers, config.Sources.Namespace = time.Now, secrets, cfg.Workers, cfg.Namespace
			return cainjection.Setup(ctx, mgr, config)
		}},
	} {
		if err := c.setup(); err != nil {
			return fmt.Errorf("set up %s controller: %w", c.name, err)
		}
	}
	return nil
}
