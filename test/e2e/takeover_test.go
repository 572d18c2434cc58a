package e2e

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/hack/demo/testbed"
)

// peer lays objects out as another operator of this API leaves them behind
// (contract 1.7, 2.3 to 2.5). It is written from the contract, not with our own
// builders: what they get wrong would be wrong here too.
type peer struct {
	*journey

	root    *x509.Certificate
	rootKey crypto.Signer
	rootPEM []byte
}

// newCA puts a CA into the Secret "root", with the Issuer "ca" for it if there is
// none yet.
func (p *peer) newCA() {
	p.Helper()
	root, cert, key := authority(p.T)
	parsed, _ := pem.Decode(key)
	signer, err := x509.ParsePKCS8PrivateKey(parsed.Bytes)
	if err != nil {
		p.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "root"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key},
	}
	first := p.root == nil
	p.root, p.rootKey, p.rootPEM = root, signer.(crypto.Signer), cert
	if !first {
		if err := p.api.Update(p.Context(), secret); err != nil {
			p.Fatal(err)
		}
		return
	}
	p.create(secret)
	p.create(&cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "ca"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "root", ReissueOnRotation: true}}},
	})
}

// issued is a key, its signing request, and the certificate for it.
type issued struct {
	key, csr, chain []byte // PEM
}

func (p *peer) issue(host string) issued {
	p.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		DNSNames: []string{host},
		ExtraExtensions: []pkix.Extension{{
			Id:       []int{2, 5, 29, 15}, // keyUsage (RFC 5280, 4.2.1.3)
			Critical: true,
			Value:    []byte{0x03, 0x02, 0x05, 0xa0}, // digitalSignature, keyEncipherment
		}},
	}, key)
	if err != nil {
		p.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		p.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:          serial,
		DNSNames:              []string{host},
		NotBefore:             time.Now().Add(-30 * 24 * time.Hour),
		NotAfter:              time.Now().Add(60 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		BasicConstraintsValid: true,
	}, p.root, key.Public(), p.rootKey)
	if err != nil {
		p.Fatal(err)
	}
	return issued{key: pkcs8(p.T, key), csr: pemOf("CERTIFICATE REQUEST", der), chain: pemOf("CERTIFICATE", cert)}
}

func pkcs8(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

func pemOf(block string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der})
}

// manifest is what a user applied.
func (p *peer) manifest(name string) *cmv1.Certificate {
	c := p.certificate(name, cmmeta.IssuerReference{Name: "ca"}, name+".example")
	c.Spec.PrivateKey = &cmv1.CertificatePrivateKey{Algorithm: cmv1.ECDSAKeyAlgorithm, Size: 256, Encoding: cmv1.PKCS8}
	return c
}

// secret is the Secret of a Certificate, written by server-side apply.
func (p *peer) secret(name string, i issued) {
	p.Helper()
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.namespace, Name: name,
			Labels: map[string]string{"controller.cert-manager.io/fao": "true"},
			Annotations: map[string]string{
				"cert-manager.io/alt-names":        name + ".example",
				"cert-manager.io/certificate-name": name,
				"cert-manager.io/common-name":      "",
				"cert-manager.io/ip-sans":          "",
				"cert-manager.io/issuer-group":     "",
				"cert-manager.io/issuer-kind":      "Issuer",
				"cert-manager.io/issuer-name":      "ca",
				"cert-manager.io/uri-sans":         "",
			},
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.key": i.key, "tls.crt": i.chain, "ca.crt": p.rootPEM},
	}
	//nolint:staticcheck // an apply of a whole object is what is to be imitated
	if err := p.api.Patch(p.Context(), secret, client.Apply, client.ForceOwnership, client.FieldOwner("cert-manager-certificates-issuing")); err != nil {
		p.Fatalf("apply Secret %s: %v", name, err)
	}
}

// request is a CertificateRequest of a revision.
func (p *peer) request(c *cmv1.Certificate, revision int, keySecret string, i issued, status cmv1.CertificateRequestStatus) {
	p.Helper()
	r := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.namespace, Name: fmt.Sprintf("%s-%d", c.Name, revision),
			Annotations: map[string]string{
				"cert-manager.io/certificate-name":        c.Name,
				"cert-manager.io/certificate-revision":    strconv.Itoa(revision),
				"cert-manager.io/private-key-secret-name": keySecret,
			},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(c, cmv1.GroupVersion.WithKind("Certificate"))},
		},
		Spec: cmv1.CertificateRequestSpec{Request: i.csr, IssuerRef: c.Spec.IssuerRef},
	}
	p.create(r)
	r.Status = status
	if err := p.api.Status().Update(p.Context(), r); err != nil {
		p.Fatalf("set status of CertificateRequest %s: %v", r.Name, err)
	}
}

