package ecosystem

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/ecosystem/pca"
	"github.com/certwright/certwright/test/installed"
)

const pcaGroup = "awspca.cert-manager.io"

// TestAnExternalIssuerIssues: the operator makes and approves the requests, and
// stores what aws-privateca-issuer has from its CA.
func TestAnExternalIssuerIssues(t *testing.T) {
	ca, err := pca.New()
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(ca)
	t.Cleanup(api.Close)
	w := start(t, "--set", `approveSignerNames={issuers.cert-manager.io/*,awspcaclusterissuers.`+pcaGroup+`/*,awspcaissuers.`+pcaGroup+`/*}`)
	namespace := apiserver.Namespace(t, w.config)
	objects := installed.Chart{
		Path:    chartOf(t, "github.com/cert-manager/aws-privateca-issuer", "charts/aws-pca-issuer"),
		Release: "pca", Namespace: namespace, Arguments: []string{"--set", "fullnameOverride=pca,approverRole.enabled=false"},
	}.Render(t, root)
	installed.Install(t, w, namespace, objects)
	t.Cleanup(func() { w.uninstall(objects) })
	health := installed.FreeAddress(t, "127.0.0.1")
	installed.Run(t, program(t, "github.com/cert-manager/aws-privateca-issuer"),
		// Nothing of the machine's own may be asked: not its files, not its metadata service.
		[]string{"AWS_ENDPOINT_URL=" + api.URL, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"},
		"--kubeconfig="+w.kubeconfig(namespace, "pca"), "--metrics-bind-address=0", "--health-probe-bind-address="+health).
		Ready(t, "http://"+health+"/readyz")

	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "credentials"},
		StringData: map[string]string{"AWS_ACCESS_KEY_ID": ca.AccessKeyID, "AWS_SECRET_ACCESS_KEY": ca.SecretAccessKey},
	})
	spec := map[string]any{"arn": ca.Arn, "region": ca.Region, "secretRef": map[string]any{"namespace": namespace, "name": "credentials"}}
	everywhere := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": pcaGroup + "/v1beta1", "kind": "AWSPCAClusterIssuer", "metadata": map[string]any{"name": "pca"}, "spec": spec,
	}}
	here := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": pcaGroup + "/v1beta1", "kind": "AWSPCAIssuer", "metadata": map[string]any{"namespace": w.namespace, "name": "pca"}, "spec": spec,
	}}
	w.create(everywhere, here,
		certificate(w.namespace, "everywhere", cmmeta.IssuerReference{Group: pcaGroup, Kind: "AWSPCAClusterIssuer", Name: "pca"}, "everywhere.example.com"),
		certificate(w.namespace, "here", cmmeta.IssuerReference{Group: pcaGroup, Kind: "AWSPCAIssuer", Name: "pca"}, "here.example.com"),
	)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Root)
	for _, name := range []string{"everywhere", "here"} {
		secret := w.eventuallyIssued(w.namespace, name)
		block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
		if block == nil {
			t.Fatalf("Secret %s has no certificate", name)
		}
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name + ".example.com", KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("certificate %s: %v", name, err)
		}
		if got, want := strings.TrimSpace(string(secret.Data["ca.crt"])), strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root.Raw}))); got != want {
			t.Errorf("ca.crt of %s is\n%s\nwant\n%s", name, got, want)
		}
	}
	list := &cmv1.CertificateRequestList{}
	if err := w.List(t.Context(), list, client.InNamespace(w.namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		for _, c := range list.Items[i].Status.Conditions {
			if c.Type == cmv1.CertificateRequestConditionReady && c.Message != "certificate issued" {
				t.Errorf("Ready of request %s is not the external issuer's: %+v", list.Items[i].Name, c)
			}
		}
	}
	if got := ca.Issued(); got != 2 {
		t.Errorf("the CA has issued %d certificates, want 2", got)
	}
	if list := ca.Refusals(); len(list) > 0 {
		t.Errorf("the CA has refused requests:\n%s", strings.Join(list, "\n"))
	}
}
