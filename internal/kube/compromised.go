package kube

import (
	"context"
	"crypto"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// CompromisedKeys finds out whether a key is one that others know. Its reader
// holds the metadata of CompromisedKeys: their names are all that matters. A nil
// one knows of no such key, for API servers that do not serve the kind.
type CompromisedKeys struct {
	Reader client.Reader
	// ClusterNamespace is where a CompromisedKey holds for all namespaces.
	ClusterNamespace string
}

// CompromisedKeyMetadata is an empty CompromisedKey as far as it is cached.
func CompromisedKeyMetadata() *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.CompromisedKeyKind))
	return o
}

// Find returns the namespace/name of the CompromisedKey that says that no
// certificate of a namespace may have a key; empty if there is none.
func (c *CompromisedKeys) Find(ctx context.Context, namespace string, key crypto.PublicKey) (string, error) {
	if c == nil {
		return "", nil
	}
	hash, err := pki.KeyHash(key)
	if err != nil {
		return "", nil //nolint:nilerr // a key that has no hash has no CompromisedKey
	}
	for _, where := range []string{namespace, c.ClusterNamespace} {
		name := types.NamespacedName{Namespace: where, Name: hash}
		err := c.Reader.Get(ctx, name, CompromisedKeyMetadata(), client.UnsafeDisableDeepCopy)
		switch {
		case err == nil:
			return name.String(), nil
		case !apierrors.IsNotFound(err):
			return "", fmt.Errorf("look for compromised key %s: %w", name, err)
		}
	}
	return "", nil
}
