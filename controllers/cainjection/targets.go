package cainjection

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
)

// Targets are the kinds of objects that get bundles.
type Targets struct {
	MutatingWebhooks, ValidatingWebhooks   bool
	APIServices, CustomResourceDefinitions bool
}

// AllTargets are all kinds that have bundles.
var AllTargets = Targets{MutatingWebhooks: true, ValidatingWebhooks: true, APIServices: true, CustomResourceDefinitions: true}

func (t Targets) kinds() (list []kind) {
	for _, k := range []struct {
		on   bool
		kind kind
	}{
		{t.MutatingWebhooks, mutatingWebhooks},
		{t.ValidatingWebhooks, validatingWebhooks},
		{t.APIServices, apiServices},
		{t.CustomResourceDefinitions, customResourceDefinitions},
	} {
		if k.on {
			list = append(list, k.kind)
		}
	}
	return list
}

// granted are the kinds whose objects the operator may look after. Targets are
// in no namespace, so an operator for one namespace has no right to them unless
// it is given one.
func granted(ctx context.Context, config *rest.Config, kinds []kind) (list []kind, err error) {
	// The manager's client would watch what it has created.
	api, err := authorizationclient.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create client of access reviews: %w", err)
	}
	for _, k := range kinds {
		may := true
		for _, verb := range []string{"get", "list", "watch", "patch"} {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: k.Group, Version: k.Version, Resource: k.resource},
			}}
			answer, err := api.SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
			if err != nil {
				return nil, fmt.Errorf("ask for the right to %s %s: %w", verb, k.resource, err)
			}
			may = may && answer.Status.Allowed
		}
		if may {
			list = append(list, k)
			continue
		}
		ctrl.LoggerFrom(ctx).Info("inject no CA: there is no right to", "resource", k.resource)
	}
	return list, nil
}

// targetsOf are the targets with a source.
func (r *reconciler) targetsOf(ctx context.Context, from source) (requests []reconcile.Request) {
	list := r.kind.list()
	if err := r.targets.List(ctx, list, client.MatchingFields{bySource: from.String()}, client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "find "+r.kind.resource+" of source", "source", from.String())
	}
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

func (r *reconciler) targetsOfCertificate(ctx context.Context, crt client.Object) []reconcile.Request {
	return r.targetsOf(ctx, source{fromCertificate, client.ObjectKeyFromObject(crt)})
}

// targetsOfSecret are the targets that name a Secret, and those that name a
// Certificate with that Secret.
func (r *reconciler) targetsOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	requests := r.targetsOf(ctx, source{fromSecret, client.ObjectKeyFromObject(secret)})
	if r.sources.NoCertificates {
		return requests
	}
	list := &cmv1.CertificateList{}
	err := r.client.List(ctx, list, client.InNamespace(secret.GetNamespace()), client.MatchingFields{kube.BySecret: secret.GetName()},
		client.DisableReadYourWritesConsistency, client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "find certificates of secret", "namespace", secret.GetNamespace(), "secret", secret.GetName())
	}
	for i := range list.Items {
		requests = append(requests, r.targetsOfCertificate(ctx, &list.Items[i])...)
	}
	return requests
}
