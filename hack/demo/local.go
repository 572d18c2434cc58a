package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/hack/demo/site"
	"github.com/certwright/certwright/hack/demo/testbed"
	"github.com/certwright/certwright/internal/kube"
)

// nodeVariable is the environment variable with the default of --node.
const nodeVariable = "DEMO_NODE"

// runsNode decides whether the demo starts a node; without says why not.
func runsNode(asked, system string, user int) (runs bool, without string) {
	switch {
	case asked == "no":
		return false, "as you said"
	case asked == "yes":
		return true, ""
	case system != "linux":
		return false, "a node runs on Linux only, and this is " + system
	case user != 0:
		return false, "only root can run one"
	}
	return true, ""
}

// localName is the name of the control plane that the demo has without a node.
func (d *demo) localName() string { return d.name + "-local" }

// site is what runs around that control plane. Its folder goes with the
// control plane's.
func (d *demo) site() site.Config {
	dir := filepath.Join(d.checkout.StateDir(d.localName()), "site")
	return site.Config{
		Dir: dir, Programs: filepath.Join(dir, "bin"), IngressClass: d.ingressClass,
		Kubeconfig: filepath.Join(d.checkout.StateDir(d.localName()), "kubeconfig"),
	}
}

// choosePlace decides between a node and the local control plane, when there is
// no cluster to be used.
func (d *demo) choosePlace() {
	var why string
	d.isNode, why = runsNode(d.runNode, runtime.GOOS, os.Geteuid())
	d.isLocal = !d.isNode
	if d.isLocal && d.command == "up" {
		d.screen.line("Without a node (" + why + "): a control plane, Certwright, an ACME CA and an ingress controller as processes.")
	}
}

// localSteps bring up all that the certificate needs, without a node and
// without root.
func (d *demo) localSteps() []step {
	return []step{
		{"start a Kubernetes control plane", time.Hour, d.startLocal}, // an hour: the first time it is compiled
		{"build Certwright and an ACME CA", 20 * time.Minute, func(ctx context.Context) error {
			return d.checkout.BuildPrograms(ctx, d.site().Programs)
		}},
		{"install the CRDs", time.Minute, d.installCRDs},
		{"start Certwright, the ACME CA and an ingress controller", 2 * time.Minute, d.startSite},
		{"apply config/samples/demo", time.Minute, d.apply},
	}
}

// startLocal begins from nothing: the ACME CA has nothing on disk, and would
// not know what the last one has issued.
func (d *demo) startLocal(ctx context.Context) error {
	err := d.removeLocal(ctx)
	if err != nil {
		return err
	}
	if d.kubeconfig, err = d.checkout.UpControlPlane(ctx, d.localName()); err != nil {
		return err
	}
	return d.connect()
}

func (d *demo) installCRDs(ctx context.Context) error {
	objects, err := testbed.ReadManifests(filepath.Join(d.checkout.Root, "config", "crd"))
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := d.api.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), fieldOwner, client.ForceOwnership); err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	ctrl.SetLogger(logr.Discard())
	if err := kube.WaitServed(ctx, d.config, map[schema.GroupVersion][]string{
		cmv1.GroupVersion:   {"certificates", "certificaterequests", "clusterissuers"},
		acmev1.GroupVersion: {"orders", "challenges"},
	}); err != nil {
		return fmt.Errorf("wait for the CRDs: %w", err)
	}
	return d.connect() // a client that knows the new kinds
}

func (d *demo) startSite(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	c := d.site()
	d.at, err = site.Start(ctx, c, self, "site", "--name", d.name, "--ingress-class", d.ingressClass)
	if err != nil {
		return err
	}
	d.node = testbed.Node{
		Name: d.localName(), Kubeconfig: d.kubeconfig, HTTP: d.at.HTTP, HTTPS: d.at.HTTPS,
		Management: d.at.Management, PebbleCA: c.PebbleCA(),
	}
	if d.https == "" {
		d.https = d.at.HTTPS
	}
	return nil
}

// removeLocal ends all processes of the demo without a node, and removes their
// state.
func (d *demo) removeLocal(ctx context.Context) error {
	if err := site.Stop(ctx, d.site()); err != nil {
		return err
	}
	return d.checkout.Down(ctx, d.localName())
}

// fillInLocal changes in a manifest what differs without a node. It returns
// what there is instead of the object: nobody runs the pods of a Deployment, so
// the Service leads to the application's process.
func (d *demo) fillInLocal(o *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	switch o.GetKind() {
	case "Deployment":
		return nil, nil
	case "Service":
		unstructured.RemoveNestedField(o.Object, "spec", "selector")
		slice, err := d.endpoints(o)
		return []*unstructured.Unstructured{o, slice}, err
	}
	return []*unstructured.Unstructured{o}, nil
}

func (d *demo) endpoints(service *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	port, err := portOf(d.at.App)
	if err != nil {
		return nil, err
	}
	ports, _, err := unstructured.NestedSlice(service.Object, "spec", "ports")
	if err != nil || len(ports) == 0 {
		return nil, errors.Join(err, errors.New("it has no ports"))
	}
	first, _ := ports[0].(map[string]any)
	slice := &unstructured.Unstructured{Object: map[string]any{
		"addressType": "IPv4",
		"endpoints":   []any{map[string]any{"addresses": []any{site.EndpointAddress}}},
		"ports":       []any{map[string]any{"name": first["name"], "protocol": "TCP", "port": port}},
	}}
	slice.SetGroupVersionKind(schema.GroupVersionKind{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"})
	slice.SetNamespace(service.GetNamespace())
	slice.SetName(service.GetName())
	slice.SetLabels(map[string]string{"kubernetes.io/service-name": service.GetName(), "endpointslice.kubernetes.io/managed-by": string(fieldOwner)})
	return slice, nil
}

func portOf(address string) (int64, error) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("read address: %w", err)
	}
	return strconv.ParseInt(text, 10, 32)
}
