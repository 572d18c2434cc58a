package shim

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what the shim says into the golden files")

// TestObjectAsksForCertificates compares the wish of each object in
// testdata/NAME.in.yaml with NAME.out.yaml. A second document says what the
// operator's flags are.
func TestObjectAsksForCertificates(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("find golden files: %v, %v", inputs, err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".in.yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, object, defaults := readInput(t, input)
			before := object.DeepCopyObject()
			got, err := yaml.Marshal(k.wish(object, defaults))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, object); diff != "" {
				t.Errorf("the object was changed:\n%s", diff)
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

func readInput(t *testing.T, path string) (kind, client.Object, Defaults) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, flags, _ := bytes.Cut(content, []byte("\n---\n"))
	var of metav1.TypeMeta
	if err := yaml.Unmarshal(text, &of); err != nil {
		t.Fatalf("read kind: %v", err)
	}
	for _, k := range []kind{ingresses, gateways, listenerSets} {
		if of.GroupVersionKind() != k.GroupVersionKind {
			continue
		}
		object, defaults := k.object(), Defaults{}
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			t.Fatalf("read object: %v", err)
		}
		if err := yaml.UnmarshalStrict(flags, &defaults); err != nil {
			t.Fatalf("read defaults: %v", err)
		}
		return k, object, defaults
	}
	t.Fatalf("no shim is for %v", of.GroupVersionKind())
	panic("unreachable")
}
