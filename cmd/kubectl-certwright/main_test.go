package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"flag"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
)

var update = flag.Bool("update", false, "write the golden files anew")

// asCommand is set where the test binary is called in the place of the command.
const asCommand = "CERTWRIGHT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(context.Background(), os.Args, newTerminal()))
	}
	ctrllog.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// noon is what the clock of the command shows in tests.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// world is a namespace, and a kubeconfig whose context is in it.
type world struct {
	*testing.T
	client.WithWatch

	namespace, kubeconfig string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	config := apiserver.Start(t)
	w := &world{T: t, namespace: apiserver.Namespace(t, config), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData}
	file.AuthInfos["test"] = &clientcmdapi.AuthInfo{
		ClientCertificate: config.CertFile, ClientCertificateData: config.CertData,
		ClientKey: config.KeyFile, ClientKeyData: config.KeyData, Token: config.BearerToken,
	}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test", Namespace: w.namespace}
	file.CurrentContext = "test"
	if err := clientcmd.WriteToFile(*file, w.kubeconfig); err != nil {
		t.Fatal(err)
	}
	c := &cli{terminal: w.terminal("", io.Discard, io.Discard), kubeconfig: &clientcmd.ClientConfigLoadingRules{ExplicitPath: w.kubeconfig}}
	api, err := c.connect()
	if err != nil {
		t.Fatal(err)
	}
	w.WithWatch = api.WithWatch
	return w
}

func (w *world) terminal(answers string, out, err io.Writer) *terminal {
	return &terminal{in: strings.NewReader(answers), out: out, err: err, asks: answers != "", now: func() time.Time { return noon }}
}

// safeBuffer is written by a command while the test reads it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// ran is what a command has left.
type ran struct {
	code     int
	out, err string
}

// all is the whole of what a user sees.
func (r ran) all() string { return r.err + r.out }

// do runs a command to its end. Without answers there is no terminal.
func (w *world) do(answers string, args ...string) ran {
	w.Helper()
	return w.begin(answers, args...)()
}

// begin runs a command beside the test; what it returns waits for its end.
func (w *world) begin(answers string, args ...string) func() ran {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	_, ended := w.start(ctx, answers, args...)
	return func() ran { defer cancel(); return ended() }
}

// watch runs a command that is to be interrupted, by stop.
func (w *world) watch(args ...string) (shown func() string, stop func() ran) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, end := w.start(ctx, "", args...)
	return out.String, func() ran { cancel(); return end() }
}

func (w *world) start(ctx context.Context, answers string, args ...string) (out *safeBuffer, end func() ran) {
	var errs safeBuffer
	out = &safeBuffer{}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"/usr/bin/kubectl-certwright", "--kubeconfig", w.kubeconfig}, args...), w.terminal(answers, out, &errs))
	}()
	return out, func() ran { return ran{<-done, out.String(), errs.String()} }
}

// ends fails the test if a command has ended otherwise.
func (w *world) ends(r ran, code int, words ...string) {
	w.Helper()
	if r.code != code {
		w.Fatalf("exit code %d, want %d\n%s", r.code, code, r.all())
	}
	for _, word := range words {
		if !strings.Contains(r.all(), word) {
			w.Errorf("it does not say %q:\n%s", word, r.all())
		}
	}
}

var (
	generated = regexp.MustCompile(`((?:revocation|reissue)\.certwright\.dev/\S*-|plan-)[a-z0-9]{5}\b`)
	hash      = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
)

// golden compares with a file what is the same each time.
func (w *world) golden(name, got string) {
	w.Helper()
	got = strings.ReplaceAll(got, w.namespace, "test-names") // as long as the name itself
	got = generated.ReplaceAllString(got, "${1}xxxxx")
	got = hash.ReplaceAllString(got, "<hash>")
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			w.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		w.Errorf("%s (-want +got; -update writes it):\n%s", path, diff)
	}
}

func (w *world) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.namespace, Name: name}
}

func (w *world) create(objects ...client.Object) {
	w.Helper()
	for _, o := range objects {
		status := o.DeepCopyObject().(client.Object)
		if err := w.Create(w.Context(), o); err != nil {
			w.Fatalf("create %s: %v", o.GetName(), err)
		}
		switch o.(type) {
		case *corev1.Secret:
			continue
		}
		status.SetResourceVersion(o.GetResourceVersion())
		status.SetUID(o.GetUID())
		if err := w.Status().Update(w.Context(), status); err != nil && !strings.Contains(err.Error(), "not find the requested resource") {
			w.Fatalf("set status of %s: %v", o.GetName(), err)
		}
	}
}

func (w *world) eventually(what string, so func() bool) {
	w.Helper()
	err := wait.PollUntilContextTimeout(w.Context(), 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) { return so(), nil })
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

// leaf signs a certificate for a name, valid until ninety days after noon.
func (w *world) leaf(serial int64, name string) (certPEM, keyPEM []byte) {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: noon.AddDate(0, 0, -1), NotAfter: noon.AddDate(0, 0, 90),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA", Organization: []string{"Example"}}}
	cert, err := pki.Sign(rand.Reader, template, issuer, key.Public(), key)
	if err != nil {
		w.Fatal(err)
	}
	keyPEM, err = pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		w.Fatal(err)
	}
	return pki.EncodeCertificates(cert), keyPEM
}

// issued makes a Certificate that is ready, with its Secret and its request.
func (w *world) issued(name string, serial int64) *cmv1.Certificate {
	w.Helper()
	certPEM, keyPEM := w.leaf(serial, name+".example.com")
	ready := metav1.NewTime(noon.AddDate(0, 0, -1))
	ref := cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}
	crt := &cmv1.Certificate{
		ObjectMeta: w.named(name),
		Spec:       cmv1.CertificateSpec{SecretName: name + "-tls", DNSNames: []string{name + ".example.com"}, IssuerRef: ref},
		Status: cmv1.CertificateStatus{
			Revision: new(1), NotBefore: new(metav1.NewTime(noon.AddDate(0, 0, -1))), NotAfter: new(metav1.NewTime(noon.AddDate(0, 0, 90))),
			RenewalTime: new(metav1.NewTime(noon.AddDate(0, 0, 60))),
			Conditions: []cmv1.CertificateCondition{{
				Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready", LastTransitionTime: &ready,
				Message: "certificate is up to date and has not expired", ObservedGeneration: 1,
			}},
		},
	}
	w.create(crt)
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name + "-tls", Annotations: map[string]string{
			cmv1.CertificateNameKey: name, cmv1.IssuerNameAnnotationKey: "ca", cmv1.IssuerKindAnnotationKey: "Issuer", cmv1.IssuerGroupAnnotationKey: "cert-manager.io",
		}},
		Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": certPEM, "tls.key": keyPEM},
	})
	w.create(&cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: name + "-1", Annotations: map[string]string{cmv1.CertificateRequestRevisionAnnotationKey: "1"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))},
		},
		Spec: cmv1.CertificateRequestSpec{IssuerRef: ref, Request: w.csr(name)},
		Status: cmv1.CertificateRequestStatus{Certificate: certPEM, Conditions: []cmv1.CertificateRequestCondition{
			{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: "cert-manager.io", Message: "approved", LastTransitionTime: &ready},
			{Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Reason: "Issued", Message: "certificate fetched from issuer", LastTransitionTime: &ready},
		}},
	})
	return crt
}

func (w *world) csr(name string) []byte {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	csr, err := pki.CreateRequest(rand.Reader, pki.Request{DNSNames: []string{name + ".example.com"}}, key)
	if err != nil {
		w.Fatal(err)
	}
	return csr
}
