package rotation_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
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
	"github.com/certwright/certwright/controllers/reissue"
	"github.com/certwright/certwright/controllers/request"
	"github.com/certwright/certwright/controllers/revocation"
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

// world is a namespace of a real API server and an operator that can be
// stopped, started and put ahead in time. The namespace is the cluster
// resource namespace as well.
type world struct {
	client.WithWatch

	t         *testing.T
	config    *rest.Config
	scheme    *runtime.Scheme
	namespace string
	ahead     atomic.Int64 // of the operator's clock, in nanoseconds
	stop      func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, config: apiserver.Start(t), scheme: runtime.NewScheme(), stop: func() {}}
	w.namespace = apiserver.Namespace(t, w.config)
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, cmv1.AddToScheme, acmev1.AddToScheme, v1alpha1.AddToScheme} {
		w.check(add(w.scheme))
	}
	var err error
	w.WithWatch, err = client.NewWithWatch(w.config, client.Options{Scheme: w.scheme})
	w.check(err)
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// start runs an operator, after the one before has been stopped.
func (w *world) start() {
	w.t.Helper()
	w.stop()
	cacheOptions := kube.CacheOptions()
	cacheOptions.DefaultNamespaces = map[string]cache.Config{w.namespace: {}}
	mgr, err := ctrl.NewManager(w.config, ctrl.Options{
		Scheme: w.scheme, Cache: cacheOptions, Client: kube.ClientOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	w.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	w.check(kube.AddIndexes(ctx, mgr.GetFieldIndexer()))
	foreign, err := kube.NewForeignSecrets(mgr)
	w.check(err)
	secrets := kube.NewSecrets(mgr.GetClient(), foreign, mgr.GetAPIReader())
	signers, _ := issuers.New(issuers.Config{Client: mgr.GetClient(), Secrets: secrets, ClusterResourceNamespace: w.namespace, Random: rand.Reader, Clock: w.now, CRLBaseURL: listsURL})
	w.check(certificate.Setup(mgr, certificate.Config{Clock: w.now, Random: rand.Reader, Secrets: secrets, Workers: 10, ClusterResourceNamespace: w.namespace}))
	w.check(request.Setup(mgr, request.Config{Clock: w.now, Signers: signers, Secrets: secrets, Workers: 10}))
	w.check(issuer.Setup(mgr, issuer.Config{Clock: w.now, Signers: signers, Secrets: secrets, ClusterResourceNamespace: w.namespace}))
	w.check(revocation.Setup(mgr, revocation.Config{Clock: w.now, Revokers: signers, Secrets: secrets, ClusterResourceNamespace: w.namespace}))
	w.check(reissue.Setup(ctx, mgr, reissue.Config{Clock: w.now, Secrets: secrets, ClusterResourceNamespace: w.namespace}))
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("run manager: %v", err)
		}
		w.stop = func() {}
	}
}

// authority is a CA with its key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// root makes a self-signed CA; with a key it has that one.
func (w *world) root(name string, key crypto.Signer) authority {
	w.t.Helper()
	var err error
	if key == nil {
		key, err = pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
		w.check(err)
	}
	serial, err := pki.NewSerial(rand.Reader)
	w.check(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	w.check(err)
	return authority{cert: cert, key: key}
}

// put makes a CA the content of a Secret, as people do: without our label.
func (w *world) put(secretName string, ca authority) {
	w.t.Helper()
	key, err := pki.EncodeKey(ca.key, pki.PKCS8)
	w.check(err)
	data := map[string][]byte{"tls.key": key, "tls.crt": pki.EncodeCertificates(ca.cert)}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: secretName}, Data: data}
	if err := w.Create(w.t.Context(), secret); err == nil {
		return
	}
	w.check(w.Get(w.t.Context(), client.ObjectKeyFromObject(secret), secret))
	secret.Data = data
	w.check(w.Update(w.t.Context(), secret))
}

// certificate creates a Certificate.
func (w *world) certificate(name string, ref cmmeta.IssuerReference, lifetime time.Duration, change func(*cmv1.CertificateSpec)) {
	w.t.Helper()
	crt := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: cmv1.CertificateSpec{
			SecretName: name, DNSNames: []string{name + ".example.com"}, IssuerRef: ref,
			Duration:   &metav1.Duration{Duration: lifetime},
			PrivateKey: &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm},
		},
	}
	if change != nil {
		change(&crt.Spec)
	}
	w.check(w.Create(w.t.Context(), crt))
}

