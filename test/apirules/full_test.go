package apirules

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// upstream are the nodes whose fields are those of a Kubernetes or Gateway API
// type: testdata sets only some of them.
var upstream = []string{".podTemplate.spec.affinity.", ".podTemplate.spec.securityContext.seLinuxOptions.",
	".podTemplate.spec.securityContext.seccompProfile.", ".podTemplate.spec.tolerations[].", ".podTemplate.spec.resources.claims"}

// TestFullObjects stores the objects in testdata/full and reads them again:
// nothing of them is pruned or changed.
func TestFullObjects(t *testing.T) {
	t.Parallel()
	c, namespace := connect(t)
	for name, sent := range fullObjects(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := sent.DeepCopy()
			if object.GetKind() != "ClusterIssuer" {
				object.SetNamespace(namespace)
			}
			object.SetGenerateName("full-")
			if err := create(t, c, object); err != nil {
				t.Fatalf("create: %v", err)
			}
			got := &unstructured.Unstructured{}
			got.SetGroupVersionKind(object.GroupVersionKind())
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), got); err != nil {
				t.Fatalf("read: %v", err)
			}
			if diff := cmp.Diff(plain(t, sent), plain(t, got)); diff != "" {
				t.Errorf("stored otherwise than sent (-sent +stored):\n%s", diff)
			}
		})
	}
}

// TestFullObjectsAreFull fails if a field is added to the types that no object
// in testdata/full sets.
func TestFullObjectsAreFull(t *testing.T) {
	t.Parallel()
	set := map[string]bool{}
	for _, object := range fullObjects(t) {
		fields(object.GetKind()+".spec", object.Object["spec"], set)
		fields(object.GetKind()+".status", object.Object["status"], set)
	}
	for _, crd := range readCRDs(t) {
		kind := crd.Spec.Names.Kind
		for path := range nodes(kind, crd.Spec.Versions[0].Schema.OpenAPIV3Schema) {
			ours := strings.HasPrefix(path, kind+".spec") || strings.HasPrefix(path, kind+".status")
			if !ours || strings.Contains(path, "{}") || isUpstream(path) {
				continue
			}
			if !set[path] {
				t.Errorf("no object sets %s", path)
			}
		}
	}
}

func isUpstream(path string) bool {
	return slices.ContainsFunc(upstream, func(part string) bool { return strings.Contains(path, part) })
}

// fullObjects returns the objects in testdata/full by a name for each, and two
// more kinds made from them: a ClusterIssuer as every Issuer, and a Challenge
// with every solver of the Issuers.
func fullObjects(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	objects := map[string]*unstructured.Unstructured{}
	files, err := filepath.Glob("testdata/full/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("find objects: %d files, %v", len(files), err)
	}
	add := func(object *unstructured.Unstructured) {
		objects[fmt.Sprintf("%s %d", object.GetKind(), len(objects)+1)] = object
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("read objects: %v", err)
		}
		for document := range bytes.SplitSeq(data, []byte("\n---\n")) {
			add(parse(t, string(document)))
		}
	}
	for _, object := range slices.Collect(maps.Values(objects)) {
		if object.GetKind() != "Issuer" {
			continue
		}
		cluster := object.DeepCopy()
		cluster.SetKind("ClusterIssuer")
		add(cluster)
		solvers, _, err := unstructured.NestedSlice(object.Object, "spec", "acme", "solvers")
		if err != nil {
			t.Fatalf("find solvers: %v", err)
		}
		for _, solver := range solvers {
			challenge := parse(t, challenge)
			if err := unstructured.SetNestedField(challenge.Object, solver, "spec", "solver"); err != nil {
				t.Fatalf("set solver: %v", err)
			}
			add(challenge)
		}
	}
	return objects
}

// plain returns spec and status as YAML does, whichever Go types they had.
func plain(t *testing.T, object *unstructured.Unstructured) map[string]any {
	t.Helper()
	data, err := yaml.Marshal(map[string]any{"spec": object.Object["spec"], "status": object.Object["status"]})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	out := map[string]any{}
	if err := yaml.Unmarshal(data, &out); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return out
}

// fields adds the path of every field of an object, as nodes has them.
func fields(path string, value any, set map[string]bool) {
	set[path] = true
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			fields(path+"."+name, inner, set)
		}
	case []any:
		for _, inner := range value {
			fields(path+"[]", inner, set)
		}
	}
}
