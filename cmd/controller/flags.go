package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/controllers"
	"github.com/certwright/certwright/controllers/shim"
	"github.com/certwright/certwright/internal/contract"
	"github.com/certwright/certwright/internal/http01"
	"github.com/certwright/certwright/internal/lifecycle"
)

// flags are the settings of the command line, under the names of the contract
// (Appendix B).
type flags struct {
	config   string
	accepted acceptedFlags
	warnings []string // about them, for the log

	master     string
	kubeconfig string
	qps        float32
	burst      int

	namespace                string
	clusterResourceNamespace string
	workers                  int
	enabled                  []string
	copiedAnnotations        []string
	ownSecrets               bool
	backoff                  lifecycle.Backoff
	revocationRetention      time.Duration
	revocationCheck          bool

	shim         shim.Config
	gatewayAPI   bool
	listenerSets bool
	injection    injectionFlags

	solver                 http01.Options
	solverCPURequest       string
	solverCPULimit         string
	solverMemoryRequest    string
	solverMemoryLimit      string
	solverNameservers      []string
	responder              responderFlags
	lists                  listFlags
	maxConcurrentChallenge int
	orderLimits            []string
	dns01                  controllers.DNS01

	leaderElect             bool
	leaderElectionNamespace string
	leaseDuration           time.Duration
	renewDeadline           time.Duration
	retryPeriod             time.Duration

	metricsAddress string
	metricsTLS     metricsTLSFlags
	healthAddress  string
	profiling      bool
	profiler       string
	logFormat      string
	verbosity      int
}

func defaultFlags() *flags {
	return &flags{
		// Ten passes at a time keep both cores of a small machine busy while
		// some of them wait for the API server.
		workers:                  10,
		clusterResourceNamespace: "kube-system",
		enabled:                  []string{"*"},
		copiedAnnotations:        lifecycle.DefaultCopiedAnnotations,
		backoff:                  lifecycle.IssuanceBackoff,
		// A year: an audit looks back that far, and the certificates have
		// expired long before.
		revocationRetention: 365 * 24 * time.Hour,
		revocationCheck:     true,
		shim: shim.Config{
			DefaultIssuer:              shim.DefaultIssuer{Kind: cmv1.IssuerKind, Group: cmv1.GroupName},
			AutoCertificateAnnotations: []string{cmv1.TLSACMEAnnotationKey},
		},
		// A cluster without the Gateway API costs a small request now and then.
		gatewayAPI:              true,
		listenerSets:            true,
		injection:               defaultInjectionFlags(),
		solver:                  http01.DefaultOptions(""),
		solverCPURequest:        "10m",
		solverCPULimit:          "100m",
		solverMemoryRequest:     "64Mi",
		solverMemoryLimit:       "64Mi",
		responder:               responderFlags{mode: solverModePod, listen: "0.0.0.0:8089"},
		lists:                   listFlags{listen: "0"},
		maxConcurrentChallenge:  60,
		orderLimits:             lifecycle.DefaultOrderLimits,
		dns01:                   controllers.DNS01{CheckRetry: 10 * time.Second, AmbientClusterIssuers: true, Worker: besides("dns01-worker")},
		leaderElect:             true,
		leaderElectionNamespace: "kube-system",
		leaseDuration:           time.Minute,
		renewDeadline:           40 * time.Second,
		retryPeriod:             15 * time.Second,
		metricsAddress:          "0.0.0.0:9402",
		healthAddress:           "0.0.0.0:9403",
		profiler:                "localhost:6060",
		logFormat:               "text",
		verbosity:               0,
	}
}

// besides is where a program is that was installed with this one.
func besides(program string) string {
	self, err := os.Executable()
	if err != nil {
		return program
	}
	return filepath.Join(filepath.Dir(self), program)
}

