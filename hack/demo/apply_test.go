package main

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certwright/certwright/hack/demo/testbed"
)

// sample returns an object of the demo's manifests.
func sample(t *testing.T, kind string) *unstructured.Unstructured {
	t.Helper()
	objects, err := testbed.ReadManifests("../../config/samples/demo")
	if err != nil {
		t.Fatal(err)
	}
	if objects[0].GetKind() != "Namespace" {
		t.Errorf("the first object is a %s, before its namespace", objects[0].GetKind())
	}
	for _, o := range objects {
		if o.GetKind() == kind {
			return o
		}
	}
	t.Fatalf("there is no %s among the demo's manifests", kind)
	return nil
}

func TestManifestsAreFilledInForTheCluster(t *testing.T) {
	t.Parallel()
	d := &demo{settings: settings{
		host: "www.example.org", ingressClass: "other", appImage: "registry.example/app:1", server: "https://ca.example/dir",
	}}
	for kind, want := range map[string][][2]string{
		"ClusterIssuer": {{"server", "https://ca.example/dir"}, {"ingressClassName", "other"}, {"caBundle", "QQ=="}},
		"Ingress":       {{"ingressClassName", "other"}, {"host", "www.example.org"}, {"hosts", "[www.example.org]"}},
		"Deployment":    {{"image", "registry.example/app:1"}},
	} {
		o := sample(t, kind)
		if err := d.fillIn(o, "QQ=="); err != nil {
			t.Fatal(err)
		}
		for _, field := range want {
			found := map[string]bool{}
			collect(o.Object, field[0], found)
			if len(found) != 1 || !found[field[1]] {
				t.Errorf("%s: %s is %v, want %s", kind, field[0], found, field[1])
			}
		}
	}
}

// collect gathers the values of a field wherever it stands.
func collect(v any, field string, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if name == field {
				found[fmt.Sprint(value)] = true
			}
			collect(value, field, found)
		}
	case []any:
		for _, value := range v {
			collect(value, field, found)
		}
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		args    []string
		command string
		fails   bool
	}{
		{nil, "up", false},
		{[]string{"--yes"}, "up", false},
		{[]string{"down", "--name", "x"}, "down", false},
		{[]string{"sideways"}, "up", true},
		{[]string{"--nonsense"}, "up", true},
	} {
		s, err := parse(row.args, &tail{})
		if s.command != row.command || (err != nil) != row.fails {
			t.Errorf("%q: command %q, error %v", row.args, s.command, err)
		}
	}
}
