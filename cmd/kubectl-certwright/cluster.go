package main

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// cli is what all commands share.
type cli struct {
	*terminal
	kubeconfig *clientcmd.ClientConfigLoadingRules
	overrides  clientcmd.ConfigOverrides
	outside    func(nameservers []string) (outside, error) // newOutside, outside of tests
}

// cluster is the API server as the user sees it.
type cluster struct {
	client.WithWatch
	config    *rest.Config
	namespace string // of --namespace or of the context
}

// registerCluster adds the flags that kubectl has for which cluster, which user
// and which namespace.
func (c *cli) registerCluster(flags *pflag.FlagSet) {
	c.kubeconfig = clientcmd.NewDefaultClientConfigLoadingRules()
	flags.StringVar(&c.kubeconfig.ExplicitPath, "kubeconfig", "", "path of the kubeconfig")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	// What is on a command line is seen by everybody on the machine.
	names.AuthOverrideFlags.Username.LongName = ""
	names.AuthOverrideFlags.Password.LongName = ""
	names.AuthOverrideFlags.Token.LongName = ""
	clientcmd.BindOverrideFlags(&c.overrides, flags, names)
}

// connect makes a client. Nothing is sent yet.
func (c *cli) connect() (*cluster, error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(c.kubeconfig, &c.overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.UserAgent = "kubectl-certwright/" + version
	config.WarningHandler = rest.NewWarningWriter(c.err, rest.WarningWriterOptions{Deduplicate: true})
	config.QPS, config.Burst = 50, 300 // as kubectl: one user's look at a namespace is no flood
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme, v1alpha1.AddToScheme, gwapi.Install} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("build scheme: %w", err)
		}
	}
	api, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	return &cluster{WithWatch: api, config: config, namespace: namespace}, nil
}
