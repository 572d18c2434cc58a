package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certwright/certwright/hack/demo/site"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// The demo without a node starts its own program again, which in a test is the
// test binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == commandSite {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestNodeIsStartedWhereThereCanBeOne(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		asked, system string
		user          int
		node          bool
		why           string
	}{
		{"", "linux", 0, true, ""},
		{"", "linux", 1000, false, "only root can run one"},
		{"", "darwin", 0, false, "a node runs on Linux only, and this is darwin"},
		{"no", "linux", 0, false, "as you said"},
		{"yes", "linux", 1000, true, ""}, // and fails, saying why
	} {
		node, why := runsNode(row.asked, row.system, row.user)
		if node != row.node || why != row.why {
			t.Errorf("%+v: %t, %q", row, node, why)
		}
	}
}

func TestWithoutANodeTheServiceLeadsToTheProcess(t *testing.T) {
	t.Parallel()
	d := &demo{isLocal: true, at: site.Addresses{App: "127.0.0.1:4711"}}
	if got, err := d.fillInLocal(sample(t, "Deployment")); err != nil || len(got) != 0 {
		t.Errorf("Deployment: %v, %v", got, err)
	}
	got, err := d.fillInLocal(sample(t, "Service"))
	if err != nil || len(got) != 2 {
		t.Fatalf("Service: %v, %v", got, err)
	}
	if selector, found, _ := unstructured.NestedMap(got[0].Object, "spec", "selector"); found {
		t.Errorf("selector %v", selector)
	}
	found := map[string]bool{}
	collect(got[1].Object, "port", found)
	if got[1].GetKind() != "EndpointSlice" || !found["4711"] || got[1].GetLabels()["kubernetes.io/service-name"] != "hello" {
		t.Errorf("slice %v", got[1].Object)
	}
}

// The whole story, on this machine's loopback.
func TestDemoWithoutANode(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	checkout, err := testbed.FindCheckout(&log)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parse([]string{"--node", "no", "--name", fmt.Sprintf("demo-%d", os.Getpid())}, &log)
	if err != nil {
		t.Fatal(err)
	}
	anew := func() *demo { // as another command has it
		return &demo{settings: s, checkout: checkout, screen: &screen{w: &out}, log: &tail{}}
	}
	t.Cleanup(func() {
		d := anew()
		if err := d.down(context.Background()); err != nil {
			t.Error(err)
		}
		if left, err := checkout.Exists(d.localName()); left || err != nil {
			t.Errorf("%s is left: %v", d.localName(), err)
		}
	})
	if err := anew().up(t.Context()); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &out, &log)
	}
	for _, want := range []string{
		"Without a node (as you said)",
		"Hello from hello.certwright.test, served over HTTPS.",
		"hello.certwright.test is proven",
		"issuer   CN=Pebble Intermediate CA",
		"make demo-down",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not said: %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
