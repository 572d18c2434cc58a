package e2e

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

const (
	kubeconfigVariable = "CERTWRIGHT_E2E_KUBECONFIG"
	nodeName           = "e2e"

	// pebbleIssuer is the ClusterIssuer that all journeys share.
	pebbleIssuer    = "pebble"
	pebbleDirectory = "https://pebble.pebble.svc:14000/dir"
)

// world is what the journeys share.
type world struct {
	checkout testbed.Checkout
	node     testbed.Node
	config   *rest.Config
	api      client.Client
	clients  kubernetes.Interface
	roots    *x509.CertPool // of the chains that Pebble issues
	caBundle []byte         // verifies Pebble's own endpoints
	image    string         // of the operator
}

var shared *world

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, down, err := start(ctx)
	end := func(code int) {
		if err := down(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
			code = max(code, 1)
		}
		os.Exit(code)
	}
	if err == nil {
		shared = w
		context.AfterFunc(ctx, func() { end(130) }) // 128 + SIGINT, as a shell has it
		end(m.Run())
	}
	fmt.Fprintln(os.Stderr, "e2e:", err)
	end(1)
}

// start makes the world. down undoes it, also when it is half made.
func start(ctx context.Context) (w *world, down func() error, err error) {
	down = func() error { return nil }
	w = &world{}
	if w.checkout, err = testbed.FindCheckout(os.Stderr); err != nil {
		return nil, down, err
	}
	if kubeconfig := os.Getenv(kubeconfigVariable); kubeconfig != "" {
		var ok bool
		if w.node, ok = testbed.NodeOf(kubeconfig); !ok {
			return nil, down, fmt.Errorf("%s is not of a running node of hack/cluster", kubeconfigVariable)
		}
	} else {
		down = func() error { return w.checkout.Down(context.Background(), nodeName) }
		if w.node, err = w.checkout.Up(ctx, nodeName); err != nil {
			return nil, down, err
		}
	}
	images, err := w.checkout.BuildImages(ctx)
	if err != nil {
		return nil, down, err
	}
	if err := w.checkout.Load(ctx, w.node, images); err != nil {
		return nil, down, err
	}
	w.image = images.Ref()
	if err := w.install(ctx); err != nil {
		return nil, down, err
	}
	return w, down, w.connect(ctx)
}

// install installs the chart, with more values if there are any.
func (w *world) install(ctx context.Context, values ...string) error {
	values = append(values, "dns01RecursiveNameservers="+nameserver)
	return w.checkout.Install(ctx, w.node.Kubeconfig, w.image, true, values...)
}

func (w *world) connect(ctx context.Context) error {
	var err error
	if w.config, err = clientcmd.BuildConfigFromFlags("", w.node.Kubeconfig); err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	w.config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme, gwapi.Install} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("build scheme: %w", err)
		}
	}
	if w.api, err = client.New(w.config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if w.clients, err = kubernetes.NewForConfig(w.config); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if w.roots, err = w.node.Roots(ctx); err != nil {
		return err
	}
	config := &corev1.ConfigMap{}
	if err := w.api.Get(ctx, client.ObjectKey{Namespace: "pebble", Name: "pebble-ca"}, config); err != nil {
		return fmt.Errorf("read root of Pebble: %w", err)
	}
	if w.caBundle = []byte(config.Data["ca.crt"]); len(w.caBundle) == 0 {
		return errors.New("read root of Pebble: ConfigMap pebble/pebble-ca has no ca.crt")
	}
	issuer := w.acmeIssuer(pebbleIssuer, pebbleDirectory)
	if err := w.api.Create(ctx, issuer); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("create ClusterIssuer: %w", err)
	}
	return nil
}

// acmeIssuer is a ClusterIssuer that proves names through the ingress
// controller.
func (w *world) acmeIssuer(name, directory string) *cmv1.ClusterIssuer {
	class := "traefik"
	return w.acmeIssuerWith(name, directory, acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{
		Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{IngressClassName: &class},
	}})
}

func (w *world) acmeIssuerWith(name, directory string, solver acmev1.ACMEChallengeSolver) *cmv1.ClusterIssuer {
	return &cmv1.ClusterIssuer{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
			Server:     directory,
			CABundle:   w.caBundle,
			Email:      "e2e@certwright.test",
			PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name + "-account"}},
			Solvers:    []acmev1.ACMEChallengeSolver{solver},
		}}},
	}
}

// samples is the folder of the manifests of the demo.
func (w *world) samples() string {
	return filepath.Join(w.checkout.Root, "config", "samples", "demo")
}

// issueLimit is how long a certificate may take. One takes some seconds; a busy
// machine, or an operator that is killed on the way, takes its time.
const issueLimit = 2 * time.Minute
