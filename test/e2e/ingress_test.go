package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// The names in config/samples/demo.
const (
	siteIngress = "hello"
	siteSecret  = "hello-tls"
)

// site puts the demo's web site into the journey's namespace, with an Ingress
// that asks for a certificate.
func (j *journey) site() {
	j.Helper()
	objects, err := testbed.ReadManifests(j.samples())
	if err != nil {
		j.Fatal(err)
	}
	for _, o := range objects {
		switch o.GetKind() {
		case "Namespace", cmv1.ClusterIssuerKind:
			continue
		case "Ingress":
			j.create(j.ingress(o))
			continue
		}
		o.SetNamespace(j.namespace)
		j.create(o)
	}
}

// ingress is the sample's Ingress with the journey's host and issuer.
func (j *journey) ingress(sample *unstructured.Unstructured) *unstructured.Unstructured {
	j.Helper()
	o := sample.DeepCopy()
	o.SetNamespace(j.namespace)
	o.SetAnnotations(map[string]string{cmv1.IngressClusterIssuerNameAnnotationKey: pebbleIssuer})
	rules, _, err := unstructured.NestedSlice(o.Object, "spec", "rules")
	if err != nil || len(rules) != 1 {
		j.Fatalf("the sample's Ingress has %d rules: %v", len(rules), err)
	}
	rules[0].(map[string]any)["host"] = j.host()
	if err := unstructured.SetNestedSlice(o.Object, rules, "spec", "rules"); err != nil {
		j.Fatal(err)
	}
	tls := []any{map[string]any{"hosts": []any{j.host()}, "secretName": siteSecret}}
	if err := unstructured.SetNestedSlice(o.Object, tls, "spec", "tls"); err != nil {
		j.Fatal(err)
	}
	return o
}

// untilServed waits until the web site is served with the certificate that is
// in the Secret.
func (j *journey) untilServed() testbed.Answer {
	j.Helper()
	var answer testbed.Answer
	j.until("the site is served with its certificate", time.Minute, func(ctx context.Context) (bool, string, error) {
		var err error
		if answer, err = testbed.Fetch(ctx, j.node.HTTPS, j.host(), j.roots); err != nil {
			return false, "", err
		}
		stored, err := j.stored(ctx, siteSecret)
		if err != nil {
			return false, "", err
		}
		seen := fmt.Sprintf("status %d, serial %x served, %x stored", answer.Status, answer.Chain[0].SerialNumber, stored.SerialNumber)
		return answer.Status == http.StatusOK && answer.Chain[0].Equal(stored), seen, nil
	})
	return answer
}

func TestAnnotatedIngressIsServedOverTLS(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.site()
	c := j.untilReady(siteSecret, issueLimit)
	answer := j.untilServed()
	j.untilClean()

	if got := answer.Chain[0].DNSNames; len(got) != 1 || got[0] != j.host() {
		t.Errorf("the certificate is for %q", got)
	}
	if c.Status.NotAfter == nil || !c.Status.NotAfter.Time.Equal(answer.Chain[0].NotAfter) {
		t.Errorf("the Certificate's status has notAfter %v, the certificate %v", c.Status.NotAfter, answer.Chain[0].NotAfter)
	}
	ingress := &networkingv1.Ingress{}
	if err := j.api.Get(t.Context(), client.ObjectKey{Namespace: j.namespace, Name: siteIngress}, ingress); err != nil {
		t.Fatal(err)
	}
	if len(ingress.Spec.Rules) != 1 || len(ingress.Spec.Rules[0].HTTP.Paths) != 1 {
		t.Errorf("the user's Ingress was changed: %+v", ingress.Spec)
	}
	orders, err := j.names(t.Context(), &acmev1.OrderList{}, client.InNamespace(j.namespace))
	if err != nil || len(orders) != 1 {
		t.Errorf("the certificate took the orders %q: %v", orders, err)
	}
}
