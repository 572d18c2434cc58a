package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/hack/demo/site"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// fetch gets the web site as a browser does, until the ingress controller has
// taken up the certificate that is in the Secret.
func (d *demo) fetch(ctx context.Context) error {
	roots, err := d.rootPool(ctx)
	if err != nil {
		return err
	}
	if d.https == "" {
		if d.https, err = d.ingressAddress(ctx); err != nil {
			return err
		}
	}
	var last error
	err = wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		d.answer, last = d.fetchOnce(ctx, roots)
		return last == nil, nil
	})
	if err != nil {
		return last
	}
	return nil
}

func (d *demo) fetchOnce(ctx context.Context, roots *x509.CertPool) (testbed.Answer, error) {
	answer, err := testbed.Fetch(ctx, d.https, d.host, roots)
	if err != nil {
		return answer, err
	}
	secret := &corev1.Secret{}
	if err := d.api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: certificate}, secret); err != nil {
		return answer, fmt.Errorf("read Secret: %w", err)
	}
	stored, err := testbed.Leaf(secret.Data[corev1.TLSCertKey])
	if err != nil {
		return answer, fmt.Errorf("read Secret %s: %w", certificate, err)
	}
	switch {
	case !stored.Equal(answer.Chain[0]):
		return answer, errors.New("the ingress controller serves another certificate than the one in the Secret")
	case answer.Status != http.StatusOK:
		return answer, fmt.Errorf("the application answers with status %d", answer.Status)
	}
	return answer, nil
}

// ingressAddress is where the Ingress says that it is served.
func (d *demo) ingressAddress(ctx context.Context) (string, error) {
	ingress := &networkingv1.Ingress{}
	if err := d.api.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ingressName}, ingress); err != nil {
		return "", fmt.Errorf("read Ingress: %w", err)
	}
	for _, at := range ingress.Status.LoadBalancer.Ingress {
		if at.IP != "" {
			return at.IP + ":443", nil
		}
		if at.Hostname != "" {
			return at.Hostname + ":443", nil
		}
	}
	return "", errors.New("the Ingress has no address: say with --https where the ingress controller listens")
}

// proxiedRoots reads the root of Pebble's chains through the API server.
func (d *demo) proxiedRoots(ctx context.Context) (*x509.CertPool, error) {
	clients, err := kubernetes.NewForConfig(d.config)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	text, err := clients.CoreV1().Services("pebble").ProxyGet("https", "pebble", "15000", "/roots/0", nil).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read issuing root of Pebble: %w", err)
	}
	return testbed.ParseRoots(text)
}

// operatorLog is how to see what the operator says.
func (d *demo) operatorLog(kubectl string) string {
	if d.isLocal {
		return "less " + d.site().Log(site.Operator)
	}
	return kubectl + " -n " + testbed.Namespace + " logs deployment/" + testbed.Release
}

// report prints what has been served, and what to try next.
func (d *demo) report() {
	leaf := d.answer.Chain[0]
	subject := leaf.Subject.String()
	if subject == "" {
		subject = "(none: the names are what counts)"
	}
	root := d.answer.Chain[len(d.answer.Chain)-1]
	address := d.https
	s := d.screen
	s.line("")
	s.line(s.color(escBold, "https://"+d.host+" says: "+strings.TrimSpace(d.answer.Body)))
	for _, field := range [][2]string{
		{"subject", subject},
		{"names", strings.Join(leaf.DNSNames, ", ")},
		{"issuer", leaf.Issuer.String()},
		{"root", root.Subject.String()},
		{"serial", leaf.SerialNumber.Text(16)},
		{"valid", leaf.NotBefore.UTC().Format("2006-01-02 15:04:05Z") + " to " + leaf.NotAfter.UTC().Format("2006-01-02 15:04:05Z")},
	} {
		s.line(fmt.Sprintf("  %-8s %s", field[0], field[1]))
	}
	s.line("")
	s.line("Next:")
	kubectl := "kubectl"
	if d.node.Name != "" {
		kubectl = "go -C hack/cluster run . kubectl"
		s.line("  export KUBECONFIG=" + d.kubeconfig + " CERTWRIGHT_CLUSTER=" + d.node.Name)
	}
	for _, command := range []string{
		kubectl + " -n demo describe certificate hello-tls    # what happened, as events",
		kubectl + " -n demo get certificaterequests,orders",
		kubectl + " -n demo delete secret hello-tls           # it is issued again",
		d.operatorLog(kubectl),
		"curl --insecure --connect-to " + d.host + ":443:" + address + " https://" + d.host + "/",
		"make demo-down                                 # remove everything",
	} {
		s.line("  " + s.color(escDim, command))
	}
}
