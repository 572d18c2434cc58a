package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/hack/demo/site"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// demo is one run.
type demo struct {
	settings
	checkout   testbed.Checkout
	screen     *screen
	log        *tail
	kubeconfig string       // of the environment, then of the cluster
	node       testbed.Node // zero in a cluster that is not hack/cluster's
	isNode     bool
	isLocal    bool           // there is no node, and the control plane is the demo's own
	at         site.Addresses // of what runs around that control plane
	config     *rest.Config
	api        client.Client
	images     testbed.Images
	answer     testbed.Answer
}

// step is a part of the demo that can fail by itself.
type step struct {
	name  string
	limit time.Duration
	do    func(context.Context) error
}

func (d *demo) up(ctx context.Context) error {
	if err := d.choose(); err != nil {
		return err
	}
	steps := d.clusterSteps()
	if d.isLocal {
		steps = d.localSteps()
	}
	for _, s := range steps {
		if err := d.run(ctx, s); err != nil {
			return err
		}
	}
	issue := step{"issue the certificate", 3 * time.Minute, d.watch}
	if err := d.quietly(ctx, issue); err != nil {
		return err
	}
	if err := d.run(ctx, step{"fetch https://" + d.host + " and verify its chain", time.Minute, d.fetch}); err != nil {
		return err
	}
	d.report()
	return nil
}

// clusterSteps bring up all that the certificate needs, on a node or in the
// cluster of KUBECONFIG.
func (d *demo) clusterSteps() []step {
	return []step{
		// The first time on a machine everything is compiled: Kubernetes,
		// containerd, an ingress controller.
		{"start a Kubernetes node", time.Hour, d.startNode},
		{"build Certwright and its image", 20 * time.Minute, d.build},
		{"load the images into the node", 3 * time.Minute, d.load},
		{"install Certwright with Helm", 3 * time.Minute, d.install},
		{"apply config/samples/demo", time.Minute, d.apply},
	}
}

// run carries a step out and shows how long it has taken so far.
func (d *demo) run(ctx context.Context, s step) error {
	done := d.screen.spin(s.name, d.log.lastLine)
	err := d.quietly(ctx, s)
	done(err == nil)
	return err
}

// quietly carries a step out; its error says which it was.
func (d *demo) quietly(ctx context.Context, s step) error {
	limited, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("not done after %s", s.limit))
	defer cancel()
	d.log.reset()
	err := s.do(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: interrupted", s.name)
	case limited.Err() != nil:
		return fmt.Errorf("%s: %w: %w", s.name, context.Cause(limited), err)
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// choose finds out which cluster to use, and asks before it uses one that
// somebody else may need.
func (d *demo) choose() error {
	if d.kubeconfig == "" {
		d.choosePlace()
		return nil
	}
	config, err := clientcmd.BuildConfigFromFlags("", d.kubeconfig)
	if err != nil {
		return fmt.Errorf("read KUBECONFIG: %w", err)
	}
	d.node, d.isNode = testbed.NodeOf(d.kubeconfig)
	if d.yes {
		return nil
	}
	if !isTerminal(os.Stdin) {
		return errors.New("KUBECONFIG is set: say --yes to use its cluster, or unset it for a node of hack/cluster")
	}
	fmt.Printf("KUBECONFIG is set. Install Certwright, a ClusterIssuer and the namespace demo in the cluster at %s? [y/N] ", config.Host)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing has been done")
	}
	return nil
}

func (d *demo) startNode(ctx context.Context) error {
	var err error
	if d.kubeconfig == "" {
		if d.node, err = d.checkout.Up(ctx, d.name); err != nil {
			return fmt.Errorf("%w\nThe demo can do without a node: %s=no make demo", err, nodeVariable)
		}
		d.kubeconfig = d.node.Kubeconfig
	}
	if d.isNode && d.https == "" {
		d.https = d.node.HTTPS
	}
	return d.connect()
}

func (d *demo) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", d.kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("build scheme: %w", err)
		}
	}
	d.config = config
	if d.api, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connect to cluster: %w", err)
	}
	return nil
}

func (d *demo) build(ctx context.Context) error {
	if !d.isNode && d.image != "" {
		return nil // nothing here is used
	}
	var err error
	if d.images, err = d.checkout.BuildImages(ctx); err != nil {
		return err
	}
	if d.image == "" {
		d.image = d.images.Ref()
	}
	return nil
}

func (d *demo) load(ctx context.Context) error {
	if !d.isNode {
		return nil // it pulls them, or has been given them
	}
	return d.checkout.Load(ctx, d.node, d.images)
}

func (d *demo) install(ctx context.Context) error {
	crds, err := d.ownCRDs(ctx)
	if err != nil {
		return err
	}
	if err := d.checkout.Install(ctx, d.kubeconfig, d.image, crds); err != nil {
		if !d.isNode {
			return fmt.Errorf("%w\nThe cluster must be able to pull %s; load bin/image.tar into its nodes, or name another with --image", err, d.image)
		}
		return err
	}
	return nil
}

// ownCRDs says whether the CRDs are this release's: they are not there yet, or
// it has installed them. Those of somebody else are left alone.
func (d *demo) ownCRDs(ctx context.Context) (bool, error) {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	err := d.api.Get(ctx, client.ObjectKey{Name: "certificates.cert-manager.io"}, crd)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for CRDs: %w", err)
	}
	return crd.Annotations["meta.helm.sh/release-name"] == testbed.Release &&
		crd.Annotations["meta.helm.sh/release-namespace"] == testbed.Namespace, nil
}

// rootPool returns the roots that the web site's chain has to end in; nil are
// those of the machine.
func (d *demo) rootPool(ctx context.Context) (*x509.CertPool, error) {
	switch {
	case d.roots != "":
		text, err := os.ReadFile(d.roots)
		if err != nil {
			return nil, fmt.Errorf("read roots: %w", err)
		}
		return testbed.ParseRoots(text)
	case d.server != "":
		return nil, nil
	case d.isNode, d.isLocal:
		return d.node.Roots(ctx)
	}
	return d.proxiedRoots(ctx)
}
