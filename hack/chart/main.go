// Command chart writes the CustomResourceDefinitions of config/crd as
// templates of the Helm chart. They are templates, and not in the chart's
// folder crds, so that Helm upgrades them with everything else. Run it in the
// root of the checkout, after the definitions were generated.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	from = "config/crd"
	to   = "charts/certwright/templates/crds"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// run writes one template for each definition and removes those that have none.
func run(root string) error {
	sources, err := filepath.Glob(filepath.Join(root, from, "*.yaml"))
	if err != nil {
		return fmt.Errorf("find definitions: %w", err)
	}
	if len(sources) == 0 {
		return fmt.Errorf("find definitions: none in %s", from)
	}
	if err := os.MkdirAll(filepath.Join(root, to), 0o755); err != nil { //nolint:gosec // a folder of the checkout, for everyone
		return fmt.Errorf("make folder: %w", err)
	}
	written := map[string]bool{}
	for _, source := range sources {
		crd, err := os.ReadFile(source) //nolint:gosec // a file of the checkout
		if err != nil {
			return fmt.Errorf("read definition: %w", err)
		}
		template, err := templateOf(crd)
		if err != nil {
			return fmt.Errorf("make template of %s: %w", source, err)
		}
		target := filepath.Join(root, to, filepath.Base(source))
		if err := os.WriteFile(target, template, 0o644); err != nil { //nolint:gosec // a file of the checkout, for everyone
			return fmt.Errorf("write template: %w", err)
		}
		written[target] = true
	}
	old, err := filepath.Glob(filepath.Join(root, to, "*.yaml"))
	if err != nil {
		return fmt.Errorf("find old templates: %w", err)
	}
	for _, path := range old {
		if !written[path] {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove old template: %w", err)
			}
		}
	}
	return nil
}

const (
	head = "{{- /* Written by hack/chart. */}}\n" +
		"{{- if or .Values.crds.enabled .Values.installCRDs }}\n"
	annotations = "    {{- if .Values.crds.keep }}\n" +
		"    helm.sh/resource-policy: keep\n" +
		"    {{- end }}\n"
	labels = "  labels:\n" +
		"    {{- include \"certwright.labels\" (dict \"top\" . \"component\" \"crds\") | nindent 4 }}\n"
	foot = "{{- end }}\n"
)

// templateOf puts conditions, the keep annotation and labels around and into a
// definition, which is in the form that controller-gen gives it.
func templateOf(crd []byte) ([]byte, error) {
	// What looks like a template in a description is to be text.
	text := strings.ReplaceAll(string(crd), "{{", `{{ "{{" }}`)
	text = strings.TrimPrefix(text, "---\n")

	begin, rest, ok := strings.Cut(text, "\n  annotations:\n")
	if !ok || strings.Contains(begin, "\nspec:") {
		return nil, errors.New("metadata has no annotations")
	}
	own, rest, ok := strings.Cut(rest, "\n  name: ")
	if !ok || strings.Contains(own, "\nspec:") {
		return nil, errors.New("metadata has no name after its annotations")
	}
	return []byte(head + begin + "\n  annotations:\n" + own + "\n" + annotations + labels + "  name: " + rest + foot), nil
}
