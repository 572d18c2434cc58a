package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

func TestCertificateWithoutNamesIsRefused(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	err := j.api.Create(t.Context(), j.certificate("nobody", clusterIssuer(pebbleIssuer)))
	if !apierrors.IsInvalid(err) {
		t.Fatalf("a Certificate without names: %v, want it refused as invalid", err)
	}
	if !hasAll(err.Error(), "dnsNames", "commonName") {
		t.Errorf("the refusal does not say what is missing: %v", err)
	}
}

func TestUnknownIssuerIsToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.create(j.certificate("leaf", cmmeta.IssuerReference{Name: "later"}, "a.example"))
	j.untilSaid("leaf", time.Minute, `Issuer "later" does not exist`)
	j.create(&cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "later"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}},
	})
	j.untilReady("leaf", time.Minute)
	j.untilClean()
}

func TestIssuerWithBadSecretIsToldAndMendedByItself(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.create(&cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "ca"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "root"}}},
	})
	j.create(j.certificate("leaf", cmmeta.IssuerReference{Name: "ca"}, "a.example"))

	j.untilSaid("leaf", time.Minute, `Issuer "ca" is not ready`, "root")
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "root"},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{corev1.TLSCertKey: []byte("rubbish"), corev1.TLSPrivateKeyKey: []byte("rubbish")},
	}
	j.create(secret)
	j.untilSaid("leaf", time.Minute, `Issuer "ca" is not ready`, "can not be used")

	root, cert, key := authority(t)
	secret.Data = map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key}
	if err := j.api.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	j.untilReady("leaf", time.Minute)
	leaf, err := j.stored(t.Context(), "leaf")
	if err != nil {
		t.Fatal(err)
	}
	if err := leaf.CheckSignatureFrom(root); err != nil {
		t.Errorf("the leaf is not the CA's: %v", err)
	}
	j.untilClean()
}

func TestRequestThatLiesIsFailedForGood(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.create(&cmv1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "self"},
		Spec:       cmv1.IssuerSpec{IssuerConfig: cmv1.IssuerConfig{SelfSigned: &cmv1.SelfSignedIssuer{}}},
	})
	request := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: j.namespace, Name: "liar"},
		Spec: cmv1.CertificateRequestSpec{
			Request:   caRequest(t), // it asks to become a CA, and the spec does not say so
			IssuerRef: cmmeta.IssuerReference{Name: "self"},
		},
	}
	j.create(request)
	var ready, invalid cmv1.CertificateRequestCondition
	j.until("the request is refused", time.Minute, func(ctx context.Context) (bool, string, error) {
		err := j.api.Get(ctx, client.ObjectKeyFromObject(request), request)
		for _, c := range request.Status.Conditions {
			switch c.Type {
			case cmv1.CertificateRequestConditionReady:
				ready = c
			case cmv1.CertificateRequestConditionInvalidRequest:
				invalid = c
			default:
			}
		}
		return ready.Status == cmmeta.ConditionFalse && ready.Reason == cmv1.CertificateRequestReasonFailed, fmt.Sprintf("%+v", request.Status), err
	})
	if invalid.Status != cmmeta.ConditionTrue || !strings.Contains(ready.Message, "isCA") {
		t.Errorf("the request's conditions do not say what is wrong: %+v", request.Status.Conditions)
	}
	if len(request.Status.Certificate) > 0 || request.Status.FailureTime == nil {
		t.Errorf("the request is not failed: %+v", request.Status)
	}
}

// authority makes a CA, and its Secret's contents.
func authority(t *testing.T) (root *x509.Certificate, certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "e2e root"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// caRequest is a PEM certificate request for the certificate of a CA.
func caRequest(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: "liar"},
		DNSNames: []string{"liar.example"},
		ExtraExtensions: []pkix.Extension{{
			Id:       []int{2, 5, 29, 19}, // basicConstraints (RFC 5280, 4.2.1.9)
			Critical: true,
			Value:    []byte{0x30, 0x03, 0x01, 0x01, 0xff}, // SEQUENCE { cA TRUE }
		}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}