func (p *peer) status(c *cmv1.Certificate, status cmv1.CertificateStatus) {
	p.Helper()
	for i := range status.Conditions {
		status.Conditions[i].ObservedGeneration = c.Generation
		status.Conditions[i].LastTransitionTime = ptr.To(metav1.Now())
	}
	c.Status = status
	if err := p.api.Status().Update(p.Context(), c); err != nil {
		p.Fatalf("set status of Certificate %s: %v", c.Name, err)
	}
}

func ago(d time.Duration) *metav1.Time {
	return ptr.To(metav1.NewTime(time.Now().Add(-d).Truncate(time.Second)))
}

var approved = cmv1.CertificateRequestCondition{
	Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: "cert-manager.io",
	Message: "Certificate request has been approved by cert-manager.io",
}

// ready is the status of a certificate that is stored.
func (p *peer) ready(i issued, revision int) cmv1.CertificateStatus {
	leaf, err := testbed.Leaf(i.chain)
	if err != nil {
		p.Fatal(err)
	}
	return cmv1.CertificateStatus{
		Revision:  ptr.To(revision),
		NotBefore: ptr.To(metav1.NewTime(leaf.NotBefore)), NotAfter: ptr.To(metav1.NewTime(leaf.NotAfter)),
		RenewalTime: ptr.To(metav1.NewTime(leaf.NotAfter.Add(-30 * 24 * time.Hour))),
		Conditions: []cmv1.CertificateCondition{{
			Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready",
			Message: "Certificate is up to date and has not expired",
		}},
	}
}

func (p *peer) issuedStatus(i issued) cmv1.CertificateRequestStatus {
	return cmv1.CertificateRequestStatus{
		Certificate: i.chain, CA: p.rootPEM,
		Conditions: []cmv1.CertificateRequestCondition{approved, {
			Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Reason: "Issued",
			Message: "Certificate fetched from issuer successfully", LastTransitionTime: ago(time.Hour),
		}},
	}
}

