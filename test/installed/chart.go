package installed

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Chart is a Helm chart, and how it is installed.
type Chart struct {
	Path      string // of the chart's folder
	Release   string
	Namespace string
	Arguments []string // more of them for helm template, such as --set a=b
}

// Certwright is the product's own chart. The root is that of the checkout.
func Certwright(root, namespace string, arguments ...string) Chart {
	return Chart{
		Path: filepath.Join(root, "charts", "certwright"), Release: "certwright", Namespace: namespace,
		// What a cluster of today serves; Helm does not ask it here.
		Arguments: append([]string{"--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"}, arguments...),
	}
}

// Render returns the chart's objects. The root is that of the checkout, whose
// Helm is used.
func (c Chart) Render(t testing.TB, root string) []*unstructured.Unstructured {
	t.Helper()
	cluster := filepath.Join(root, "hack", "cluster")
	path, err := filepath.Abs(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{ //nolint:gosec // the arguments are those of a test
		"-C", cluster, "run", ".", "helm", "template", c.Release, path, "--namespace", c.Namespace, "--include-crds",
	}, c.Arguments...)...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("render chart %s: %v\n%s%s", c.Path, err, out.String(), complaints.String())
	}
	var objects []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(&out, 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); err != nil {
			if errors.Is(err, io.EOF) {
				return objects
			}
			t.Fatalf("read chart %s: %v", c.Path, err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// settling is how long a kind may take to be served after its CRD was created:
// seconds, on a busy machine more.
const settling = time.Minute

// Install puts the objects of a chart into the cluster as helm upgrade would,
// but for workloads. Objects without a namespace are put into the release's if
// their kind has one.
func Install(t testing.TB, api client.Client, namespace string, objects []*unstructured.Unstructured) {
	t.Helper()
	later := make([]*unstructured.Unstructured, 0, len(objects))
	for _, object := range objects {
		if object.GetKind() == "CustomResourceDefinition" {
			apply(t, api, namespace, object)
		} else {
			later = append(later, object)
		}
	}
	for _, object := range later {
		switch object.GetKind() {
		case "Deployment", "PodDisruptionBudget":
		default:
			apply(t, api, namespace, object)
		}
	}
}

func apply(t testing.TB, api client.Client, namespace string, object *unstructured.Unstructured) {
	t.Helper()
	Eventually(t, settling, "apply "+object.GetKind()+" "+object.GetName(), func() error {
		namespaced, err := api.IsObjectNamespaced(object)
		if err != nil {
			if meta.IsNoMatchError(err) {
				return err
			}
			t.Fatal(err)
		}
		if namespaced && object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
		err = api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("helm"), client.ForceOwnership)
		if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) && !apierrors.IsConflict(err) && !apierrors.IsInternalError(err) {
			t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
		return err
	})
}

// Arguments are those of the only container of the chart's Deployment.
func Arguments(t testing.TB, objects []*unstructured.Unstructured) []string {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
		if err != nil || len(containers) != 1 {
			t.Fatalf("Deployment has %d containers: %v", len(containers), err)
		}
		container, _ := containers[0].(map[string]any)
		arguments, _, err := unstructured.NestedStringSlice(container, "args")
		if err != nil {
			t.Fatal(err)
		}
		return arguments
	}
	t.Fatal("the chart has no Deployment")
	return nil
}

// Eventually waits until a question has no complaint.
func Eventually(t testing.TB, patience time.Duration, what string, complaint func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := complaint()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("%s: after %s still: %v", what, patience, strings.TrimSpace(err.Error()))
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}
