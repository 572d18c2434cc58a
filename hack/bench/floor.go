package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
)

// floorWorkers is how many certificates the plain client has in hand at the same time: as many as the operator by
// default.
const floorWorkers = 10

// floorWrites is how many requests the plain client makes for each certificate, the creation of the Certificate
// included.
const floorWrites = 8

// floorRun are the figures of the plain client.
type floorRun struct {
	Certificates int             `json:"certificates"`
	Took         time.Duration   `json:"took"` // in ns
	Latencies    []time.Duration `json:"-"`    // of all writes of one certificate
	CPU          time.Duration   `json:"cpu"`  // of all certificates, in ns
}

// rate is in certificates per second.
func (r floorRun) rate() float64 { return float64(r.Certificates) / r.Took.Seconds() }

func (r floorRun) cpuEach() time.Duration { return r.CPU / time.Duration(r.Certificates) }

// floorWarmUp is how many certificates are made before it is measured: a new control plane does much for the first time.
const floorWarmUp = 20

// floor measures what is left if nobody decides anything: the writes without which the objects could not be as they are
// when a certificate has been issued, one after the other, with real keys and signatures. Nothing is read or watched, and
// there are no events. The figures are added to those of run.
func (l *lab) floor(ctx context.Context, n int, run *floorRun) error {
	fmt.Fprintf(os.Stderr, "floor: %d certificates by a plain client\n", n)
	namespace, err := l.newNamespace(ctx, "floor")
	if err != nil {
		return err
	}
	ca, err := newAuthority(time.Now())
	if err != nil {
		return err
	}
	if _, _, err := l.floorBatch(ctx, ca, namespace, "warm-up", floorWarmUp); err != nil {
		return err
	}
	cpu, err := ownCPU()
	if err != nil {
		return err
	}
	took, latencies, err := l.floorBatch(ctx, ca, namespace, "bench", n)
	if err != nil {
		return err
	}
	used, err := ownCPU()
	if err != nil {
		return err
	}
	run.Certificates += n
	run.Took += took
	run.CPU += used - cpu
	run.Latencies = append(run.Latencies, latencies...)
	return l.removeNamespace(ctx, namespace)
}

func (l *lab) floorBatch(ctx context.Context, ca *authority, namespace, prefix string, n int) (took time.Duration, latencies []time.Duration, err error) {
	latencies = make([]time.Duration, n)
	start := time.Now()
	err = inParallel(ctx, floorWorkers, n, func(ctx context.Context, i int) error {
		begin := time.Now()
		err := l.floorCertificate(ctx, ca, newCertificate(namespace, prefix, i, l.key))
		latencies[i] = time.Since(begin)
		return err
	})
	return time.Since(start), latencies, err
}

