package issuers

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// selfSigned signs with the key that the request's annotation leads to
// (contract 2.7).
type selfSigned struct {
	secrets SecretReader
	random  io.Reader
}

// Check implements Signer: there is nothing that could be missing.
func (s *selfSigned) Check(context.Context, cmv1.GenericIssuer, time.Time) (lifecycle.IssuerVerdict, error) {
	return lifecycle.IssuerVerdict{Ready: true, Reason: cmv1.IssuerReasonIsReady, Message: "Self-signed issuers need nothing"}, nil
}

// Sign implements Signer.
func (s *selfSigned) Sign(ctx context.Context, in Input) (lifecycle.Outcome, error) {
	name := in.Request.Annotations[cmv1.CertificateRequestPrivateKeyAnnotationKey]
	if name == "" {
		return lifecycle.OutcomeFailed{
			Reason:  cmv1.CertificateRequestEventMissingAnnotation,
			Message: fmt.Sprintf("A self-signed certificate needs the annotation %s, which names the Secret with the private key", cmv1.CertificateRequestPrivateKeyAnnotationKey),
		}, nil
	}
	secret, err := s.secrets.Get(ctx, types.NamespacedName{Namespace: in.Request.Namespace, Name: name})
	if apierrors.IsNotFound(err) {
		return lifecycle.OutcomePending{
			Reason:  cmv1.CertificateRequestEventMissingSecret,
			Message: fmt.Sprintf("Secret %q with the private key does not exist", name),
		}, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := pki.DecodeKey(secret.Data[tlsKey])
	if err != nil {
		return lifecycle.OutcomePending{
			Reason:  cmv1.CertificateRequestEventErrorParsingKey,
			Message: fmt.Sprintf("Secret %q has no usable %s: %v", name, tlsKey, err),
		}, nil
	}
	if !pki.SameKey(key.Public(), in.CSR.PublicKey) {
		return lifecycle.OutcomeFailed{
			Reason:  cmv1.CertificateRequestEventErrorKeyMatch,
			Message: fmt.Sprintf("The private key in Secret %q is not that of the signing request", name),
		}, nil
	}
	return s.sign(in, key)
}

func (s *selfSigned) sign(in Input, key crypto.Signer) (lifecycle.Outcome, error) {
	serial, err := pki.NewSerial(s.random)
	if err != nil {
		return nil, err
	}
	template, err := pki.Template(in.CSR, pki.Profile{
		Duration:              durationOf(in.Request),
		IsCA:                  in.Request.Spec.IsCA,
		Usages:                usagesOf(in.Request),
		CRLDistributionPoints: in.Issuer.GetSpec().SelfSigned.CRLDistributionPoints,
	}, serial, in.Now)
	if err != nil {
		return signingError(err), nil
	}
	cert, err := pki.Sign(s.random, template, template, in.CSR.PublicKey, key)
	if err != nil {
		return signingError(err), nil
	}
	text := pki.EncodeCertificates(cert)
	return lifecycle.OutcomeIssued{Chain: text, CA: text}, nil
}

func signingError(err error) lifecycle.Outcome {
	return failed(cmv1.CertificateRequestEventSigningError, err)
}

// failed ends a request because of an error that would come again.
func failed(reason string, err error) lifecycle.Outcome {
	return lifecycle.OutcomeFailed{Reason: reason, Message: err.Error()}
}
