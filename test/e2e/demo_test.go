package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

// The names of config/samples/demo.
const (
	demoNamespace = "demo"
	demoIssuer    = "demo"
)

// Not parallel: it kills the operator, and counts all orders at the CA.
func TestOperatorKilledDuringTheDemo(t *testing.T) {
	j := &journey{T: t, world: shared, namespace: demoNamespace}
	t.Cleanup(func() {
		for _, o := range []client.Object{
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: demoNamespace}},
			&cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: demoIssuer}},
		} {
			if err := j.api.Delete(context.Background(), o); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	})
	before, err := j.ordersAtCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	demo := exec.CommandContext(ctx, "go", "run", "./hack/demo", "--yes")
	demo.Dir = j.checkout.Root
	demo.Env = append(os.Environ(), "KUBECONFIG="+j.node.Kubeconfig)
	var out bytes.Buffer
	demo.Stdout, demo.Stderr = &out, &out
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- demo.Wait() }()

	// Between the CA's answer and the write of its URL there is a moment, see
	// lifecycle/order.go, in which a death makes Pebble take another order.
	j.until("there is an Order that is placed", 3*time.Minute, func(ctx context.Context) (bool, string, error) {
		orders := &acmev1.OrderList{}
		err := j.api.List(ctx, orders, client.InNamespace(demoNamespace))
		return len(orders.Items) > 0 && orders.Items[0].Status.URL != "", fmt.Sprintf("%d Orders", len(orders.Items)), err
	})
	running, err := j.operator(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.kill(ctx, running); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		j.describe()
		t.Fatalf("demo: %v\n%s", err, out.String())
	}
	stored, err := j.stored(t.Context(), siteSecret)
	if err != nil {
		t.Fatal(err)
	}
	if serial := stored.SerialNumber.Text(16); !hasAll(out.String(), serial, "hello.certwright.test", "Pebble Intermediate CA") {
		t.Errorf("the demo does not tell of the certificate %s:\n%s", serial, out.String())
	}
	after, err := j.ordersAtCA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after-before != 1 {
		t.Errorf("the CA has %d orders for one certificate", after-before)
	}
	j.untilClean()
}
