package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// found is the certificate that a target names, as far as the user can see it.
type found struct {
	leaf        *x509.Certificate // nil if it can not be read
	issuer      *cmmeta.IssuerReference
	certificate string // name of the Certificate that it belongs to
	secret      string // name of the Secret that has it
	note        string // what is to be known about how it was found
}

// find looks where the operator will look. A user who may revoke need not be
// one who may read Secrets: then the request shows the certificate.
func (c *cluster) find(ctx context.Context, target *v1alpha1.RevocationTarget) (*found, error) {
	switch {
	case target.CertificateName != "":
		return c.findCertificate(ctx, target.CertificateName)
	case target.SecretName != "":
		return c.findSecret(ctx, target.SecretName)
	case target.CertificateRequestName != "":
		return c.findRequest(ctx, target.CertificateRequestName)
	default:
		chain, err := pki.DecodeCertificates([]byte(target.PEM))
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		return &found{leaf: chain[0], issuer: target.IssuerRef}, nil
	}
}

func (c *cluster) key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: c.namespace, Name: name}
}

func (c *cluster) findCertificate(ctx context.Context, name string) (*found, error) {
	crt := &cmv1.Certificate{}
	if err := c.Get(ctx, c.key(name), crt); err != nil {
		return nil, fmt.Errorf("read Certificate: %w", err)
	}
	f := &found{issuer: &crt.Spec.IssuerRef, certificate: name, secret: crt.Spec.SecretName}
	secret := &corev1.Secret{}
	err := c.Get(ctx, c.key(crt.Spec.SecretName), secret)
	switch {
	case apierrors.IsForbidden(err):
		f.note = "you may not read its Secret: what is shown is the certificate of its last request"
		return f, c.leafOfLastRequest(ctx, crt, f)
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("Secret %s is not there; name the certificate by --request, or by --pem and --issuer", crt.Spec.SecretName) //nolint:staticcheck // a kind is a name
	case err != nil:
		return nil, fmt.Errorf("read Secret: %w", err)
	}
	return f, f.read(secret.Data[cmmeta.TLSCertKey], "Secret "+secret.Name)
}

func (c *cluster) findSecret(ctx context.Context, name string) (*found, error) {
	secret := &corev1.Secret{}
	f := &found{secret: name}
	err := c.Get(ctx, c.key(name), secret)
	if apierrors.IsForbidden(err) {
		f.note = "you may not read this Secret: what is revoked is the certificate that the operator finds in it"
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Secret: %w", err)
	}
	a := secret.Annotations
	f.certificate = a[cmv1.CertificateNameKey]
	if a[cmv1.IssuerNameAnnotationKey] != "" {
		f.issuer = &cmmeta.IssuerReference{Name: a[cmv1.IssuerNameAnnotationKey], Kind: a[cmv1.IssuerKindAnnotationKey], Group: a[cmv1.IssuerGroupAnnotationKey]}
	}
	return f, f.read(secret.Data[cmmeta.TLSCertKey], "Secret "+name)
}

func (c *cluster) findRequest(ctx context.Context, name string) (*found, error) {
	req := &cmv1.CertificateRequest{}
	if err := c.Get(ctx, c.key(name), req); err != nil {
		return nil, fmt.Errorf("read CertificateRequest: %w", err)
	}
	f := &found{issuer: &req.Spec.IssuerRef}
	if owner := metav1.GetControllerOfNoCopy(req); owner != nil && owner.Kind == cmv1.CertificateKind {
		f.certificate = owner.Name
	}
	return f, f.read(req.Status.Certificate, "CertificateRequest "+name)
}

// leafOfLastRequest takes the certificate of the revision that is in the Secret.
func (c *cluster) leafOfLastRequest(ctx context.Context, crt *cmv1.Certificate, f *found) error {
	var list cmv1.CertificateRequestList
	if err := c.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
		return fmt.Errorf("list CertificateRequests: %w", err)
	}
	revision := strconv.Itoa(ptr.Deref(crt.Status.Revision, 0))
	for i := range list.Items {
		req := &list.Items[i]
		if metav1.IsControlledBy(req, crt) && req.Annotations[cmv1.CertificateRequestRevisionAnnotationKey] == revision && len(req.Status.Certificate) > 0 {
			return f.read(req.Status.Certificate, "CertificateRequest "+req.Name)
		}
	}
	return nil
}

func (f *found) read(chainPEM []byte, where string) error {
	if len(bytes.TrimSpace(chainPEM)) == 0 {
		return fmt.Errorf("%s has no certificate", where)
	}
	chain, err := pki.DecodeCertificates(chainPEM)
	if err != nil {
		return fmt.Errorf("read certificate in %s: %w", where, err)
	}
	f.leaf = chain[0]
	return nil
}

// certificatesOnly drops everything but certificates, above all a private key
// that is in the same file.
func certificatesOnly(file []byte) (string, error) {
	var kept []byte
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			kept = append(kept, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		}
	}
	if kept == nil {
		return "", errors.New("there is no PEM certificate in it")
	}
	return string(kept), nil
}
