package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// rights are what the rendered roles of a kind grant, a line for each.
func rights(t *testing.T, objects []*unstructured.Unstructured, kind string) []string {
	t.Helper()
	var lines []string
	for _, object := range objects {
		if object.GetKind() != kind || !strings.Contains(object.GetName(), "-controller-") {
			continue
		}
		var role rbacv1.Role
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						lines = append(lines, strings.Join([]string{object.GetName(), group, resource, verb, strings.Join(rule.ResourceNames, " ")}, " "))
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// outOfReach tells rights that nobody can have in a namespace, and those that
// an operator for one namespace has no use for.
func outOfReach(line string) bool {
	fields := strings.Split(line, " ")
	switch group, resource := fields[1], fields[2]; group {
	case "admissionregistration.k8s.io", "apiregistration.k8s.io", "apiextensions.k8s.io", "certificates.k8s.io", "authorization.k8s.io":
		return true
	case "cert-manager.io":
		return strings.HasPrefix(resource, "clusterissuers")
	}
	return false
}

func TestAChartForOneNamespaceGrantsNothingOutsideOfIt(t *testing.T) {
	t.Parallel()
	everywhere := render(t, "--api-versions", mutatingPolicy)
	objects := render(t, "--api-versions", mutatingPolicy, "--set", "watchNamespace=shop")
	arguments := ""
	for _, object := range objects {
		where := object.GetNamespace()
		switch kind := object.GetKind(); kind {
		case "Role", "RoleBinding":
			if where != "shop" {
				t.Errorf("%s %s is in the namespace %q", kind, object.GetName(), where)
			}
		case "Deployment", "Service", "ServiceAccount":
			if where != "certwright" {
				t.Errorf("%s %s is in the namespace %q", kind, object.GetName(), where)
			}
		default:
			t.Errorf("%s %s is rendered, which may be in no namespace", kind, object.GetName())
		}
		if object.GetKind() == "Deployment" {
			containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			args, _, _ := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
			arguments = strings.Join(args, "\n")
		}
	}
	for _, want := range []string{"--namespace=shop", "--leader-election-namespace=shop"} {
		if !strings.Contains(arguments+"\n", want+"\n") {
			t.Errorf("the arguments do not have %s:\n%s", want, arguments)
		}
	}

	// What is left are the same rights, so that a rule which is added for one
	// kind of installation is there for the other.
	want := slices.DeleteFunc(rights(t, everywhere, "ClusterRole"), outOfReach)
	for i := range want {
		want[i] = strings.Replace(want[i], " clusterissuers.cert-manager.io/*", "", 1)
	}
	if diff := cmp.Diff(want, rights(t, objects, "Role")); diff != "" {
		t.Errorf("rights in the namespace, instead of everywhere (-want +got):\n%s", diff)
	}
}

func TestAResponderOutsideOfItsOnlyNamespaceIsRefused(t *testing.T) {
	t.Parallel()
	_, err := helm(t.Context(), "template", release, chart, "--namespace", "certwright", "--set", "watchNamespace=shop,http01SolverMode=Shared")
	if err == nil || !strings.Contains(err.Error(), "http01SolverMode Shared needs the release in the watchNamespace") {
		t.Errorf("error is %v", err)
	}
	if _, err := helm(t.Context(), "template", release, chart, "--namespace", "shop", "--set", "watchNamespace=shop,http01SolverMode=Shared"); err != nil {
		t.Errorf("in its namespace: %v", err)
	}
}
