package kube

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/pki"
)

// names is a cache of which only the names matter.
type names struct {
	client.Reader

	known map[client.ObjectKey]bool
	err   error
}

func (n names) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	switch {
	case o.(*metav1.PartialObjectMetadata).Kind != "CompromisedKey":
		return errors.New("asked for another kind")
	case n.err != nil:
		return n.err
	case !n.known[key]:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "compromisedkeys"}, key.Name)
	}
	return nil
}

func TestCompromisedKeyHoldsForItsNamespaceOrForAll(t *testing.T) {
	t.Parallel()
	key := func(seed byte) crypto.PublicKey {
		return ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed)).Public()
	}
	name := func(namespace string, seed byte) client.ObjectKey {
		hash, err := pki.KeyHash(key(seed))
		if err != nil {
			t.Fatal(err)
		}
		return client.ObjectKey{Namespace: namespace, Name: hash}
	}
	keys := &CompromisedKeys{ClusterNamespace: "system", Reader: names{known: map[client.ObjectKey]bool{name("shop", 1): true, name("system", 2): true, name("other", 3): true}}}
	for seed, want := range map[byte]string{1: name("shop", 1).String(), 2: name("system", 2).String(), 3: "", 4: ""} {
		if got, err := keys.Find(t.Context(), "shop", key(seed)); err != nil || got != want {
			t.Errorf("key %d: %q, %v, want %q", seed, got, err, want)
		}
	}
	if got, err := keys.Find(t.Context(), "shop", "no key"); err != nil || got != "" {
		t.Errorf("no key: %q, %v", got, err)
	}
	var none *CompromisedKeys
	if got, err := none.Find(t.Context(), "shop", key(1)); err != nil || got != "" {
		t.Errorf("without the kind: %q, %v", got, err)
	}
	broken := &CompromisedKeys{Reader: names{err: errors.New("the cache has not synced")}}
	if _, err := broken.Find(t.Context(), "shop", key(1)); err == nil || !strings.Contains(err.Error(), "the cache has not synced") {
		t.Errorf("error %v", err)
	}
}