// scale sets the number of the operator's replicas, and waits until there are
// no more.
func (j *journey) scale(ctx context.Context, replicas int32) {
	j.Helper()
	deployments := j.clients.AppsV1().Deployments(testbed.Namespace)
	list, err := deployments.List(ctx, metav1.ListOptions{LabelSelector: testbed.OperatorLabel})
	if err != nil || len(list.Items) != 1 {
		j.Fatalf("find the operator's Deployment: %d found: %v", len(list.Items), err)
	}
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if _, err := deployments.Patch(ctx, list.Items[0].Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		j.Fatalf("scale the operator: %v", err)
	}
	j.untilIn(ctx, fmt.Sprintf("the operator has %d replicas", replicas), time.Minute, func(ctx context.Context) (bool, string, error) {
		pods, err := j.clients.CoreV1().Pods(testbed.Namespace).List(ctx, metav1.ListOptions{LabelSelector: testbed.OperatorLabel})
		if err != nil {
			return false, "", err
		}
		ready := 0
		for _, pod := range pods.Items {
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		return len(pods.Items) == int(replicas) && ready == int(replicas), fmt.Sprintf("%d pods, %d ready", len(pods.Items), ready), nil
	})
}

// requests are the UIDs of the CertificateRequests of the journey, by name.
func (j *journey) requests(ctx context.Context) (map[string]types.UID, error) {
	list := &cmv1.CertificateRequestList{}
	if err := j.api.List(ctx, list, client.InNamespace(j.namespace)); err != nil {
		return nil, err
	}
	uids := map[string]types.UID{}
	for _, r := range list.Items {
		uids[r.Name] = r.UID
	}
	return uids, nil
}

// Not parallel: the operator is stopped meanwhile.
func TestWhatAnotherOperatorLeftIsTakenAsItIs(t *testing.T) {
	p := &peer{journey: newJourney(t)}
	p.scale(t.Context(), 0)
	t.Cleanup(func() { p.scale(context.Background(), 1) }) // also after a failure

	p.newCA()

	// In full, with its request; without the request; and as it comes out of a
	// backup, which has neither requests nor status.
	for name, lay := range map[string]func(*cmv1.Certificate, issued){
		"whole": func(c *cmv1.Certificate, i issued) {
			p.request(c, 7, "whole-x4k2p", i, p.issuedStatus(i))
			p.status(c, p.ready(i, 7))
		},
		"requestless": func(c *cmv1.Certificate, i issued) { p.status(c, p.ready(i, 3)) },
		"restored":    func(*cmv1.Certificate, issued) {},
	} {
		i := p.issue(name + ".example")
		p.secret(name, i)
		c := p.manifest(name)
		p.create(c)
		lay(c, i)
	}

	// In flight: the key is stored and the request approved.
	flying := p.issue("flying.example")
	c := p.manifest("flying")
	p.create(c)
	p.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.namespace, Name: "flying-q7z9d",
			Labels:          map[string]string{"cert-manager.io/next-private-key": "true", "controller.cert-manager.io/fao": "true"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(c, cmv1.GroupVersion.WithKind("Certificate"))},
		},
		Data: map[string][]byte{"tls.key": flying.key},
	})
	p.request(c, 1, "flying-q7z9d", flying, cmv1.CertificateRequestStatus{Conditions: []cmv1.CertificateRequestCondition{approved}})
	p.status(c, cmv1.CertificateStatus{
		NextPrivateKeySecretName: ptr.To("flying-q7z9d"),
		Conditions: []cmv1.CertificateCondition{
			{Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionTrue, Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist"},
			{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist"},
		},
	})

	// Failed twice, ten minutes ago: it is tried again after two hours.
	failing := p.issue("failing.example")
	f := p.manifest("failing")
	p.create(f)
	p.request(f, 1, "failing-m3w8c", failing, cmv1.CertificateRequestStatus{
		FailureTime: ago(10 * time.Minute),
		Conditions: []cmv1.CertificateRequestCondition{approved, {
			Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionFalse, Reason: "Failed", Message: "the CA said no",
		}},
	})
	p.status(f, cmv1.CertificateStatus{
		LastFailureTime: ago(10 * time.Minute), FailedIssuanceAttempts: ptr.To(2),
		Conditions: []cmv1.CertificateCondition{
			{Type: cmv1.CertificateConditionIssuing, Status: cmmeta.ConditionFalse, Reason: "Failed", Message: "The certificate request has failed to complete and will be retried: the CA said no"},
			{Type: cmv1.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist"},
		},
	})

	left, err := p.requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := map[string]*x509.Certificate{}
	for _, name := range []string{"whole", "requestless", "restored"} {
		if before[name], err = p.stored(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	p.scale(t.Context(), 1)

	p.untilReady("flying", time.Minute)
	got, err := p.stored(t.Context(), "flying")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(publicKey(t, got), publicKeyOfRequest(t, flying.csr)) {
		t.Error("the certificate in flight was not issued for the key that was there")
	}
	p.untilSaid("failing", time.Minute, "the CA said no", "next attempt at")
	for name, leaf := range before {
		// That the Secret follows an edit proves that the operator has looked at
		// it.
		patch := []byte(`{"spec":{"secretTemplate":{"labels":{"looked-at":"yes"}}}}`)
		if err := p.api.Patch(t.Context(), p.manifest(name), client.RawPatch(types.MergePatchType, patch)); err != nil {
			t.Fatal(err)
		}
		p.until("Secret "+name+" has the label", time.Minute, func(ctx context.Context) (bool, string, error) {
			secret := &corev1.Secret{}
			err := p.api.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: name}, secret)
			return secret.Labels["looked-at"] == "yes", fmt.Sprint(secret.Labels), err
		})
		now, err := p.stored(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if !now.Equal(leaf) {
			t.Errorf("%s was issued anew", name)
		}
		p.untilReady(name, time.Minute)
	}
	after, err := p.requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(left, after) {
		t.Errorf("requests were %v and are %v", left, after)
	}
	p.untilClean()
}

func publicKey(t *testing.T, cert *x509.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(cert.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func publicKeyOfRequest(t *testing.T, csr []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(csr)
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(parsed.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
