package request

import (
	"context"
	"fmt"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/source"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

const (
	csrControllerName = "certificatesigningrequests"

	// csrKind is the kind of Kubernetes' own requests.
	csrKind = "CertificateSigningRequest"
)

// csrReconciler looks after CertificateSigningRequests (contract 2.9).
type csrReconciler struct {
	Config

	client     client.Client
	recorder   events.EventRecorder
	references *references
	notes      *notes
}

// SetupCSR adds the controller of CertificateSigningRequests to the manager.
// clusterNamespace is the cluster resource namespace.
func SetupCSR(mgr ctrl.Manager, cfg Config, clusterNamespace string) error {
	if cfg.Workers == 0 {
		cfg.Workers = defaultWorkers
	}
	r := &csrReconciler{
		Config:     cfg,
		client:     mgr.GetClient(),
		recorder:   newSparing(mgr.GetEventRecorder("cert-manager-certificatesigningrequests"), cfg.Clock),
		references: &references{client: mgr.GetClient()},
		notes:      &notes{clusterNamespace: clusterNamespace, of: map[string]note{}},
	}
	if err := addCSRIndexes(mgr.GetFieldIndexer(), clusterNamespace); err != nil {
		return err
	}
	err := builder.TypedControllerManagedBy[turn](mgr).
		Named(csrControllerName).
		Watches(&certificatesv1.CertificateSigningRequest{}, enqueue(turnOfCSR), builder.WithPredicates(isToSign)).
		Watches(&acmev1.Order{}, enqueue(csrTurnOfOrder), builder.WithPredicates(orderTells)).
		Watches(&cmv1.Issuer{}, enqueueAll(r.csrsOfIssuer), builder.WithPredicates(issuerTells)).
		Watches(&cmv1.ClusterIssuer{}, enqueueAll(r.csrsOfIssuer), builder.WithPredicates(issuerTells)).
		Watches(&corev1.Secret{}, enqueueAll(r.csrsOfKey), builder.WithPredicates(isThere)).
		WatchesRawSource(source.TypedKind(cfg.Secrets.Foreign(), client.Object(kube.SecretMetadata()), enqueueAll(r.csrsOfKey), isThere)).
		WithOptions(cfg.options(mgr, csrControllerName, csrKind)).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up certificate signing request controller: %w", err)
	}
	return nil
}

// Reconcile looks at one CertificateSigningRequest and does the next thing
// about it.
func (r *csrReconciler) Reconcile(ctx context.Context, t turn) (ctrl.Result, error) {
	csr := &certificatesv1.CertificateSigningRequest{}
	if err := r.client.Get(ctx, t.NamespacedName, csr); err != nil {
		r.notes.forget(t.Name)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !lifecycle.CSRToSign(csr) {
		r.notes.forget(csr.Name)
		return ctrl.Result{}, nil
	}
	now := r.Clock()
	seen, err := r.observe(ctx, csr, now)
	if err != nil {
		return ctrl.Result{}, err
	}
	d := lifecycle.NextRequest(seen.RequestSeen, now)
	if _, sign := d.Action.(lifecycle.SignRequest); sign {
		if err := r.sign(ctx, seen, certificatesv1.SchemeGroupVersion.WithKind(csrKind), now); err != nil {
			return kube.Retry(err)
		}
		d = lifecycle.NextRequest(seen.RequestSeen, now)
	}
	said, changed := lifecycle.WriteToCSR(csr, d, now)
	if changed {
		if err := kube.UpdateStatus(ctx, r.client, csr); err != nil {
			tellRefusal(r.recorder, csr, err)
			return kube.Retry(err)
		}
	}
	kube.Record(r.recorder, csr, d.Events)
	r.notes.keep(csr, said)
	return kube.WakeAt(d.Wake, now), nil
}

// observe gathers what one decision needs.
func (r *csrReconciler) observe(ctx context.Context, csr *certificatesv1.CertificateSigningRequest, now time.Time) (*sight, error) {
	namespace := r.notes.namespaceOf(csr)
	s := &sight{}
	s.Request, s.Fault = lifecycle.RequestOfCSR(csr, namespace, r.notes.said(csr), now)
	if s.Fault != nil {
		return s, nil
	}
	var err error
	if s.Fault, err = r.references.check(ctx, csr, s.Request); s.Fault != nil || err != nil {
		return s, err
	}
	if s.CSR, s.CSRErr = pki.DecodeRequest(csr.Spec.Request); s.CSR == nil {
		return s, nil
	}
	if s.CompromisedKey, err = r.Compromised.Find(ctx, namespace, s.CSR.PublicKey); err != nil {
		return nil, err
	}
	if err := s.observeIssuer(ctx, r.client); err != nil {
		return nil, err
	}
	if s.Issuer != nil && s.Issuer.Type == lifecycle.TypeSelfSigned && s.Request.Annotations[cmv1.CertificateRequestPrivateKeyAnnotationKey] == "" {
		s.Fault = &lifecycle.RequestFault{
			Reason:  cmv1.CertificateRequestEventMissingAnnotation,
			Message: fmt.Sprintf("A self-signed certificate needs the annotation %s, which names a Secret with the private key in namespace %q", cmv1.CertificateSigningRequestPrivateKeyAnnotationKey, namespace),
		}
	}
	return s, nil
}