func (f *flags) register(s *pflag.FlagSet) {
	s.StringVar(&f.config, "config", f.config, "file with these settings, a "+contract.FileKind+" of "+contract.FileVersion+"; those of the command line are stronger")
	s.StringVar(&f.master, "master", f.master, "URL of the API server, in place of that in the kubeconfig file")
	s.StringVar(&f.kubeconfig, "kubeconfig", f.kubeconfig, "kubeconfig file; without it the pod's service account is used")
	s.Float32Var(&f.qps, "kube-api-qps", f.qps, "requests per second to the API server; 0 leaves the pace to the API server's own priority and fairness")
	s.IntVar(&f.burst, "kube-api-burst", 50, "requests at once to the API server, if kube-api-qps is set")
	s.StringVar(&f.namespace, "namespace", f.namespace, "the only namespace to work in, with rights in no other and without ClusterIssuers; all if empty")
	s.StringVar(&f.clusterResourceNamespace, "cluster-resource-namespace", f.clusterResourceNamespace, "namespace of the Secrets of ClusterIssuers")
	s.IntVar(&f.workers, "concurrent-workers", f.workers, "objects of one kind looked at at the same time; requests of one issuer, for fairness among issuers, and twice as many of all")
	s.StringSliceVar(&f.enabled, "controllers", f.enabled, "'*' for all; '-certificaterequests-approver' leaves approval to others, '-certificatesigningrequests', '-ingress-shim', '-gateway-shim' and '-listenerset-shim' leave these objects alone")
	s.StringSliceVar(&f.copiedAnnotations, "copied-annotation-prefixes", f.copiedAnnotations, "annotations that a Certificate's requests get: prefixes, '*' for all, '-' in front to exclude")
	s.BoolVar(&f.ownSecrets, "enable-certificate-owner-ref", f.ownSecrets, "make Certificates the owners of their Secrets, so that a Secret is deleted with its Certificate")

	s.DurationVar(&f.backoff.Least, "certificate-request-minimum-backoff-duration", f.backoff.Least, "wait after the first failed issuance of a Certificate; doubled with every further one")
	s.DurationVar(&f.backoff.Most, "certificate-request-maximum-backoff-duration", f.backoff.Most, "longest wait after a failed issuance")

	s.DurationVar(&f.revocationRetention, "revocation-retention", f.revocationRetention, "how long Revocations are kept as a record when they are over; 0 is forever")
	s.BoolVar(&f.revocationCheck, "revocation-check", f.revocationCheck, "read the lists of revoked certificates that CAs publish: of CA issuers with spec.ca.crl, and of ACME CAs without renewal information; issue anew what is on them")

	s.StringVar(&f.shim.DefaultIssuer.Name, "default-issuer-name", f.shim.DefaultIssuer.Name, "issuer of an Ingress that asks for a certificate without naming one")
	s.StringVar(&f.shim.DefaultIssuer.Kind, "default-issuer-kind", f.shim.DefaultIssuer.Kind, "kind of the default issuer")
	s.StringVar(&f.shim.DefaultIssuer.Group, "default-issuer-group", f.shim.DefaultIssuer.Group, "API group of the default issuer")
	s.StringSliceVar(&f.shim.AutoCertificateAnnotations, "auto-certificate-annotations", f.shim.AutoCertificateAnnotations, "annotations by which an Ingress asks for a certificate from the default issuer")
	s.StringSliceVar(&f.shim.ExtraCertificateAnnotations, "extra-certificate-annotations", f.shim.ExtraCertificateAnnotations, "annotations of an Ingress, Gateway or ListenerSet that its Certificates get")
	s.BoolVar(&f.gatewayAPI, "enable-gateway-api", f.gatewayAPI, "make Certificates for annotated Gateways and ListenerSets, as soon as the cluster has these kinds")
	s.BoolVar(&f.listenerSets, "enable-gateway-api-listenerset", f.listenerSets, "with enable-gateway-api, also for ListenerSets")
	s.StringSliceVar(&f.shim.GatewayExtraProtocols, "gateway-api-extra-protocols", f.shim.GatewayExtraProtocols, "protocols of listeners, besides HTTPS and TLS, that take a certificate")

	f.injection.register(s)

	s.StringVar(&f.solver.Image, "acme-http01-solver-image", f.solver.Image, "image of the pods that answer HTTP-01 challenges")
	s.StringVar(&f.solverCPURequest, "acme-http01-solver-resource-request-cpu", f.solverCPURequest, "CPU request of a solver pod")
	s.StringVar(&f.solverCPULimit, "acme-http01-solver-resource-limits-cpu", f.solverCPULimit, "CPU limit of a solver pod")
	s.StringVar(&f.solverMemoryRequest, "acme-http01-solver-resource-request-memory", f.solverMemoryRequest, "memory request of a solver pod")
	s.StringVar(&f.solverMemoryLimit, "acme-http01-solver-resource-limits-memory", f.solverMemoryLimit, "memory limit of a solver pod")
	s.BoolVar(&f.solver.RunAsNonRoot, "acme-http01-solver-run-as-non-root", f.solver.RunAsNonRoot, "refuse solver images that run as root")
	s.StringVar(&f.solver.RuntimeClassName, "acme-http01-solver-runtime-class-name", f.solver.RuntimeClassName, "runtime class of solver pods")
	s.StringToStringVar(&f.solver.ExtraLabels, "acme-http01-solver-extra-labels", f.solver.ExtraLabels, "more labels for solver pods")
	s.StringSliceVar(&f.solverNameservers, "acme-http01-solver-nameservers", f.solverNameservers, "nameservers (host, host:port, https://...) of the HTTP-01 self-check; the system's if empty")
	f.responder.register(s)
	f.lists.register(s)
	s.StringSliceVar(&f.dns01.Nameservers, "dns01-recursive-nameservers", f.dns01.Nameservers, "recursive nameservers (host, host:port, https://...) by which zones and records of DNS-01 are looked up; the system's if empty")
	s.BoolVar(&f.dns01.RecursiveOnly, "dns01-recursive-nameservers-only", f.dns01.RecursiveOnly, "look for DNS-01 records at the recursive nameservers only, not at the authoritative ones")
	s.DurationVar(&f.dns01.CheckRetry, "dns01-check-retry-period", f.dns01.CheckRetry, "longest pause between looks at a DNS-01 record")
	s.StringVar(&f.dns01.Worker, "dns01-worker", f.dns01.Worker, "program that is started for each operation at a DNS provider other than rfc2136 and webhook")
	s.BoolVar(&f.dns01.AllowHTTPReq, "dns01-allow-httpreq", f.dns01.AllowHTTPReq, "allow the DNS provider httpreq, which sends requests to a URL that the issuer names")
	s.BoolVar(&f.dns01.AmbientIssuers, "issuer-ambient-credentials", f.dns01.AmbientIssuers, "let Issuers use the credentials of the operator's own surroundings, for DNS-01 and for Vault by AWS")
	s.BoolVar(&f.dns01.AmbientClusterIssuers, "cluster-issuer-ambient-credentials", f.dns01.AmbientClusterIssuers, "let ClusterIssuers use them")
	s.IntVar(&f.maxConcurrentChallenge, "max-concurrent-challenges", f.maxConcurrentChallenge, "challenges under way at the same time")
	s.StringSliceVar(&f.orderLimits, "acme-order-limits", f.orderLimits, "new orders of an account that an ACME CA takes, by the host of its directory, '*' for all others; count 0 is no limit")

	s.BoolVar(&f.leaderElect, "leader-elect", f.leaderElect, "work only while holding the lease, so that replicas can stand by")
	s.StringVar(&f.leaderElectionNamespace, "leader-election-namespace", f.leaderElectionNamespace, "namespace of the lease")
	s.DurationVar(&f.leaseDuration, "leader-election-lease-duration", f.leaseDuration, "how long a lease is valid that is not renewed")
	s.DurationVar(&f.renewDeadline, "leader-election-renew-deadline", f.renewDeadline, "how long the leader tries to renew before it gives up")
	s.DurationVar(&f.retryPeriod, "leader-election-retry-period", f.retryPeriod, "time between two tries to get or renew the lease")

	s.StringVar(&f.metricsAddress, "metrics-listen-address", f.metricsAddress, "address of the metrics; 0 for none")
	f.metricsTLS.register(s)
	s.StringVar(&f.healthAddress, "health-listen-address", f.healthAddress, "address of /livez and /readyz; 0 for none")
	s.BoolVar(&f.profiling, "enable-profiling", f.profiling, "serve profiles of the process (pprof)")
	s.StringVar(&f.profiler, "profiler-address", f.profiler, "address of the profiles, if enabled; they tell what is in memory, so keep it local")
	s.StringVar(&f.logFormat, "logging-format", f.logFormat, "text or json")
	s.IntVarP(&f.verbosity, "v", "v", f.verbosity, "verbosity of the log")
	f.accepted.register(s)
}

