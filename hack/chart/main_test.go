package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const definition = `---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    controller-gen.kubebuilder.io/version: v1
  name: things.example.com
spec:
  description: write {{ .name }} here
`

const template = `{{- /* Written by hack/chart. */}}
{{- if or .Values.crds.enabled .Values.installCRDs }}
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    controller-gen.kubebuilder.io/version: v1
    {{- if .Values.crds.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
  labels:
    {{- include "certwright.labels" (dict "top" . "component" "crds") | nindent 4 }}
  name: things.example.com
spec:
  description: write {{ "{{" }} .name }} here
{{- end }}
`

func TestEveryDefinitionBecomesATemplateAndOldTemplatesGo(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{from, to} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range map[string]string{from + "/things.yaml": definition, to + "/gone.yaml": "old"} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(root); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(root, to))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].Name() != "things.yaml" {
		t.Fatalf("templates are %v", files)
	}
	got, err := os.ReadFile(filepath.Join(root, to, "things.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(template, string(got)); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
}

func TestADefinitionOfAnotherShapeIsRefused(t *testing.T) {
	t.Parallel()
	for name, crd := range map[string]string{
		"annotations": strings.ReplaceAll(definition, "  annotations:\n    controller-gen.kubebuilder.io/version: v1\n", ""),
		"name":        strings.ReplaceAll(definition, "  name: things.example.com\n", ""),
	} {
		if _, err := templateOf([]byte(crd)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: error %v", name, err)
		}
	}
	if err := run(t.TempDir()); err == nil {
		t.Error("no definitions at all are no error")
	}
}
