package issuers

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// acmeSigner makes an Order of a request and waits for its end (contract 2.8).
type acmeSigner struct {
	client   client.Client
	accounts *Accounts
}

// Check implements Signer.
func (s *acmeSigner) Check(ctx context.Context, issuer cmv1.GenericIssuer, now time.Time) (lifecycle.IssuerVerdict, error) {
	return s.accounts.check(ctx, issuer, now)
}

// foreignOrderRecheck is when to look again for an Order that is in the way:
// nobody tells when it is gone.
const foreignOrderRecheck = time.Minute

// Sign implements Signer.
func (s *acmeSigner) Sign(ctx context.Context, in Input) (lifecycle.Outcome, error) {
	message := unorderable(in.CSR)
	if message == "" && onlyForClients(in) {
		message = "Let's Encrypt issues certificates for servers only: add the usage \"server auth\", or use a CA of your own for certificates of clients"
	}
	if message != "" {
		return lifecycle.OutcomeFailed{Reason: cmv1.CertificateRequestEventInvalidOrder, Message: message}, nil
	}
	wanted, err := buildOrder(in)
	if err != nil {
		return failed(cmv1.CertificateRequestEventOrderBuildingError, err), nil
	}
	order := &acmev1.Order{}
	err = s.client.Get(ctx, types.NamespacedName{Namespace: wanted.Namespace, Name: wanted.Name}, order, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		err := s.client.Create(ctx, wanted, kube.FieldOwner)
		if message, refused := refusedWrite(err); refused {
			return lifecycle.OutcomePending{
				Reason:  cmv1.CertificateRequestEventOrderCreatingError,
				Message: "create order: " + message,
				Wake:    in.Now.Add(writeRecheck),
			}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("create order: %w", err)
		}
		return lifecycle.OutcomePending{Reason: cmv1.CertificateRequestEventOrderCreated}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get order: %w", err)
	}
	switch {
	case !metav1.IsControlledBy(order, in.Request):
		return lifecycle.OutcomePending{
			Reason:  cmv1.CertificateRequestEventOrderCreatingError,
			Message: fmt.Sprintf("Order %q belongs to something else: delete it, if it is a remnant", order.Name),
			Wake:    in.Now.Add(foreignOrderRecheck),
		}, nil
	case order.DeletionTimestamp != nil:
		return lifecycle.OutcomePending{Reason: cmv1.CertificateRequestEventOrderPending}, nil
	case order.Status.State == acmev1.Valid:
		return s.accept(ctx, in, order)
	case order.Status.State.Final():
		reason := order.Status.Reason
		if reason == "" {
			reason = "no reason is known"
		}
		return lifecycle.OutcomeFailed{
			Reason:  cmv1.CertificateRequestEventOrderFailed,
			Message: fmt.Sprintf("Order %q is %s: %s", order.Name, order.Status.State, reason),
		}, nil
	case order.Status.Reason != "":
		return lifecycle.OutcomePending{
			Reason:  cmv1.CertificateRequestEventOrderPending,
			Message: fmt.Sprintf("Order %q: %s", order.Name, order.Status.Reason),
		}, nil
	}
	return lifecycle.OutcomePending{Reason: cmv1.CertificateRequestEventOrderPending}, nil
}

// accept takes the certificate of a valid Order. An Order that was not made for
// this signing request is deleted and made again; but a CA that issues what was
// not asked for would do it again, at once and without end.
func (s *acmeSigner) accept(ctx context.Context, in Input, order *acmev1.Order) (lifecycle.Outcome, error) {
	certs, err := pki.DecodeCertificates(order.Status.Certificate)
	if err == nil {
		err = pki.CheckIssued(certs[0], in.CSR, in.Now)
	}
	switch {
	case err == nil:
		return lifecycle.OutcomeIssued{Chain: slices.Clone(order.Status.Certificate)}, nil
	case bytes.Equal(order.Spec.Request, in.Request.Spec.Request):
		return lifecycle.OutcomeFailed{
			Reason:  cmv1.CertificateRequestEventOrderFailed,
			Message: fmt.Sprintf("Order %q holds a certificate of no use: %v", order.Name, err),
		}, nil
	}
	if err := s.client.Delete(ctx, order, client.Preconditions{UID: ptr.To(order.UID)}); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("delete order: %w", err)
	}
	return lifecycle.OutcomePending{
		Reason:  cmv1.CertificateRequestEventOrderPending,
		Message: fmt.Sprintf("Order %q was for another signing request and is made again", order.Name),
	}, nil
}

// unorderable says why an ACME CA could not issue for a signing request; empty
// if it could.
func unorderable(csr *x509.CertificateRequest) string {
	name := csr.Subject.CommonName
	switch {
	case len(csr.DNSNames) == 0 && len(csr.IPAddresses) == 0:
		return "An ACME certificate needs at least one DNS name or IP address"
	case name == "" || slices.Contains(csr.DNSNames, name) || slices.Contains(ipTexts(csr), name):
		return ""
	}
	return fmt.Sprintf("The common name %q must be one of the DNS names or IP addresses as well", name)
}

// onlyForClients says whether a certificate is asked of Let's Encrypt that only
// clients could use. There are no such since July 2026. If it is for servers as
// well, it is ordered, and the Order says that client auth was left out.
func onlyForClients(in Input) bool {
	usages := in.Request.Spec.Usages
	server, err := url.Parse(in.Issuer.GetSpec().ACME.Server)
	return err == nil && strings.HasSuffix(server.Hostname(), ".api.letsencrypt.org") &&
		slices.Contains(usages, cmv1.UsageClientAuth) && !slices.Contains(usages, cmv1.UsageServerAuth) && !slices.Contains(usages, cmv1.UsageAny)
}

func ipTexts(csr *x509.CertificateRequest) []string {
	var texts []string
	for _, ip := range csr.IPAddresses {
		texts = append(texts, ip.String())
	}
	return texts
}

// buildOrder is the Order of a request. Its name is a hash of what stands in
// it, so that an installation's orders under way are found again.
func buildOrder(in Input) (*acmev1.Order, error) {
	req, issuer := in.Request, in.Issuer.GetSpec().ACME
	spec := acmev1.OrderSpec{
		IssuerRef:   req.Spec.IssuerRef,
		CommonName:  in.CSR.Subject.CommonName,
		DNSNames:    in.CSR.DNSNames,
		IPAddresses: ipTexts(in.CSR),
		Profile:     issuer.Profile,
		Replaces:    lifecycle.Replaces(req),
	}
	if issuer.EnableDurationFeature {
		spec.Duration = req.Spec.Duration
	}
	name, err := lifecycle.OrderName(req.Name, spec)
	if err != nil {
		return nil, err
	}
	spec.Request = slices.Clone(req.Spec.Request)
	return &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       req.Namespace,
			Name:            name,
			Labels:          maps.Clone(req.Labels),
			Annotations:     maps.Clone(req.Annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(req, in.Kind)},
		},
		Spec: spec,
	}, nil
}
