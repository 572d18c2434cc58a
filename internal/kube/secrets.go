package kube

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxForeign bounds the foreign Secrets that are kept whole. They are CA key
// pairs, account keys and DNS credentials: a few per issuer.
const maxForeign = 512

// Secrets reads any Secret of the cluster without keeping all of them.
type Secrets struct {
	labelled client.Reader // cache: Secrets with our label, whole
	foreign  cache.Cache   // cache: all others, metadata only
	live     client.Reader

	mu   sync.Mutex
	kept map[types.NamespacedName]*corev1.Secret
}

// NewSecrets joins the two caches and the API server.
func NewSecrets(labelled client.Reader, foreign cache.Cache, live client.Reader) *Secrets {
	return &Secrets{labelled: labelled, foreign: foreign, live: live, kept: map[types.NamespacedName]*corev1.Secret{}}
}

// Foreign is the cache of the metadata of Secrets without our label, for
// watching them.
func (s *Secrets) Foreign() cache.Cache { return s.foreign }

// Get returns a Secret, which the caller must not change. A Secret without our
// label is fetched once per version. A missing one is a NotFound error and
// costs no request.
func (s *Secrets) Get(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := s.labelled.Get(ctx, key, secret, client.UnsafeDisableDeepCopy)
	if err == nil {
		return secret, nil
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("get secret %s: %w", key, err)
	}
	seen := SecretMetadata()
	if err := s.foreign.Get(ctx, key, seen); err != nil {
		if apierrors.IsNotFound(err) {
			s.forget(key)
			return nil, err
		}
		return nil, fmt.Errorf("get metadata of secret %s: %w", key, err)
	}
	if kept := s.keptAt(key, seen.UID, seen.ResourceVersion); kept != nil {
		return kept, nil
	}
	return s.GetLive(ctx, key)
}

// GetLive reads a Secret from the API server. It is for the rare moment in
// which a wrong "missing" would be costly: a Secret whose label is being
// changed is in neither cache for an instant.
func (s *Secrets) GetLive(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	if err := s.live.Get(ctx, key, secret); err != nil {
		s.forget(key)
		if apierrors.IsNotFound(err) {
			return nil, err
		}
		return nil, fmt.Errorf("read secret %s: %w", key, err)
	}
	s.keep(key, secret)
	return secret, nil
}

func (s *Secrets) keptAt(key types.NamespacedName, uid types.UID, version string) *corev1.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.kept[key]
	if kept == nil || kept.UID != uid || kept.ResourceVersion != version {
		return nil
	}
	return kept
}

func (s *Secrets) keep(key types.NamespacedName, secret *corev1.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) >= maxForeign {
		clear(s.kept) // rare, and each costs one request to come back
	}
	s.kept[key] = secret
}

func (s *Secrets) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, key)
}