// floorCertificate makes the writes of one certificate.
func (l *lab) floorCertificate(ctx context.Context, ca *authority, crt *cmv1.Certificate) error {
	if err := l.plain.Create(ctx, crt); err != nil {
		return fmt.Errorf("create certificate: %w", err)
	}
	key, err := generateKey(crt.Spec.PrivateKey.Algorithm)
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	keyPEM := encodePEM("PRIVATE KEY", keyDER)
	owner := []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmv1.GroupVersion.WithKind(cmv1.CertificateKind))}

	nextKey := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: crt.Namespace, Name: crt.Name + "-next", OwnerReferences: owner,
			Labels: map[string]string{cmv1.IsNextPrivateKeySecretLabelKey: "true", cmv1.PartOfCertManagerControllerLabelKey: "true"},
		},
		Data: map[string][]byte{cmmeta.TLSPrivateKeyKey: keyPEM},
	}
	if err := l.plain.Create(ctx, nextKey); err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	crt.Status.NextPrivateKeySecretName = &nextKey.Name
	crt.Status.Conditions = []cmv1.CertificateCondition{
		condition(crt, cmv1.CertificateConditionReady, cmmeta.ConditionFalse, cmv1.CertificateReasonDoesNotExist, "the secret does not exist"),
		condition(crt, cmv1.CertificateConditionIssuing, cmmeta.ConditionTrue, cmv1.CertificateReasonDoesNotExist, "the secret does not exist"),
	}
	if err := l.plain.Status().Update(ctx, crt); err != nil {
		return fmt.Errorf("update certificate: %w", err)
	}

	csrDER, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: crt.Spec.DNSNames}, key)
	if err != nil {
		return fmt.Errorf("create signing request: %w", err)
	}
	request := &cmv1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: crt.Namespace, Name: crt.Name + "-1", OwnerReferences: owner,
			Annotations: map[string]string{
				cmv1.CertificateNameKey:                        crt.Name,
				cmv1.CertificateRequestRevisionAnnotationKey:   "1",
				cmv1.CertificateRequestPrivateKeyAnnotationKey: nextKey.Name,
			},
		},
		Spec: cmv1.CertificateRequestSpec{IssuerRef: crt.Spec.IssuerRef, Request: encodePEM("CERTIFICATE REQUEST", csrDER)},
	}
	if err := l.plain.Create(ctx, request); err != nil {
		return fmt.Errorf("create request: %w", err)
	}
	leaf, chain, err := ca.sign(request.Spec.Request, time.Now())
	if err != nil {
		return err
	}
	now := metav1.Now()
	request.Status.Certificate, request.Status.CA = chain, ca.certPEM
	request.Status.Conditions = []cmv1.CertificateRequestCondition{
		{Type: cmv1.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateRequestReasonApproved, Message: "approved", LastTransitionTime: &now},
		{Type: cmv1.CertificateRequestConditionReady, Status: cmmeta.ConditionTrue, Reason: cmv1.CertificateRequestReasonIssued, Message: "issued", LastTransitionTime: &now},
	}
	if err := l.plain.Status().Update(ctx, request); err != nil {
		return fmt.Errorf("update request: %w", err)
	}
	if err := l.plain.Apply(ctx, tlsSecret(crt, keyPEM, chain, ca.certPEM), client.FieldOwner("bench"), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply secret: %w", err)
	}

	revision := 1
	notBefore, notAfter := metav1.NewTime(leaf.NotBefore), metav1.NewTime(leaf.NotAfter)
	renewal := metav1.NewTime(leaf.NotAfter.Add(-lifetime / 3))
	crt.Status = cmv1.CertificateStatus{
		Conditions: []cmv1.CertificateCondition{condition(crt, cmv1.CertificateConditionReady, cmmeta.ConditionTrue, cmv1.CertificateReasonReady, "the certificate is up to date")},
		NotBefore:  &notBefore, NotAfter: &notAfter, RenewalTime: &renewal, Revision: &revision,
	}
	if err := l.plain.Status().Update(ctx, crt); err != nil {
		return fmt.Errorf("update certificate: %w", err)
	}
	if err := l.plain.Delete(ctx, nextKey); err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	return nil
}

func tlsSecret(crt *cmv1.Certificate, key, chain, ca []byte) *applycorev1.SecretApplyConfiguration {
	return applycorev1.Secret(crt.Spec.SecretName, crt.Namespace).
		WithType(corev1.SecretTypeTLS).
		WithLabels(map[string]string{cmv1.PartOfCertManagerControllerLabelKey: "true"}).
		WithAnnotations(map[string]string{
			cmv1.CertificateNameKey:       crt.Name,
			cmv1.IssuerNameAnnotationKey:  crt.Spec.IssuerRef.Name,
			cmv1.IssuerKindAnnotationKey:  cmv1.IssuerKind,
			cmv1.AltNamesAnnotationKey:    crt.Spec.DNSNames[0],
			cmv1.CommonNameAnnotationKey:  "",
			cmv1.IPSANAnnotationKey:       "",
			cmv1.URISANAnnotationKey:      "",
			cmv1.IssuerGroupAnnotationKey: crt.Spec.IssuerRef.Group,
		}).
		WithData(map[string][]byte{cmmeta.TLSCertKey: chain, cmmeta.TLSPrivateKeyKey: key, cmmeta.TLSCAKey: ca})
}

func condition(crt *cmv1.Certificate, kind cmv1.CertificateConditionType, status cmmeta.ConditionStatus, reason, message string) cmv1.CertificateCondition {
	now := metav1.Now()
	return cmv1.CertificateCondition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: &now, ObservedGeneration: crt.Generation}
}
