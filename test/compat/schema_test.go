package compat

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/api/v1alpha1"
)

// solverBounds are the bounds of a solver, which Issuer, ClusterIssuer and
// Challenge embed.
var solverBounds = map[string]string{
	".waitInsteadOfSelfCheck.maxLength":          "256", // a Go duration has some 20
	".http01.ingress.ingressClassName.maxLength": "253", // a rule of the contract: DNS-1123 subdomain
	".dns01.rfc2136.nameserver.maxLength":        "300", // a DNS name has at most 253
	".dns01.rfc2136.tsigAlgorithm.maxLength":     "64",  // the longest that is known has 10
}

// bounds are the upper bounds that our CRDs have and theirs do not, by path.
// They let the API server estimate what a rule costs. Each is above what is of
// any use, for the reason beside it.
func bounds() map[string]string {
	all := map[string]string{
		"Certificate.spec.ipAddresses.maxItems":                       "10000", // 36,500 bytes of PEM hold some 4,000
		"Certificate.spec.ipAddresses[].maxLength":                    "128",   // an IPv6 address has at most 45
		"Certificate.spec.emailAddresses.maxItems":                    "10000", // as ipAddresses
		"Certificate.spec.emailAddresses[].maxLength":                 "320",   // RFC 5321, section 4.5.3.1: 64 + 1 + 255
		"Certificate.spec.otherNames.maxItems":                        "10000", // as ipAddresses
		"Certificate.spec.otherNames[].oid.maxLength":                 "400",   // those that are registered have fewer than 100
		"Certificate.spec.renewal.windows.maxItems":                   "1000",  // one for every hour of a month is 744
		"Certificate.spec.renewal.windows[].cron.maxLength":           "1024",  // every minute and every hour listed one by one has some 230
		"Certificate.spec.renewal.windows[].windowDuration.maxLength": "1024",  // a Go duration has some 20
		"Order.status.authorizations.maxItems":                        "5000",  // CAs allow some 100 names
	}
	for _, kind := range []string{"Issuer", "ClusterIssuer"} {
		all[kind+".spec.acme.solvers.maxItems"] = "5000" // as many fill an object of etcd's limit of 1.5 MB
		for path, bound := range solverBounds {
			all[kind+".spec.acme.solvers[]"+path] = bound
		}
	}
	for path, bound := range solverBounds {
		all["Challenge.spec.solver"+path] = bound
	}
	return all
}

// TestSchemas compares our CRDs with theirs: names, scope, columns, selectable
// fields, subresources, and of the schema every type, default, enumeration,
// pattern, bound, list type and required field. Only bounds, descriptions and
// rules in CEL differ. Kinds of a group of our own are not compared.
func TestSchemas(t *testing.T) {
	t.Parallel()
	ours, theirs := readCRDs(t, "../../config/crd"), readCRDs(t, filepath.Join(theirModule(t), "deploy", "crds"))
	want := facts(theirs)
	maps.Copy(want, bounds())
	got := facts(ours)
	maps.DeleteFunc(got, func(path, _ string) bool { return isExtension(path) })
	if len(got) < 1000 {
		t.Fatalf("only %d facts found", len(got))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CRDs differ (-theirs +ours):\n%s", diff)
	}
}

// theirModule returns the folder of their module.
func theirModule(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		t.Fatalf("find their module: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// readCRDs reads the CRDs in a folder, by kind.
func readCRDs(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatalf("find CRDs: %v", err)
	}
	crds := map[string]map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("read CRD: %v", err)
		}
		crd := struct {
			Spec map[string]any `json:"spec"`
		}{}
		if err := yaml.Unmarshal(data, &crd); err != nil {
			t.Fatalf("parse CRD %s: %v", file, err)
		}
		if crd.Spec["group"] == v1alpha1.GroupName {
			continue
		}
		kind := crd.Spec["names"].(map[string]any)["kind"].(string)
		crds[kind] = crd.Spec
	}
	return crds
}

// facts flattens CRDs to a map from path to value.
func facts(crds map[string]map[string]any) map[string]string {
	out := map[string]string{}
	for kind, spec := range crds {
		for _, version := range spec["versions"].([]any) {
			version := version.(map[string]any)
			schemaFacts(kind, version["schema"].(map[string]any)["openAPIV3Schema"].(map[string]any), out)
			delete(version, "schema")
		}
		valueFacts(kind+" CRD", spec, out)
	}
	return out
}

// schemaFacts adds what a schema says, by the path in an object that it is
// about.
func schemaFacts(path string, schema map[string]any, out map[string]string) {
	for keyword, value := range schema {
		switch keyword {
		case "description", "x-kubernetes-validations":
		case "properties":
			for name, property := range value.(map[string]any) {
				schemaFacts(path+"."+name, property.(map[string]any), out)
			}
		case "items":
			schemaFacts(path+"[]", value.(map[string]any), out)
		case "additionalProperties":
			schemaFacts(path+"{}", value.(map[string]any), out)
		case "required", "enum":
			var set []string
			for _, element := range value.([]any) {
				set = append(set, fmt.Sprint(element))
			}
			slices.Sort(set)
			out[path+"."+keyword] = strings.Join(set, ",")
		default:
			valueFacts(path+"."+keyword, value, out)
		}
	}
}

func valueFacts(path string, value any, out map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if key == "description" { // of a printer column
				continue
			}
			valueFacts(path+"."+key, inner, out)
		}
	case []any:
		for i, inner := range value {
			valueFacts(fmt.Sprintf("%s[%d]", path, i), inner, out)
		}
	default:
		out[path] = fmt.Sprint(value)
	}
}
