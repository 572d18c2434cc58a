package certificates

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/test/apiserver"
)

// csr is a signing request for a name, with a key that only the test has.
func (w *world) csr(name string) (request []byte) {
	w.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		w.Fatal(err)
	}
	if request, err = pki.CreateRequest(rand.Reader, pki.Request{DNSNames: []string{name + ".example.com"}}, key); err != nil {
		w.Fatal(err)
	}
	return request
}

func (w *world) requestFor(name, issuer string, annotations map[string]string) *cmv1.CertificateRequest {
	meta := w.named(name)
	meta.Annotations = annotations
	return &cmv1.CertificateRequest{ObjectMeta: meta, Spec: cmv1.CertificateRequestSpec{Request: w.csr(name), IssuerRef: cmmeta.IssuerReference{Name: issuer}}}
}

// pending waits until a request is, with a message, and is not signed.
func (w *world) pending(name, words string) {
	w.Helper()
	w.eventually("request "+name+" is pending", func() (bool, string) {
		request := &cmv1.CertificateRequest{}
		if err := w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, request); err != nil {
			return false, err.Error()
		}
		if len(request.Status.Certificate) > 0 {
			w.Errorf("request %s has been signed", name)
		}
		ready := lifecycle.FindRequestCondition(request.Status.Conditions, cmv1.CertificateRequestConditionReady)
		return ready != nil && ready.Status == cmmeta.ConditionFalse && strings.Contains(ready.Message, words), fmt.Sprintf("%+v", request.Status.Conditions)
	})
}

// TestWhatIsInAnotherNamespaceIsOutOfReach has one namespace name what is in
// another one, which is the one with the Secrets of ClusterIssuers, in all ways
// that there are.
func TestWhatIsInAnotherNamespaceIsOutOfReach(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	w.clusterNamespace = apiserver.Namespace(t, w.config)
	other := w.clusterNamespace
	keyPEM, err := pki.EncodeKey(w.key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	theirs := metav1.ObjectMeta{Namespace: other, Name: "theirs"}
	// In the cache of the operator as a whole, as if it were its own.
	theirs.Labels = map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"}
	victim := &cmv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "victim"},
		Spec: cmv1.CertificateSpec{
			SecretName: "victim", DNSNames: []string{"victim.example.com"}, IssuerRef: cmmeta.IssuerReference{Name: "theirs"},
			PrivateKey: &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm},
		},
	}
	w.create(
		&corev1.Secret{ObjectMeta: theirs, Data: map[string][]byte{"tls.key": keyPEM, "tls.crt": pki.EncodeCertificates(w.ca), "password": []byte("secret")}},
		&cmv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "theirs"}, Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "theirs"}}}},
		victim,
	)
	w.run(nil)
	before := w.eventuallyStored(other, "victim")

	self := &cmv1.Issuer{ObjectMeta: w.named("self"), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}}}
	w.create(self)
	for i, name := range []string{other + "/theirs", "../" + other + "/theirs", "../../namespaces/" + other + "/secrets/theirs"} {
		issuer := &cmv1.Issuer{ObjectMeta: w.named(fmt.Sprintf("thief-%d", i)), Spec: cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: name}}}}
		w.create(issuer)
		w.eventually("an issuer with the Secret "+name+" is not ready", func() (bool, string) {
			if err := w.Get(t.Context(), client.ObjectKeyFromObject(issuer), issuer); err != nil {
				return false, err.Error()
			}
			ready := lifecycle.IssuerReady(issuer)
			return ready != nil && ready.Status == cmmeta.ConditionFalse && ready.Reason == cmv1.IssuerReasonErrGetKeyPair, fmt.Sprintf("%+v", issuer.Status)
		})

		// The same name for an issuer, a private key and a password.
		w.create(
			w.requestFor(fmt.Sprintf("by-issuer-%d", i), name, nil),
			w.requestFor(fmt.Sprintf("by-key-%d", i), "self", map[string]string{cmv1.CertificateRequestPrivateKeyAnnotationKey: name}),
			w.certificate(fmt.Sprintf("by-password-%d", i), func(c *cmv1.Certificate) {
				c.Spec.Keystores = &cmv1.CertificateKeystores{PKCS12: &cmv1.PKCS12Keystore{
					Create: true, PasswordSecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name}, Key: "password"},
				}}
			}),
		)
		w.pending(fmt.Sprintf("by-issuer-%d", i), "does not exist")
		w.pending(fmt.Sprintf("by-key-%d", i), "does not exist")
		w.untilSecret(fmt.Sprintf("by-password-%d", i), "is stored", func(s *corev1.Secret) bool { return len(s.Data["tls.crt"]) > 0 })
		if len(w.secret(fmt.Sprintf("by-password-%d", i)).Data["keystore.p12"]) > 0 {
			t.Errorf("a keystore has the password in %s", name)
		}
	}
	w.create(w.requestFor("namesake", "theirs", nil))
	w.pending("namesake", `Issuer "theirs" does not exist`)

	// A request that says it belongs to the Certificate of the other namespace,
	// and to its next revision.
	if err := w.Get(t.Context(), client.ObjectKeyFromObject(victim), victim); err != nil {
		t.Fatal(err)
	}
	forged := w.requestFor(lifecycle.RequestName("victim", lifecycle.NextRevision(victim)), "ca", map[string]string{
		cmv1.CertificateNameKey: "victim", cmv1.CertificateRequestRevisionAnnotationKey: fmt.Sprint(lifecycle.NextRevision(victim)),
	})
	forged.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(victim, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))}
	w.create(forged)
	// Whatever there is to do upon it is done before what comes now.
	w.issued("last", nil)
	after := w.eventuallyStored(other, "victim")
	if diff := cmp.Diff(before.Data, after.Data); diff != "" {
		t.Error("the Secret of the other namespace has changed")
	}
	if secret := w.secret("victim"); len(secret.Data) > 0 {
		t.Errorf("the forged request has a Secret in its own namespace")
	}
}

