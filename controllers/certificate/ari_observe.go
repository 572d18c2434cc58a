package certificate

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// issuerVersion changes when another CA may be behind an issuer.
func issuerVersion(issuer cmv1.GenericIssuer) string {
	return string(issuer.GetUID()) + "/" + issuer.GetSpec().ACME.Server
}

// asksCA says whether an issuer's CA is to be asked.
func asksCA(issuer cmv1.GenericIssuer) bool {
	spec := issuer.GetSpec().ACME
	return spec != nil && spec.RenewalInformationSource != acmev1.RenewalInformationSourceNone
}

// seeARI finds out whether the CA can be asked about the certificate in the
// Secret, and what it answered.
func (r *reconciler) seeARI(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	if r.inquiries == nil {
		return nil
	}
	crt := seen.Certificate
	if crt.Spec.IssuerRef.GroupOrDefault() != cmv1.GroupName {
		seen.ARI.Source = lifecycle.ARINone
		return nil
	}
	issuer, err := r.issuerOf(ctx, crt)
	if issuer == nil || err != nil {
		return err
	}
	if !asksCA(issuer) || r.inquiries.state(issuerVersion(issuer)).none {
		seen.ARI.Source = lifecycle.ARINone
		return nil
	}
	seen.ARI.Source = lifecycle.ARIOffered
	if leaf := seen.Secret.Leaf(); leaf != nil {
		id, err := acme.CertificateID(leaf)
		if err != nil {
			return nil //nolint:nilerr // a certificate that has no name can not be asked about
		}
		seen.ARI.CertificateID = id
		seen.ARI.Asking, seen.ARI.Answer = r.inquiries.of(client.ObjectKeyFromObject(crt), crt.UID)
	}
	return nil
}

// askRenewalInfo has the CA asked in the background.
func (r *reconciler) askRenewalInfo(ctx context.Context, crt *cmv1.Certificate, a lifecycle.AskRenewalInfo) error {
	issuer, err := r.issuerOf(ctx, crt)
	if issuer == nil || err != nil {
		return err
	}
	r.inquiries.begin(client.ObjectKeyFromObject(crt), crt.UID, a.CertificateID, issuer)
	return nil
}

// followSources looks at all Certificates of an issuer when it becomes another
// one to ask, or none.
func (r *reconciler) followSources() handler.EventHandler {
	return handler.Funcs{
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, ok1 := e.ObjectOld.(cmv1.GenericIssuer)
			after, ok2 := e.ObjectNew.(cmv1.GenericIssuer)
			if r.inquiries == nil || !ok1 || !ok2 || whomToAsk(before) == whomToAsk(after) {
				return
			}
			ref := cmmeta.IssuerReference{Kind: cmv1.IssuerKind, Name: after.GetName()}
			if after.GetNamespace() == "" {
				ref.Kind = cmv1.ClusterIssuerKind
			}
			var list cmv1.CertificateList
			if err := r.client.List(ctx, &list, client.InNamespace(after.GetNamespace()), client.MatchingFields{kube.ByIssuer: kube.IssuerKey(ref)},
				client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy); err != nil {
				ctrl.LoggerFrom(ctx).Error(err, "list certificates of issuer", "namespace", after.GetNamespace(), "issuer", after.GetName())
				return
			}
			for i := range list.Items {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
			}
		},
	}
}

// whomToAsk is the CA to ask; empty if none.
func whomToAsk(issuer cmv1.GenericIssuer) string {
	if !asksCA(issuer) {
		return ""
	}
	return issuerVersion(issuer)
}
