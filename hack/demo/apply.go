package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
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
	objects, err := readManifests(filepath.Join(d.checkout.Root, "config", "samples", "demo"))
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
		err := d.api.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), fieldOwner, client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// readManifests returns the objects of a folder, namespaces first.
func readManifests(dir string) ([]*unstructured.Unstructured, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find manifests: %w", err)
	}
	var objects []*unstructured.Unstructured
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
		for {
			o := &unstructured.Unstructured{}
			if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("read manifest %s: %w", filepath.Base(path), err)
			}
			if len(o.Object) > 0 {
				objects = append(objects, o)
			}
		}
	}
	if len(objects) == 0 {
		return nil, fmt.Errorf("read manifests: there are none in %s", dir)
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	return objects, nil
}

func rank(o *unstructured.Unstructured) int {
	if o.GetKind() == "Namespace" {
		return 0
	}
	return 1
}

// caBundle returns what verifies Pebble's own endpoints, from the cluster
// itself; nothing for another CA.
func (d *demo) caBundle(ctx context.Context) (string, error) {
	if d.server != "" {
		return "", nil
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
		if d.server != "" {
			if err := unstructured.SetNestedField(o.Object, d.server, "spec", "acme", "server"); err != nil {
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