// eventuallyStored waits until a Certificate of any namespace has a Secret.
func (w *world) eventuallyStored(namespace, name string) *corev1.Secret {
	w.Helper()
	secret := &corev1.Secret{}
	w.eventually("Secret "+name+" is stored", func() (bool, string) {
		if err := w.Get(w.Context(), client.ObjectKey{Namespace: namespace, Name: name}, secret); err != nil {
			return false, err.Error()
		}
		return len(secret.Data["tls.crt"]) > 0, "no certificate"
	})
	return secret
}

// TestARequestThatIsSlippedInGetsNoSecret: whoever may create requests in a
// namespace, but not write Secrets there, can not put a certificate of theirs in
// the place of another one.
func TestARequestThatIsSlippedInGetsNoSecret(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	crt, before := w.issued("web", nil)
	next := lifecycle.NextRevision(crt)
	forged := w.requestFor(lifecycle.RequestName("web", next), "ca", map[string]string{
		cmv1.CertificateNameKey: "web", cmv1.CertificateRequestRevisionAnnotationKey: fmt.Sprint(next),
		cmv1.CertificateRequestPrivateKeyAnnotationKey: "web",
	})
	forged.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))}
	w.create(forged)
	w.eventually("the forged request is signed or removed", func() (bool, string) {
		err := w.Get(t.Context(), client.ObjectKeyFromObject(forged), forged)
		return err != nil || len(forged.Status.Certificate) > 0, fmt.Sprintf("%+v", forged.Status)
	})
	w.renew("web")
	w.until("web", "has a certificate of its own key", func(c *cmv1.Certificate) bool {
		return c.Status.Revision != nil && *c.Status.Revision >= next && !lifecycle.IsIssuing(&c.Status)
	})
	after := w.secret("web")
	chain, err := pki.DecodeCertificates(after.Data["tls.crt"])
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.DecodeKey(after.Data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	slipped, err := pki.DecodeRequest(forged.Spec.Request)
	if err != nil {
		t.Fatal(err)
	}
	if pki.SameKey(chain[0].PublicKey, slipped.PublicKey) {
		t.Error("the Secret has the certificate of the forged request")
	}
	if !pki.SameKey(chain[0].PublicKey, key.Public()) {
		t.Error("key and certificate do not belong together")
	}
	if bytes.Equal(after.Data["tls.crt"], before.Data["tls.crt"]) {
		t.Error("the certificate has not been renewed")
	}
}

func TestTheTokenOfAServiceAccountIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := start(t, nil)
	token := &corev1.Secret{
		ObjectMeta: w.named("token"), Type: corev1.SecretTypeServiceAccountToken,
		Data: map[string][]byte{"ca.crt": []byte("theirs")},
	}
	token.Annotations = map[string]string{corev1.ServiceAccountNameKey: "robot"}
	w.create(&corev1.ServiceAccount{ObjectMeta: w.named("robot")}, token)
	before := w.untilSecret("token", "is filled", func(s *corev1.Secret) bool { return len(s.Data["token"]) > 0 })

	w.create(w.certificate("thief", func(c *cmv1.Certificate) { c.Spec.SecretName = "token" }))
	w.says("thief", cmmeta.ConditionFalse, `Secret "token" is the token of a service account`, "another secretName")
	if diff := cmp.Diff(before.Data, w.secret("token").Data); diff != "" {
		t.Error("the token has changed")
	}
	requests := &cmv1.CertificateRequestList{}
	if err := w.List(t.Context(), requests, client.InNamespace(w.namespace)); err != nil || len(requests.Items) > 0 {
		t.Errorf("%d requests for what can not be stored, %v", len(requests.Items), err)
	}

	w.edit("thief", func(c *cmv1.Certificate) { c.Spec.SecretName = "own" })
	w.ready("thief")
}
