// Command controller runs the operator.
package main

import (
	"context"
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // renewal windows name time zones, and the image has no database of them

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/controllers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/metrics"
)

// version is set by the build.
var version = "devel"

func main() {
	ctx := ctrl.SetupSignalHandler()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "certwright:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	f := defaultFlags()
	cmd := &cobra.Command{
		Use:           "controller",
		Short:         "Obtain, keep and renew the certificates that a cluster asks for",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.read(cmd.Flags()); err != nil {
				return err
			}
			return run(cmd.Context(), f)
		},
	}
	f.register(cmd.Flags())
	return cmd
}

func run(ctx context.Context, f *flags) error {
	logger, err := f.logger(os.Stderr)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logger)
	for _, warning := range f.warnings {
		logger.Info("setting without effect", "warning", warning)
	}
	config, err := f.restConfig()
	if err != nil {
		return fmt.Errorf("find cluster: %w", err)
	}
	controllersConfig, err := f.controllers()
	if err != nil {
		return err
	}
	if err := kube.WaitServed(ctrl.LoggerInto(ctx, logger), config, map[schema.GroupVersion][]string{
		cmv1.GroupVersion:   {"certificates", "certificaterequests", "issuers", "clusterissuers"},
		acmev1.GroupVersion: {"orders", "challenges"},
	}); err != nil {
		return fmt.Errorf("wait for the API: %w", err)
	}
	extensions := map[schema.GroupVersion][]string{v1alpha1.GroupVersion: {"revocations", "reissues", "compromisedkeys"}}
	controllersConfig.Extensions, err = kube.ServedWithin(ctrl.LoggerInto(ctx, logger), config, extensions, extensionPatience)
	if err != nil {
		return fmt.Errorf("wait for the API: %w", err)
	}
	mgr, err := newManager(config, f)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if !controllersConfig.Extensions {
		logger.Info("work without revocation: the CRDs of the group certwright.dev are not installed", "groupVersion", v1alpha1.GroupVersion.String())
		// Caches and watches are for kinds that are there when they begin. So
		// this process ends and the next one begins with them.
		if err := mgr.Add(kube.Appearance{Config: config, Want: extensions, Then: func() {
			logger.Info("end, to begin again with the CRDs that have been installed", "groupVersion", v1alpha1.GroupVersion.String())
			stop()
		}}); err != nil {
			return fmt.Errorf("wait for CRDs: %w", err)
		}
	}
	if err := controllers.Setup(ctx, mgr, controllersConfig); err != nil {
		return err
	}
	for _, collector := range []prometheus.Collector{metrics.NewCollector(mgr.GetCache(), mgr.Elected()), metrics.NewClock(time.Now)} {
		if err := ctrlmetrics.Registry.Register(collector); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	logger.Info("start", "version", version)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// extensionPatience is how long the operator waits for the CRDs that it can do
// without, which are installed together with it, or are not: where a manifest
// brings all of them, they are there within seconds.
const extensionPatience = 30 * time.Second

func newManager(config *rest.Config, f *flags) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build scheme: %w", err)
		}
	}
	metricsOptions, err := f.metricsTLS.options(f.metricsAddress)
	if err != nil {
		return nil, err
	}
	profiler := ""
	if f.profiling {
		profiler = f.profiler
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		Cache:                  kube.CacheOptions(),
		NewCache:               kube.NewCache(f.namespace),
		Client:                 kube.ClientOptions(),
		Metrics:                metricsOptions,
		HealthProbeBindAddress: f.healthAddress,
		LivenessEndpointName:   "/livez",
		PprofBindAddress:       profiler,

		LeaderElection:          f.leaderElect,
		LeaderElectionID:        "cert-manager-controller", // the peer's: two operators must not work at once
		LeaderElectionNamespace: f.leaderElectionNamespace,
		LeaseDuration:           &f.leaseDuration,
		RenewDeadline:           &f.renewDeadline,
		RetryPeriod:             &f.retryPeriod,
		// The process ends with the manager, so the lease can be given up at
		// once and the next leader need not wait for it to run out.
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, fmt.Errorf("create manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, fmt.Errorf("add liveness check: %w", err)
	}
	if err := mgr.AddReadyzCheck("caches", kube.CachesSynced(mgr)); err != nil {
		return nil, fmt.Errorf("add readiness check: %w", err)
	}
	return mgr, nil
}
