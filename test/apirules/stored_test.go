package apirules

import (
	"context"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certwright/certwright/test/apiserver"
)

// TestObjectsStoredBeforeTheRules stores objects that break rules before the
// rules are there, as an installation that is taken over may hold them. They
// can still be read, labelled, given a status and deleted.
func TestObjectsStoredBeforeTheRules(t *testing.T) {
	t.Parallel()
	c, namespace := connect(t)
	objects := map[string]*unstructured.Unstructured{
		"a Certificate without names": parse(t, strings.Replace(certificate, "[example.com]", "[]", 1)+`
  renewBefore: 1m`),
		"a Certificate without spec": parse(t, `{apiVersion: cert-manager.io/v1, kind: Certificate}`),
		"a CertificateRequest of garbage": parse(t, `
apiVersion: cert-manager.io/v1
kind: CertificateRequest
spec: {request: aW52YWxpZC1jc3I=, issuerRef: {name: a, kind: b}, duration: 90d}`),
		"an Issuer that signs in two ways": parse(t, selfSigned+`
  ca: {secretName: ""}`),
		"an Order with a strange duration": parse(t, order+`
  duration: 90d`),
		"a Challenge without solver": parse(t, strings.Replace(challenge, "http01: {ingress: {}}", "", 1)),
	}

	// The same kinds under another group's name, so that the rules of the real
	// ones stay in force for the other tests, and a name of its own for each
	// run, since it takes some time until changed rules are in force.
	crds := readCRDs(t)
	for _, crd := range crds {
		crd.Spec.Group = namespace + "." + crd.Spec.Group
		crd.Name = crd.Spec.Names.Plural + "." + crd.Spec.Group
		crd.Spec.Names.ShortNames, crd.Spec.Names.Categories = nil, nil
		crd.Annotations = map[string]string{"api-approved.kubernetes.io": "unapproved, for a test"}
	}
	install(t, crds, false)
	t.Cleanup(func() {
		if err := envtest.UninstallCRDs(apiserver.Start(t), envtest.CRDInstallOptions{CRDs: crds}); err != nil {
			t.Errorf("remove CRDs: %v", err)
		}
	})
	for name, object := range objects {
		version := object.GroupVersionKind()
		version.Group = namespace + "." + version.Group
		object.SetGroupVersionKind(version)
		object.SetNamespace(namespace)
		object.SetGenerateName("stored-")
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("create %s: %v", name, err)
		}
	}
	install(t, crds, true)

	for name, object := range objects {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waitForRules(t, c, object)
			object.SetLabels(map[string]string{"a": "b"})
			object.SetFinalizers([]string{"example.com/a"})
			if err := c.Update(t.Context(), object); err != nil {
				t.Errorf("label: %v", err)
			}
			object.Object["status"] = parse(t, `{conditions: [{type: Ready, status: "False"}]}`).Object
			if object.GroupVersionKind().Group == namespace+".acme.cert-manager.io" {
				object.Object["status"] = parse(t, `{state: errored}`).Object
			}
			if err := c.Status().Update(t.Context(), object); err != nil {
				t.Errorf("set status: %v", err)
			}
			object.SetFinalizers(nil)
			if err := c.Update(t.Context(), object); err != nil {
				t.Errorf("remove finalizer: %v", err)
			}
			if err := c.Delete(t.Context(), object); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

// install installs the CRDs, with their rules or without.
func install(t *testing.T, crds []*apiextensionsv1.CustomResourceDefinition, rules bool) {
	t.Helper()
	var installed []*apiextensionsv1.CustomResourceDefinition
	for _, crd := range crds {
		crd := crd.DeepCopy()
		if !rules {
			removeRules(crd.Spec.Versions[0].Schema.OpenAPIV3Schema)
		}
		installed = append(installed, crd)
	}
	_, err := envtest.InstallCRDs(apiserver.Start(t), envtest.CRDInstallOptions{CRDs: installed, MaxTime: time.Minute})
	if err != nil {
		t.Fatalf("install CRDs: %v", err)
	}
}

func removeRules(schema *apiextensionsv1.JSONSchemaProps) {
	schema.XValidations = nil
	for name, property := range schema.Properties {
		removeRules(&property)
		schema.Properties[name] = property
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		removeRules(schema.Items.Schema)
	}
}

// waitForRules returns once an object like this one is refused, which shows
// that the rules are in force.
func waitForRules(t *testing.T, c client.Client, object *unstructured.Unstructured) {
	t.Helper()
	another := object.DeepCopy()
	another.SetName("")
	another.SetGenerateName("refused-")
	another.SetResourceVersion("")
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := c.Create(ctx, another.DeepCopy(), client.DryRunAll)
		if apierrors.IsInvalid(err) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		t.Fatalf("wait for the rules: %v", err)
	}
}
