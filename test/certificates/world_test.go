package certificates

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/controllers/certificate"
	"github.com/certwright/certwright/controllers/issuer"
	"github.com/certwright/certwright/controllers/request"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// world is a namespace with a CA issuer "ca" and the controllers at work on it.
type world struct {
	*testing.T
	client.Client

	namespace string
	config    *rest.Config
	ca        *x509.Certificate
	key       crypto.Signer
	stop      func()

	// clusterNamespace is the cluster resource namespace; that of the world if
	// it is empty.
	clusterNamespace string
}

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

func start(t *testing.T, change func(*certificate.Config)) *world {
	t.Helper()
	w := prepare(t)
	w.run(change)
	return w
}

// prepare is a world in which no controller is at work yet.
func prepare(t *testing.T) *world {
	t.Helper()
	restConfig := apiserver.Start(t)
	c, err := client.New(restConfig, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, Client: c, namespace: apiserver.Namespace(t, restConfig), config: restConfig, stop: func() {}}
	w.ca, w.key = newCA(t)
	keyPEM, err := pki.EncodeKey(w.key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	w.create(
		&corev1.Secret{ObjectMeta: w.named("ca"), Data: map[string][]byte{"tls.key": keyPEM, "tls.crt": pki.EncodeCertificates(w.ca)}},
		&cmv1.Issuer{ObjectMeta: w.named("ca"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}}}},
	)
	return w
}

// run starts the controllers. They end with the test, or with w.stop.
func (w *world) run(change func(*certificate.Config)) {
	w.Helper()
	cacheOptions := kube.CacheOptions()
	clusterNamespace := cmp.Or(w.clusterNamespace, w.namespace)
	cacheOptions.DefaultNamespaces = map[string]cache.Config{w.namespace: {}, clusterNamespace: {}}
	mgr, err := ctrl.NewManager(w.config, ctrl.Options{
		Scheme: newScheme(w.T), Cache: cacheOptions, Client: kube.ClientOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := kube.AddIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		w.Fatal(err)
	}
	foreign, err := kube.NewForeignSecrets(mgr)
	if err != nil {
		w.Fatal(err)
	}
	secrets := kube.NewSecrets(mgr.GetClient(), foreign, mgr.GetAPIReader())
	signers, _ := issuers.New(issuers.Config{Client: mgr.GetClient(), Secrets: secrets, ClusterResourceNamespace: clusterNamespace, Random: rand.Reader, Clock: time.Now})
	cfg := certificate.Config{
		Clock: time.Now, Random: rand.Reader, Secrets: secrets, Workers: 5,
		ClusterResourceNamespace: clusterNamespace, CopiedAnnotations: lifecycle.DefaultCopiedAnnotations, Extensions: true,
		Compromised: &kube.CompromisedKeys{Reader: mgr.GetClient(), ClusterNamespace: clusterNamespace},
	}
	if change != nil {
		change(&cfg)
	}
	for _, err := range []error{
		certificate.Setup(mgr, cfg),
		request.Setup(mgr, request.Config{Clock: time.Now, Signers: signers, Secrets: secrets, Compromised: cfg.Compromised}),
		issuer.Setup(mgr, issuer.Config{Clock: time.Now, Signers: signers, Secrets: secrets, ClusterResourceNamespace: clusterNamespace}),
	} {
		if err != nil {
			w.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	running := true
	w.stop = func() {
		if !running {
			return
		}
		running = false
		cancel()
		if err := <-done; err != nil {
			w.Errorf("run manager: %v", err)
		}
	}
	w.Cleanup(w.stop)
}

func newCA(t *testing.T) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (w *world) named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.namespace, Name: name}
}

func (w *world) create(objects ...client.Object) {
	w.Helper()
	for _, o := range objects {
		if err := w.Create(w.Context(), o); err != nil {
			w.Fatalf("create %s: %v", o.GetName(), err)
		}
	}
}

// certificate is one with a key that is made fast, for a name of its own.
func (w *world) certificate(name string, change func(*cmv1.Certificate)) *cmv1.Certificate {
	crt := &cmv1.Certificate{ObjectMeta: w.named(name), Spec: cmv1.CertificateSpec{
		SecretName: name, IssuerRef: cmmeta.IssuerReference{Name: "ca"},
		PrivateKey: &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm},
	}}
	if change != nil {
		change(crt)
	}
	if s := &crt.Spec; s.CommonName == "" && s.LiteralSubject == "" && len(s.DNSNames)+len(s.IPAddresses)+len(s.URIs)+len(s.EmailAddresses)+len(s.OtherNames) == 0 {
		s.DNSNames = []string{name + ".example.com"}
	}
	return crt
}

// issued creates a Certificate and waits until it is ready.
func (w *world) issued(name string, change func(*cmv1.Certificate)) (*cmv1.Certificate, *corev1.Secret) {
	w.Helper()
	w.create(w.certificate(name, change))
	return w.ready(name), w.secret(name)
}

// eventually asks again until what is asked for is so, or fails with what was
// found last.
func (w *world) eventually(what string, so func() (bool, string)) {
	w.Helper()
	var found string
	err := wait.PollUntilContextTimeout(w.Context(), 50*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		var ok bool
		ok, found = so()
		return ok, nil
	})
	if err != nil {
		w.Fatalf("%s: %v; found %s", what, err, found)
	}
}

