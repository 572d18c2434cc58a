package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/hack/demo/testbed"
)

// The objects of config/samples/demo.
const (
	namespace   = "demo"
	issuer      = "demo"
	ingressName = "hello"
	certificate = "hello-tls"
)

// fieldOwner is whose the fields are that the demo applies.
const fieldOwner = client.FieldOwner("certwright-demo")

// apply applies the demo's manifests, filled in for this cluster.
func (d *demo) apply(ctx context.Context) error {
	objects, err := testbed.ReadManifests(filepath.Join(d.checkout.Root, "config", "samples", "demo"))
	if err != nil {
		return err
	}
	bundle, err := d.caBundle(ctx)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := d.fillIn(o, bundle); err != nil {
			return fmt.Errorf("fill in %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		if err := d.applyOne(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) applyOne(ctx context.Context, o *unstructured.Unstructured) error {
	objects := []*unstructured.Unstructured{o}
	if d.isLocal {
		var err error
		if objects, err = d.fillInLocal(o); err != nil {
			return fmt.Errorf("fill in %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	for _, o := range objects {
		err := d.api.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), fieldOwner, client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// caBundle returns what verifies Pebble's own endpoints, from the cluster
// itself; nothing for another CA.
func (d *demo) caBundle(ctx context.Context) (string, error) {
	if d.server != "" {
		return "", nil
	}
	if d.isLocal {
		text, err := os.ReadFile(d.node.PebbleCA)
		if err != nil {
			return "", fmt.Errorf("read Pebble's certificate: %w", err)
		}
		return base64.StdEncoding.EncodeToString(text), nil
	}
	config := &corev1.ConfigMap{}
	if err := d.api.Get(ctx, client.ObjectKey{Namespace: "pebble", Name: "pebble-ca"}, config); err != nil {
		return "", fmt.Errorf("find the ACME CA of the cluster (without one, say --server): %w", err)
	}
	bundle := config.Data["ca.crt"]
	if bundle == "" {
		return "", errors.New("find the ACME CA of the cluster: ConfigMap pebble/pebble-ca has no ca.crt")
	}
	return base64.StdEncoding.EncodeToString([]byte(bundle)), nil
}

// fillIn changes in a manifest what differs between clusters.
func (d *demo) fillIn(o *unstructured.Unstructured, bundle string) error {
	switch o.GetKind() {
	case "ClusterIssuer":
		if bundle != "" {
			if err := unstructured.SetNestedField(o.Object, bundle, "spec", "acme", "caBundle"); err != nil {
				return err
			}
		}
		if server := cmp.Or(d.server, d.at.Directory); server != "" {
			if err := unstructured.SetNestedField(o.Object, server, "spec", "acme", "server"); err != nil {
				return err
			}
		}
		solvers := []any{map[string]any{"http01": map[string]any{"ingress": map[string]any{"ingressClassName": d.ingressClass}}}}
		return unstructured.SetNestedSlice(o.Object, solvers, "spec", "acme", "solvers")
	case "Ingress":
		return d.fillInIngress(o)
	case "Deployment":
		containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		if err != nil || len(containers) == 0 {
			return errors.Join(err, errors.New("it has no containers"))
		}
		container, ok := containers[0].(map[string]any)
		if !ok {
			return errors.New("its container is no object")
		}
		container["image"] = d.appImage
		return unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers")
	}
	return nil
}

// fillInIngress puts the host into all of its places.
func (d *demo) fillInIngress(o *unstructured.Unstructured) error {
	spec, ok := o.Object["spec"].(map[string]any)
	if !ok {
		return errors.New("it has no spec")
	}
	spec["ingressClassName"] = d.ingressClass
	old := ""
	for _, rule := range slicesOf(spec["rules"]) {
		if host, ok := rule["host"].(string); ok {
			old, rule["host"] = host, d.host
		}
	}
	for _, tls := range slicesOf(spec["tls"]) {
		hosts, _ := tls["hosts"].([]any)
		for i, host := range hosts {
			if name, ok := host.(string); ok && strings.EqualFold(name, old) {
				hosts[i] = d.host
			}
		}
	}
	return nil
}

func slicesOf(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
