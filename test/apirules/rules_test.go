package apirules

import (
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/test/apiserver"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// row is one rule, and an object that keeps or breaks it.
type row struct {
	rule string // as a sentence

	base string // a valid object, in YAML
	with string // what the object has besides: a JSON merge patch in YAML
	then string // how it is changed after it was created: such a patch too. Empty: not at all.

	want string // a part of the message of the last step. Empty: it is accepted.
}

func allRows() []row {
	return slices.Concat(certificateRows, certificateRequestRows, issuerRows, solverRows, dnsRows, vaultRows, venafiRows, orderRows, challengeRows, revocationRows)
}

func TestRules(t *testing.T) {
	t.Parallel()
	c, namespace := connect(t)
	for _, r := range allRows() {
		t.Run(r.rule, func(t *testing.T) {
			t.Parallel()
			object := parse(t, r.base)
			merge(object.Object, parse(t, r.with).Object)
			if object.GetKind() != "ClusterIssuer" {
				object.SetNamespace(namespace)
			}
			object.SetGenerateName("rule-")

			err := create(t, c, object)
			if r.then != "" {
				if err != nil {
					t.Fatalf("create: %v", err)
				}
				err = update(t, c, object, parse(t, r.then).Object)
			}
			switch {
			case r.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case r.want != "" && err == nil:
				t.Errorf("accepted, want refused because %q", r.want)
			case r.want != "" && !strings.Contains(err.Error(), r.want):
				t.Errorf("refused because\n%v\nwant because\n%s", err, r.want)
			}
		})
	}
}

// TestEveryRuleHasARow fails if a rule is added to the types without a row
// that breaks it.
func TestEveryRuleHasARow(t *testing.T) {
	t.Parallel()
	rows := allRows()
	for _, crd := range readCRDs(t) {
		schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
		for path, message := range messages(crd.Spec.Names.Kind, schema) {
			broken := slices.ContainsFunc(rows, func(r row) bool {
				return r.want != "" && strings.Contains(message, r.want)
			})
			if !broken {
				t.Errorf("no row breaks the rule of %s: %s", path, message)
			}
		}
	}
}

func connect(t *testing.T) (client.Client, string) {
	t.Helper()
	config := apiserver.Start(t)
	config.WarningHandlerWithContext = rest.NoWarnings{}
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatalf("make client: %v", err)
	}
	return client.WithFieldValidation(c, metav1.FieldValidationStrict), apiserver.Namespace(t, config)
}

// create makes the object with its status, if it has one.
func create(t *testing.T, c client.Client, object *unstructured.Unstructured) error {
	t.Helper()
	status, hasStatus := object.Object["status"]
	if err := c.Create(t.Context(), object); err != nil {
		return err
	}
	if object.GetNamespace() == "" {
		t.Cleanup(func() {
			if err := c.Delete(backgroundContext(), object); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
	if !hasStatus {
		return nil
	}
	object.Object["status"] = status
	return c.Status().Update(t.Context(), object)
}

// update changes the object, or its status if the patch speaks of that.
func update(t *testing.T, c client.Client, object *unstructured.Unstructured, patch map[string]any) error {
	t.Helper()
	merge(object.Object, patch)
	if _, ok := patch["status"]; ok {
		return c.Status().Update(t.Context(), object)
	}
	return c.Update(t.Context(), object)
}

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{}}
	if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return object
}

// merge applies a JSON merge patch (RFC 7386).
func merge(object, patch map[string]any) {
	for key, value := range patch {
		if value == nil {
			delete(object, key)
			continue
		}
		inner, ok := value.(map[string]any)
		if !ok {
			object[key] = value
			continue
		}
		present, ok := object[key].(map[string]any)
		if !ok {
			present = map[string]any{}
		}
		present = maps.Clone(present)
		merge(present, inner)
		object[key] = present
	}
}
