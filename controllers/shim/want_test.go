package shim

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what the shim says into the golden files")

// TestIngressAsksForCertificates compares the wish of each Ingress in
// testdata/NAME.in.yaml with NAME.out.yaml. A second document says what the
// operator's flags are.
func TestIngressAsksForCertificates(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("find golden files: %v, %v", inputs, err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".in.yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ing, defaults := readInput(t, input)
			before := ing.DeepCopy()
			got, err := yaml.Marshal(wishIngress(ing, defaults))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, ing); diff != "" {
				t.Errorf("the Ingress was changed:\n%s", diff)
			}
			golden := "testdata/" + name + ".out.yaml"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("wish differs from %s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

func readInput(t *testing.T, path string) (*networkingv1.Ingress, Defaults) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	object, flags, _ := bytes.Cut(content, []byte("\n---\n"))
	ing, defaults := &networkingv1.Ingress{}, Defaults{}
	if err := yaml.UnmarshalStrict(object, ing); err != nil {
		t.Fatalf("read ingress: %v", err)
	}
	if err := yaml.UnmarshalStrict(flags, &defaults); err != nil {
		t.Fatalf("read defaults: %v", err)
	}
	return ing, defaults
}
