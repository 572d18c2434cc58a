package issuer

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
)

// kind is what Issuers and ClusterIssuers differ in.
type kind struct {
	name  string // of the controller (contract 2.0)
	kind  string
	blank func() cmv1.GenericIssuer
	// secretNamespace is where an issuer's Secrets are.
	secretNamespace func(cmv1.GenericIssuer) string
	// namedBy lists the issuers that name a Secret.
	namedBy func(ctx context.Context, c client.Client, secret types.NamespacedName) ([]types.NamespacedName, error)
}

func issuerKind() kind {
	return kind{
		name:  "issuers",
		kind:  cmv1.IssuerKind,
		blank: func() cmv1.GenericIssuer { return &cmv1.Issuer{} },

		secretNamespace: func(i cmv1.GenericIssuer) string { return i.GetNamespace() },
		namedBy: func(ctx context.Context, c client.Client, secret types.NamespacedName) ([]types.NamespacedName, error) {
			var list cmv1.IssuerList
			err := c.List(ctx, &list, append(bySecret(secret.Name), client.InNamespace(secret.Namespace))...)
			return keys(list.Items, func(i *cmv1.Issuer) types.NamespacedName { return client.ObjectKeyFromObject(i) }), err
		},
	}
}

func clusterIssuerKind(resourceNamespace string) kind {
	return kind{
		name:  "clusterissuers",
		kind:  cmv1.ClusterIssuerKind,
		blank: func() cmv1.GenericIssuer { return &cmv1.ClusterIssuer{} },

		secretNamespace: func(cmv1.GenericIssuer) string { return resourceNamespace },
		namedBy: func(ctx context.Context, c client.Client, secret types.NamespacedName) ([]types.NamespacedName, error) {
			if secret.Namespace != resourceNamespace {
				return nil, nil
			}
			var list cmv1.ClusterIssuerList
			err := c.List(ctx, &list, bySecret(secret.Name)...)
			return keys(list.Items, func(i *cmv1.ClusterIssuer) types.NamespacedName { return client.ObjectKeyFromObject(i) }), err
		},
	}
}

// bySecret are the options of a list of issuers that is only read.
func bySecret(name string) []client.ListOption {
	return []client.ListOption{client.MatchingFields{kube.BySecret: name}, client.UnsafeDisableDeepCopy, client.DisableReadYourWritesConsistency}
}

func keys[T any](items []T, key func(*T) types.NamespacedName) []types.NamespacedName {
	out := make([]types.NamespacedName, len(items))
	for i := range items {
		out[i] = key(&items[i])
	}
	return out
}

// issuersOfSecret are the issuers to look at when a Secret changes.
func (r *reconciler) issuersOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	named, err := r.kind.namedBy(ctx, r.client, client.ObjectKeyFromObject(secret))
	if err != nil {
		log.FromContext(ctx).Error(err, "list issuers of secret", "namespace", secret.GetNamespace(), "secret", secret.GetName())
		return nil
	}
	requests := make([]reconcile.Request, len(named))
	for i, key := range named {
		r.memory.changed(key)
		requests[i] = reconcile.Request{NamespacedName: key}
	}
	return requests
}
