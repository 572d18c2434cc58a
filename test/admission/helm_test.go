package admission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

const (
	// mutatingPolicy is what Helm knows of an API server that changes objects
	// by policy.
	mutatingPolicy = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"

	// Helm runs in hack/cluster.
	chart   = "../../charts/certwright"
	release = "policies"
)

// helm runs Helm and returns what it prints, or an error that has what it
// complains about.
func helm(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"-C", "../../hack/cluster", "run", ".", "helm"}, args...)...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("helm %s: %w: %s%s", args[0], err, out.String(), complaints.String())
	}
	return out.String(), nil
}

// render returns the objects of the chart.
func render(t *testing.T, args ...string) []*unstructured.Unstructured {
	t.Helper()
	text, err := helm(t.Context(), append([]string{"template", release, chart, "--namespace", "certwright"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); err != nil {
			if errors.Is(err, io.EOF) {
				return objects
			}
			t.Fatalf("read rendered chart: %v", err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
