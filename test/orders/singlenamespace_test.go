package orders

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/acme/testca"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/installed"
)

// root is that of the checkout.
const root = "../.."

// refusals are the requests that an API server has refused because of who made
// them.
type refusals struct {
	mu   sync.Mutex
	list []string
}

func (r *refusals) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// listen gives a way to the API server, with the credentials of whoever takes
// it, on which refusals are noted.
func (r *refusals) listen(t *testing.T, config *rest.Config) *rest.Config {
	t.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // a watch is a response without an end
		ModifyResponse: func(answer *http.Response) error {
			if answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.list = append(r.list, fmt.Sprintf("%d for %s %s", answer.StatusCode, answer.Request.Method, answer.Request.URL.Path))
			}
			return nil
		},
	})
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})
	return &rest.Config{Host: proxy.URL, TLSClientConfig: rest.TLSClientConfig{CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})}}
}

func issuerOf(namespace, name string, config cmv1.IssuerConfig) *cmv1.Issuer {
	return &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: cmv1.IssuerSpec{IssuerConfig: config}}
}

func certificateOf(namespace, name, issuer string) *cmv1.Certificate {
	return &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: cmv1.CertificateSpec{
			SecretName: name, DNSNames: []string{name + ".example.com"}, IssuerRef: cmmeta.IssuerReference{Name: issuer},
		},
	}
}

// readyOf is the condition Ready of a Certificate.
func (w *world) readyOf(namespace, name string) *cmv1.CertificateCondition {
	w.t.Helper()
	crt := &cmv1.Certificate{}
	if err := w.api.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, crt); err != nil {
		w.t.Fatal(err)
	}
	for i := range crt.Status.Conditions {
		if c := &crt.Status.Conditions[i]; c.Type == cmv1.CertificateConditionReady {
			return c
		}
	}
	return nil
}

// TestAnOperatorForOneNamespaceNeedsNothingOutsideOfIt runs the program as the
// chart installs it, under its ServiceAccount.
func TestAnOperatorForOneNamespaceNeedsNothingOutsideOfIt(t *testing.T) {
	t.Parallel()
	w := newUnregistered(t, testca.Options{}, acmev1.ACMEChallengeSolver{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}})
	w.editIssuer("pebble", func(i *cmv1.Issuer) { i.Spec.ACME.SkipTLSVerify = true })
	elsewhere := apiserver.Namespace(t, w.config) // where the program is
	objects := installed.Certwright(root, elsewhere, "--set", "watchNamespace="+w.namespace).Render(t, root)
	installed.Install(t, w.api, elsewhere, objects)

	refused := &refusals{}
	access := refused.listen(t, w.config)
	access.BearerToken = installed.Account(t, w.config, elsewhere, "certwright").BearerToken
	health, metrics := installed.FreeAddress(t, "127.0.0.1"), installed.FreeAddress(t, "127.0.0.1")
	process := installed.Run(t, installed.Operator(t, root), nil, append(installed.Arguments(t, objects),
		"--kubeconfig="+installed.Kubeconfig(t, access), "--health-listen-address="+health, "--metrics-listen-address="+metrics)...)
	process.Ready(t, "http://"+health+"/readyz")

	foreign := certificateOf(elsewhere, "web", "self")
	cluster := certificateOf(w.namespace, "cluster", "everywhere")
	cluster.Spec.IssuerRef.Kind = cmv1.ClusterIssuerKind
	authority := certificateOf(w.namespace, "authority", "self")
	authority.Spec.IsCA, authority.Spec.CommonName = true, "Authority"
	everywhere := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "everywhere-" + w.namespace}, Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}}}
	cluster.Spec.IssuerRef.Name = everywhere.Name
	for _, object := range []client.Object{
		everywhere, cluster,
		issuerOf(w.namespace, "self", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}),
		issuerOf(elsewhere, "self", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}),
		issuerOf(w.namespace, "ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "authority"}}),
		foreign, authority,
		certificateOf(w.namespace, "private", "ca"),
		certificateOf(w.namespace, "public", "pebble"),
	} {
		if err := w.api.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { w.deleteAll(everywhere) })

	w.eventually("a certificate is issued by a CA of the namespace", func() (bool, any) {
		ready := w.readyOf(w.namespace, "private")
		return ready != nil && ready.Status == cmmeta.ConditionTrue, ready
	})
	w.eventually("an ACME order goes as far as to what answers the challenge", func() (bool, any) {
		left := w.left()
		return len(left) == 4, left // the Challenge, a pod, a Service and an Ingress
	})
	w.eventually("it is said that ClusterIssuers are out of reach", func() (bool, any) {
		ready := w.readyOf(w.namespace, "cluster")
		return ready != nil && strings.Contains(ready.Message, "the operator works in one namespace"), ready
	})
	text := w.fetch("http://" + metrics + "/metrics")
	if want := `certmanager_certificate_ready_status{condition="True",issuer_group="",issuer_kind="",issuer_name="ca",name="private",namespace="` + w.namespace + `"} 1`; !strings.Contains(text, want) {
		t.Errorf("metrics do not have %s", want)
	}

	w.deleteAll(certificateOf(w.namespace, "public", ""))
	w.eventually("what answered the challenge is cleaned up", func() (bool, any) {
		left := w.left()
		return len(left) == 0, left
	})
	if ready := w.readyOf(elsewhere, "web"); ready != nil {
		t.Errorf("a Certificate of another namespace has been looked at: %+v", ready)
	}
	process.Stop(t)
	lease := &coordinationv1.Lease{}
	if err := w.api.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "cert-manager-controller"}, lease); err != nil {
		t.Errorf("the lease is not in the namespace: %v", err)
	}
	if list := refused.seen(); len(list) > 0 {
		t.Errorf("the API server has refused requests of the operator:\n%s", strings.Join(list, "\n"))
	}
}

func (w *world) deleteAll(objects ...client.Object) {
	w.t.Helper()
	for _, object := range objects {
		if err := client.IgnoreNotFound(w.api.Delete(context.Background(), object)); err != nil {
			w.t.Errorf("delete %s: %v", object.GetName(), err)
		}
	}
}

func (w *world) fetch(address string) string {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		w.t.Fatalf("get %s: %s, %v", address, answer.Status, err)
	}
	return string(text)
}
