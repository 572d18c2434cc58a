package apirules

import (
	"context"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// backgroundContext is for what is cleaned up after a test, whose own context
// is over by then.
func backgroundContext() context.Context { return context.Background() }

// readCRDs reads the project's CRDs as they are generated.
func readCRDs(t *testing.T) []*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	files, err := filepath.Glob("../../config/crd/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("find CRDs: %d files, %v", len(files), err)
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("read CRD: %v", err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(data, crd); err != nil {
			t.Fatalf("parse CRD %s: %v", file, err)
		}
		crds = append(crds, crd)
	}
	return crds
}

// messages yields the path and the message of each CEL rule of a schema.
func messages(path string, schema *apiextensionsv1.JSONSchemaProps) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for node, s := range nodes(path, schema) {
			for _, rule := range s.XValidations {
				if !yield(node, rule.Message) {
					return
				}
			}
		}
	}
}

// nodes yields the schema and all that is below it, with their paths, parents
// before children. An element of a list has the path of the list and "[]", a
// value of a map the path of the map and "{}".
func nodes(path string, schema *apiextensionsv1.JSONSchemaProps) iter.Seq2[string, *apiextensionsv1.JSONSchemaProps] {
	return func(yield func(string, *apiextensionsv1.JSONSchemaProps) bool) {
		walk(path, schema, yield)
	}
}

func walk(path string, schema *apiextensionsv1.JSONSchemaProps, yield func(string, *apiextensionsv1.JSONSchemaProps) bool) bool {
	if !yield(path, schema) {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		if !walk(path+"."+name, &property, yield) {
			return false
		}
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		if !walk(path+"[]", schema.Items.Schema, yield) {
			return false
		}
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		return walk(path+"{}", schema.AdditionalProperties.Schema, yield)
	}
	return true
}