func (w *world) get(name string) *cmv1.Certificate {
	w.Helper()
	crt := &cmv1.Certificate{}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, crt); err != nil {
		w.Fatal(err)
	}
	return crt
}

// secret reads a Secret; it is empty if there is none.
func (w *world) secret(name string) *corev1.Secret {
	w.Helper()
	secret := &corev1.Secret{}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, secret); err != nil && !apierrors.IsNotFound(err) {
		w.Fatal(err)
	}
	return secret
}

// ready waits until a Certificate is ready, as it is now, and nothing is under way.
func (w *world) ready(name string) *cmv1.Certificate {
	w.Helper()
	return w.until(name, "Ready=True", func(crt *cmv1.Certificate) bool {
		c := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady)
		return c != nil && c.Status == cmmeta.ConditionTrue && c.ObservedGeneration == crt.Generation && !lifecycle.IsIssuing(&crt.Status)
	})
}

// says waits for words in the message of the Ready condition.
func (w *world) says(name string, status cmmeta.ConditionStatus, words ...string) *cmv1.Certificate {
	w.Helper()
	return w.until(name, fmt.Sprintf("Ready=%s %q", status, words), func(crt *cmv1.Certificate) bool {
		c := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady)
		if c == nil || c.Status != status {
			return false
		}
		for _, word := range words {
			if !strings.Contains(c.Message, word) {
				return false
			}
		}
		return true
	})
}

func (w *world) until(name, what string, so func(*cmv1.Certificate) bool) *cmv1.Certificate {
	w.Helper()
	var crt *cmv1.Certificate
	w.eventually(name+" "+what, func() (bool, string) {
		crt = w.get(name)
		return so(crt), fmt.Sprintf("%+v", crt.Status)
	})
	return crt
}

// untilSecret waits until a Secret is as wanted.
func (w *world) untilSecret(name, what string, so func(*corev1.Secret) bool) *corev1.Secret {
	w.Helper()
	var secret *corev1.Secret
	w.eventually("Secret "+name+" "+what, func() (bool, string) {
		secret = w.secret(name)
		shown := secret.DeepCopy()
		shown.Data, shown.ManagedFields = nil, nil
		var keys []string
		for key := range secret.Data {
			keys = append(keys, key)
		}
		return so(secret), fmt.Sprintf("%+v with %q", shown, keys)
	})
	return secret
}

// edit changes a Certificate's spec.
func (w *world) edit(name string, change func(*cmv1.Certificate)) {
	w.Helper()
	w.eventually("edit "+name, func() (bool, string) {
		crt := w.get(name)
		change(crt)
		err := w.Update(w.Context(), crt)
		if err != nil && !apierrors.IsConflict(err) {
			w.Fatal(err)
		}
		return err == nil, "conflicts"
	})
}

// renew asks for a new certificate, as the command line does.
func (w *world) renew(name string) {
	w.Helper()
	w.eventually("renew "+name, func() (bool, string) {
		crt := w.get(name)
		crt.Status.Conditions = lifecycle.SetCertificateCondition(crt.Status.Conditions, cmv1.CertificateCondition{
			Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "ManuallyTriggered", ObservedGeneration: crt.Generation,
		}, time.Now())
		err := w.Status().Update(w.Context(), crt)
		if err != nil && !apierrors.IsConflict(err) {
			w.Fatal(err)
		}
		return err == nil, "conflicts"
	})
}

// revision waits until a revision is issued.
func (w *world) revision(name string, n int) *cmv1.Certificate {
	w.Helper()
	w.until(name, fmt.Sprintf("revision %d", n), func(crt *cmv1.Certificate) bool {
		return crt.Status.Revision != nil && *crt.Status.Revision == n
	})
	return w.ready(name)
}

// event waits for an event about a Certificate and returns its note.
func (w *world) event(name, reason string) string {
	w.Helper()
	var note string
	w.eventually("event "+reason+" of "+name, func() (bool, string) {
		var list eventsv1.EventList
		if err := w.List(w.Context(), &list, client.InNamespace(w.namespace)); err != nil {
			w.Fatal(err)
		}
		var reasons []string
		for i := range list.Items {
			e := &list.Items[i]
			if e.Regarding.Kind == cmv1.CertificateKind && e.Regarding.Name == name {
				reasons = append(reasons, e.Reason)
				if e.Reason == reason {
					note = e.Note
					return true, ""
				}
			}
		}
		return false, fmt.Sprint(reasons)
	})
	return note
}

// request is the CertificateRequest of a revision.
func (w *world) request(name string, revision int) (*cmv1.CertificateRequest, *x509.CertificateRequest) {
	w.Helper()
	req := &cmv1.CertificateRequest{}
	if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: fmt.Sprintf("%s-%d", name, revision)}, req); err != nil {
		w.Fatal(err)
	}
	csr, err := pki.DecodeRequest(req.Spec.Request)
	if err != nil {
		w.Fatal(err)
	}
	return req, csr
}

// leaf is the certificate in a Secret.
func leaf(t *testing.T, secret *corev1.Secret) *x509.Certificate {
	t.Helper()
	chain, err := pki.DecodeCertificates(secret.Data["tls.crt"])
	if err != nil {
		t.Fatal(err)
	}
	return chain[0]
}
