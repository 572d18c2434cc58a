package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	theirsacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	theirs "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/test/apiserver"
)

const objectsOfAKind = 60

// TestApply stores objects that a client of theirs makes, with every field
// set, under our CRDs. The API server refuses none and prunes nothing, and our
// types read from it what theirs wrote.
func TestApply(t *testing.T) {
	t.Parallel()
	config := apiserver.Start(t)
	namespace := apiserver.Namespace(t, config)
	strangers, natives := connect(t, theirs.AddToScheme, theirsacme.AddToScheme), connect(t, cmv1.AddToScheme, acmev1.AddToScheme)
	for _, p := range pairs {
		t.Run(p.kind, func(t *testing.T) {
			t.Parallel()
			version, err := natives.GroupVersionKindFor(p.ours())
			if err != nil {
				t.Fatalf("find kind: %v", err)
			}
			fill := valid(1)
			for round := range objectsOfAKind {
				object := p.theirs()
				fill.Fill(object)
				object.GetObjectKind().SetGroupVersionKind(version)
				object.SetName(fmt.Sprintf("apply-%d", round))
				if p.kind != cmv1.ClusterIssuerKind {
					object.SetNamespace(namespace)
				}
				want := object.DeepCopyObject().(client.Object)
				store(t, strangers, object, want)

				got := p.ours()
				if err := natives.Get(t.Context(), client.ObjectKeyFromObject(object), got); err != nil {
					t.Fatalf("read: %v", err)
				}
				if diff := cmp.Diff(content(t, want), content(t, got)); diff != "" {
					t.Fatalf("round %d: stored otherwise than sent (-sent +stored):\n%s", round, diff)
				}
			}
		})
	}
}

// store creates the object, and then gives it the status that is wanted.
func store(t *testing.T, c client.Client, object, want client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), object); err != nil {
		t.Fatalf("create: %v\n%s", err, encode(t, want))
	}
	if object.GetNamespace() == "" {
		t.Cleanup(func() {
			if err := c.Delete(context.Background(), object); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
	withStatus := want.DeepCopyObject().(client.Object)
	withStatus.SetResourceVersion(object.GetResourceVersion())
	if err := c.Status().Update(t.Context(), withStatus); err != nil {
		t.Fatalf("set status: %v\n%s", err, encode(t, want))
	}
}

// connect makes a client that asks for strict validation of fields.
func connect(t *testing.T, kinds ...func(*runtime.Scheme) error) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range kinds {
		if err := add(scheme); err != nil {
			t.Fatalf("build scheme: %v", err)
		}
	}
	c, err := client.New(apiserver.Start(t), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatalf("make client: %v", err)
	}
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

// content returns spec and status in the form of JSON.
func content(t *testing.T, object client.Object) map[string]any {
	t.Helper()
	out := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(encode(t, object)))
	decoder.UseNumber() // a float64 would not tell large integers apart
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return map[string]any{"spec": out["spec"], "status": out["status"]}
}