// until waits until something holds; it returns why it does not yet.
func (w *world) until(what string, holds func(ctx context.Context) (string, error)) {
	w.t.Helper()
	why := ""
	err := wait.PollUntilContextTimeout(w.t.Context(), 50*time.Millisecond, 90*time.Second, true, func(ctx context.Context) (bool, error) {
		var err error
		why, err = holds(ctx)
		return why == "", err
	})
	if err != nil {
		w.t.Fatalf("%s: %s: %v", what, why, err)
	}
}

// untilHealed waits until every Certificate is ready, none is being issued or
// marked, all are signed by who the function says, and no request is left over.
func (w *world) untilHealed(signers func(name string) *x509.Certificate) {
	w.t.Helper()
	w.until("certificates", func(ctx context.Context) (string, error) {
		var list cmv1.CertificateList
		if err := w.List(ctx, &list, client.InNamespace(w.namespace)); err != nil {
			return "", err
		}
		for i := range list.Items {
			crt := &list.Items[i]
			if why := unhealed(crt); why != "" {
				return why, nil
			}
			chain, _, err := w.stored(ctx, crt.Name)
			if err != nil {
				return "", err
			}
			if err := chain[0].CheckSignatureFrom(signers(crt.Name)); err != nil {
				return fmt.Sprintf("%s: %v", crt.Name, err), nil
			}
		}
		var requests cmv1.CertificateRequestList
		if err := w.List(ctx, &requests, client.InNamespace(w.namespace)); err != nil {
			return "", err
		}
		if len(requests.Items) != len(list.Items) {
			return fmt.Sprintf("%d requests of %d certificates", len(requests.Items), len(list.Items)), nil
		}
		return "", nil
	})
}

func unhealed(crt *cmv1.Certificate) string {
	ready := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionReady)
	switch {
	case ready == nil || ready.Status != cmmeta.ConditionTrue:
		return fmt.Sprintf("%s is not ready", crt.Name)
	case lifecycle.IsIssuing(&crt.Status):
		return fmt.Sprintf("%s is being issued", crt.Name)
	case isMarked(crt):
		return fmt.Sprintf("%s is marked", crt.Name)
	}
	return ""
}

func isMarked(crt *cmv1.Certificate) bool {
	c := lifecycle.FindCertificateCondition(crt.Status.Conditions, cmv1.CertificateConditionSignedByFormerCA)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

// stored is the chain and the ca.crt in a Secret.
func (w *world) stored(ctx context.Context, name string) (chain, ca []*x509.Certificate, err error) {
	secret := &corev1.Secret{}
	if err := w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, secret); err != nil {
		return nil, nil, err
	}
	if chain, err = pki.DecodeCertificates(secret.Data["tls.crt"]); err != nil {
		return nil, nil, err
	}
	ca, err = pki.DecodeBundle(secret.Data["ca.crt"])
	return chain, ca, err
}

// versions are the resource versions of all objects in the namespace.
func (w *world) versions() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, list := range []client.ObjectList{&cmv1.CertificateList{}, &cmv1.CertificateRequestList{}, &cmv1.IssuerList{}, &corev1.SecretList{}} {
		w.check(w.List(w.t.Context(), list, client.InNamespace(w.namespace)))
		switch l := list.(type) {
		case *cmv1.CertificateList:
			for i := range l.Items {
				out["certificate "+l.Items[i].Name] = l.Items[i].ResourceVersion
			}
		case *cmv1.CertificateRequestList:
			for i := range l.Items {
				out["request "+l.Items[i].Name] = l.Items[i].ResourceVersion
			}
		case *cmv1.IssuerList:
			for i := range l.Items {
				out["issuer "+l.Items[i].Name] = l.Items[i].ResourceVersion
			}
		case *corev1.SecretList:
			for i := range l.Items {
				out["secret "+l.Items[i].Name] = l.Items[i].ResourceVersion
			}
		}
	}
	return out
}