// read completes what the command line says by what the file says, and by what
// follows from both.
func (f *flags) read(given *pflag.FlagSet) error {
	if err := readConfig(given, f.config); err != nil {
		return err
	}
	var err error
	if f.warnings, err = f.accepted.apply(f, given); err != nil {
		return err
	}
	return f.settle(given)
}

func (f *flags) restConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags(f.master, f.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.UserAgent = "certwright/" + version
	config.QPS, config.Burst = f.qps, f.burst
	if f.qps == 0 {
		config.QPS = -1
	}
	return config, nil
}

// Names of the contract for what can be switched off. Our other controllers are
// fewer than the contract's, so they can not be told apart by its names.
const (
	approverController    = "certificaterequests-approver"
	csrController         = "certificatesigningrequests"
	ingressController     = "ingress-shim"
	gatewayController     = "gateway-shim"
	listenerSetController = "listenerset-shim"
)

func (f *flags) controllers() (controllers.Config, error) {
	disableApproval, noSigningRequests := false, false
	shims := f.shim
	shims.NoGateways, shims.NoListenerSets = !f.gatewayAPI, !f.gatewayAPI || !f.listenerSets
	for _, name := range f.enabled {
		switch name {
		case "*":
		case "-" + approverController:
			disableApproval = true
		case "-" + csrController:
			noSigningRequests = true
		case "-" + ingressController:
			shims.NoIngresses = true
		case "-" + gatewayController:
			shims.NoGateways = true
		case "-" + listenerSetController:
			shims.NoListenerSets = true
		default:
			return controllers.Config{}, fmt.Errorf("read --controllers: %q is not known; use '*', and with a '-' in front %s, %s, %s, %s, %s",
				name, approverController, csrController, ingressController, gatewayController, listenerSetController)
		}
	}
	responder, err := f.responder.config()
	if err != nil {
		return controllers.Config{}, err
	}
	if f.solver.Image == "" && responder == nil {
		return controllers.Config{}, fmt.Errorf("read --acme-http01-solver-image: no image; HTTP-01 challenges need one")
	}
	if f.backoff.Least <= 0 || f.backoff.Most < f.backoff.Least {
		return controllers.Config{}, fmt.Errorf("read --certificate-request-maximum-backoff-duration: %s and a minimum of %s are no range above zero", f.backoff.Most, f.backoff.Least)
	}
	for _, q := range []struct {
		flag, value string
		to          *resource.Quantity
	}{
		{"request-cpu", f.solverCPURequest, &f.solver.CPURequest},
		{"limits-cpu", f.solverCPULimit, &f.solver.CPULimit},
		{"request-memory", f.solverMemoryRequest, &f.solver.MemoryRequest},
		{"limits-memory", f.solverMemoryLimit, &f.solver.MemoryLimit},
	} {
		quantity, err := resource.ParseQuantity(q.value)
		if err != nil {
			return controllers.Config{}, fmt.Errorf("read --acme-http01-solver-resource-%s: %q is not a quantity such as 10m or 64Mi", q.flag, q.value)
		}
		*q.to = quantity
	}
	lists, err := f.lists.config()
	if err != nil {
		return controllers.Config{}, err
	}
	if f.revocationRetention < 0 {
		return controllers.Config{}, fmt.Errorf("read --revocation-retention: %s is negative", f.revocationRetention)
	}
	limits, err := lifecycle.ParseOrderLimits(f.orderLimits)
	if err != nil {
		return controllers.Config{}, fmt.Errorf("read --acme-order-limits: %w", err)
	}
	return controllers.Config{
		OrderLimits:              limits,
		Namespace:                f.namespace,
		ClusterResourceNamespace: f.clusterResourceNamespace,
		Workers:                  f.workers,
		UserAgent:                "certwright/" + version,
		CopiedAnnotations:        f.copiedAnnotations,
		OwnSecrets:               f.ownSecrets,
		RevocationRetention:      f.revocationRetention,
		RevocationCheck:          f.revocationCheck,
		Backoff:                  f.backoff,
		DisableApproval:          disableApproval,
		NoSigningRequests:        noSigningRequests,
		Shim:                     shims,
		Injection:                f.injection.config(),
		Solver:                   f.solver,
		SolverNameservers:        f.solverNameservers,
		Responder:                responder,
		RevocationLists:          lists,
		MaxConcurrentChallenges:  f.maxConcurrentChallenge,
		DNS01:                    f.dns01,
	}, nil
}

func (f *flags) logger(out io.Writer) (logr.Logger, error) {
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339TimeEncoder
	var encoder zapcore.Encoder
	switch f.logFormat {
	case "text":
		encoder = zapcore.NewConsoleEncoder(config)
	case "json":
		encoder = zapcore.NewJSONEncoder(config)
	default:
		return logr.Logger{}, fmt.Errorf("read --logging-format: %q is neither text nor json", f.logFormat)
	}
	level := zapcore.Level(-f.verbosity) //nolint:gosec // a verbosity is a small number
	return zapr.NewLogger(zap.New(zapcore.NewCore(encoder, zapcore.AddSync(out), level))), nil
}
