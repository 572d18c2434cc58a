package issuer

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
	"github.com/certwright/certwright/test/operator"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	apiserver.Main(m)
}

// cluster is a namespace of a real API server on which the controllers work. It
// is the cluster resource namespace as well.
type cluster struct {
	client.Client

	namespace string
	signers   issuers.Registry
}

func start(t *testing.T) cluster {
	t.Helper()
	restConfig := apiserver.Start(t)
	namespace := apiserver.Namespace(t, restConfig)
	scheme := operator.Scheme(t)
	o := operator.New(t, restConfig, scheme, namespace)
	signers, _ := o.Issuers(time.Now)
	if err := Setup(o.Manager, Config{Clock: time.Now, Signers: signers, Secrets: o.Secrets, ClusterResourceNamespace: namespace}); err != nil {
		t.Fatal(err)
	}
	o.Start()
	c, err := client.New(restConfig, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return cluster{Client: c, namespace: namespace, signers: signers}
}

func (c cluster) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

func (c cluster) issuer(name string, spec cmv1.IssuerConfig) *cmv1.Issuer {
	return &cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, Spec: cmv1.IssuerSpec{IssuerConfig: spec}}
}

// caSecret is the Secret of a CA, without our label.
func (c cluster) caSecret(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	keyText, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Data:       map[string][]byte{"tls.key": keyText, "tls.crt": pki.EncodeCertificates(cert)},
	}
}

// until waits until the condition Ready of an issuer is the wanted one, as
// "True@1 KeyPairVerified: and the message".
func (c cluster) until(t *testing.T, o cmv1.GenericIssuer, want string) {
	t.Helper()
	var got string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 40*time.Second, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return false, err
		}
		got = "none"
		if ready := lifecycle.IssuerReady(o); ready != nil {
			got = fmt.Sprintf("%s@%d %s: %s", ready.Status, ready.ObservedGeneration, ready.Reason, ready.Message)
		}
		return got == want, nil
	})
	if err != nil {
		t.Fatalf("Ready is %q, want %q: %v", got, want, err)
	}
}

const verified = "KeyPairVerified: The key pair of the CA is there and fits"

func TestCAIssuerFollowsItsSecret(t *testing.T) {
	t.Parallel()
	c := start(t)
	ca := c.issuer("ca", cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}})
	c.create(t, ca)
	missing := fmt.Sprintf("False@1 ErrGetKeyPair: Secret %q does not exist in namespace %q", "ca", c.namespace)
	c.until(t, ca, missing)

	secret := c.caSecret(t, "ca")
	c.create(t, secret)
	c.until(t, ca, "True@1 "+verified)

	good := secret.Data["tls.key"]
	secret.Data["tls.key"] = []byte("garbage")
	if err := c.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.until(t, ca, fmt.Sprintf("False@1 ErrInvalidKeyPair: Secret %q in namespace %q can not be used: tls.key: decode private key: no PEM block found", "ca", c.namespace))

	secret.Data["tls.key"] = good
	secret.Labels = map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"} // to the other cache
	if err := c.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.until(t, ca, "True@1 "+verified)

	if err := c.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	c.until(t, ca, missing)
	c.untilEvents(t, "ca", map[string]bool{"ErrInitIssuer": true, "KeyPairVerified": true})
}

// untilEvents waits for the events of an issuer to have the given reasons.
func (c cluster) untilEvents(t *testing.T, name string, want map[string]bool) {
	t.Helper()
	var got map[string]bool
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		var list eventsv1.EventList
		if err := c.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
			return false, err
		}
		got = map[string]bool{}
		for i := range list.Items {
			if list.Items[i].Regarding.Name == name {
				got[list.Items[i].Reason] = true
			}
		}
		return cmp.Equal(want, got), nil
	})
	if err != nil {
		t.Errorf("events %v, want %v: %v", got, want, err)
	}
}

func TestIssuerFollowsItsSpec(t *testing.T) {
	t.Parallel()
	c := start(t)
	issuer := c.issuer("changing", cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}})
	c.create(t, issuer, c.caSecret(t, "ca"))
	c.until(t, issuer, "True@1 IsReady: Self-signed issuers need nothing")
	issuer.Spec.IssuerConfig = cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca"}}
	if err := c.Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	c.until(t, issuer, "True@2 "+verified)
}

func TestClusterIssuerReadsTheClusterResourceNamespace(t *testing.T) {
	t.Parallel()
	c := start(t)
	// The name of the namespace is not in use by other tests.
	ca := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}, Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "cluster-ca-" + c.namespace}}}}
	c.create(t, ca)
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), ca); err != nil {
			t.Error(err)
		}
	})
	c.create(t, c.caSecret(t, "cluster-ca-"+c.namespace))
	c.until(t, ca, "True@1 "+verified)
}

func TestACMEIssuerKeepsItsKeyWhileTheCAIsDown(t *testing.T) {
	t.Parallel()
	c := start(t)
	// Nothing listens on port 1.
	issuer := c.issuer("acme", cmv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
		Server:     "http://127.0.0.1:1/directory",
		PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
	}})
	c.create(t, issuer)
	c.until(t, issuer, "False@1 ErrRegisterACMEAccount: get directory: no answer from 127.0.0.1:1: connection refused; retried within a minute")
	key := &corev1.Secret{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: c.namespace, Name: "account"}, key); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"app.kubernetes.io/managed-by": "cert-manager", "controller.cert-manager.io/fao": "true"}, key.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	// A person looks after it. That must not replace the key.
	issuer.Spec.ACME.Email = "admin@example.com"
	if err := c.Update(t.Context(), issuer); err != nil {
		t.Fatal(err)
	}
	c.until(t, issuer, "False@2 ErrRegisterACMEAccount: get directory: no answer from 127.0.0.1:1: connection refused; retried within a minute")
	again := &corev1.Secret{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(key), again); err != nil || again.UID != key.UID || !cmp.Equal(again.Data, key.Data) {
		t.Errorf("another key: %v", err)
	}
}
