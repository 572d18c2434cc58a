package ecosystem

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/installed"
)

// TestTrustManagerConsumesCertificatesAndCAs: the certificate of its webhook is
// a Certificate of its chart, the CA of it is injected into its webhook's
// configuration, and it spreads the CA of another Certificate.
func TestTrustManagerConsumesCertificatesAndCAs(t *testing.T) {
	w := start(t)
	trust := apiserver.Namespace(t, w.config)
	host, port := webhookAddress(t)
	objects := installed.Chart{
		Path:    chartOf(t, "github.com/cert-manager/trust-manager", "deploy/charts/trust-manager"),
		Release: "trust-manager", Namespace: trust,
		Arguments: []string{"--set", fmt.Sprintf("defaultPackage.enabled=false,app.trust.namespace=%s,app.webhook.host=%s,app.webhook.port=%d", trust, host, port)},
	}.Render(t, root)
	installed.Install(t, w, trust, objects)
	t.Cleanup(func() { w.uninstall(objects) })
	w.lead(trust, "trust-manager", "webhook", host, port)

	serving := w.eventuallyIssued(trust, "trust-manager")
	if serving.Annotations["cert-manager.io/allow-direct-injection"] != "true" {
		t.Errorf("the Secret does not have the annotation of its template: %v", serving.Annotations)
	}
	// The kubelet would mount the Secret.
	mounted := t.TempDir()
	for _, name := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if err := os.WriteFile(filepath.Join(mounted, name), serving.Data[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	health := installed.FreeAddress(t, "0.0.0.0")
	process := installed.Run(t, program(t, "github.com/cert-manager/trust-manager/cmd/trust-manager"), nil, append(installed.Arguments(t, objects),
		"--kubeconfig="+w.kubeconfig(trust, "trust-manager"), "--webhook-certificate-dir="+mounted, "--leader-elect=false", "--metrics-port=0",
		"--readiness-probe-port="+health[strings.LastIndexByte(health, ':')+1:])...)
	process.Ready(t, "http://127.0.0.1"+health[strings.LastIndexByte(health, ':'):]+"/readyz")
	w.serves("https://"+join(host, port), "trust-manager."+trust+".svc", serving.Data["ca.crt"])

	installed.Eventually(t, patience, "the CA of the webhook is injected", func() error {
		configuration := &admissionregistrationv1.ValidatingWebhookConfiguration{}
		if err := w.Get(t.Context(), client.ObjectKey{Name: "trust-manager"}, configuration); err != nil {
			return err
		}
		if got := string(configuration.Webhooks[0].ClientConfig.CABundle); !strings.Contains(got, strings.TrimSpace(string(serving.Data["ca.crt"]))) {
			return fmt.Errorf("caBundle is %q", got)
		}
		return nil
	})

	authority := certificate(trust, "authority", cmmeta.IssuerReference{Name: "trust-manager"})
	authority.Spec.CommonName, authority.Spec.IsCA = "Authority", true
	w.create(authority)
	ca := w.eventuallyIssued(trust, "authority")
	bundle := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "trust.cert-manager.io/v1alpha1", "kind": "Bundle",
		"metadata": map[string]any{"name": "authority"},
		"spec": map[string]any{
			"sources": []any{map[string]any{"secret": map[string]any{"name": ca.Name, "key": "tls.crt"}}},
			"target": map[string]any{
				"configMap":         map[string]any{"key": "ca.pem"},
				"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": w.namespace}},
			},
		},
	}}
	wrong := bundle.DeepCopy()
	wrong.SetName("wrong")
	if err := unstructured.SetNestedSlice(wrong.Object, []any{map[string]any{"secret": map[string]any{"name": ca.Name}}}, "spec", "sources"); err != nil {
		t.Fatal(err)
	}
	installed.Eventually(t, patience, "the webhook is asked, and refuses a source without a key", func() error {
		err := w.Create(t.Context(), wrong.DeepCopy(), client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), `webhook "trust.cert-manager.io" denied the request`) {
			return fmt.Errorf("the answer is %v", err) //nolint:errorlint // it may be nil
		}
		return nil
	})
	w.create(bundle)
	installed.Eventually(t, patience, "the CA is in a ConfigMap of the other namespace", func() error {
		spread := &corev1.ConfigMap{}
		if err := w.Get(t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "authority"}, spread); err != nil {
			status, _ := json.Marshal(bundle.Object["status"])
			return fmt.Errorf("%w; status of the Bundle: %s", err, status)
		}
		if got, want := strings.TrimSpace(spread.Data["ca.pem"]), strings.TrimSpace(string(ca.Data[corev1.TLSCertKey])); got != want {
			return fmt.Errorf("it has\n%s\nwant\n%s", got, want)
		}
		return nil
	})
}

// serves checks that a server has a certificate for a name from a CA.
func (w *world) serves(address, name string, ca []byte) {
	w.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		w.Fatalf("no CA: %q", ca)
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12}}}
	defer web.CloseIdleConnections()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		w.Fatal(err)
	}
	answer, err := web.Do(request)
	if err != nil {
		w.Fatalf("reach the webhook with the CA of its certificate: %v", err)
	}
	_ = answer.Body.Close()
}
