package certificate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// reasonKeystoreNotMade is that of the event about a keystore that can not be
// made of what it is to be made of.
const reasonKeystoreNotMade = "KeystoreNotMade"

// keystores makes the stores that a Certificate asks for around a key and a
// chain, but takes those of the Secret that are right: stores are salted, and
// new bytes would have every program that reads them load them anew. What can
// not be made stays as it is too: it may serve for a while, and key and
// certificate do not wait for it.
func (r *reconciler) keystores(ctx context.Context, crt *cmv1.Certificate, content, present map[string][]byte) (lifecycle.Keystores, error) {
	var stores lifecycle.Keystores
	pairs := storePairs(&crt.Spec)
	if len(pairs) == 0 {
		return stores, nil
	}
	stores.Data = map[string][]byte{}
	material := sync.OnceValues(func() (*storeMaterial, error) { return readMaterial(content) })
	for i := range pairs {
		p := &pairs[i]
		note := lifecycle.Event{Type: lifecycle.Warning}
		password, missing, err := r.storePassword(ctx, crt.Namespace, p)
		if err != nil {
			return stores, err
		}
		if missing == "" {
			made, err := r.storesOf(client.ObjectKeyFromObject(crt), p, password, material, content, present)
			if err == nil {
				maps.Copy(stores.Data, made)
				continue
			}
			note.Reason, note.Message = reasonKeystoreNotMade, fmt.Sprintf("%s is not up to date: %v", p.keystore, err)
		} else {
			note.Reason, note.Message = cmv1.CertificateEventKeystorePasswordSecretNotFound, missing
		}
		stores.Notes = append(stores.Notes, note)
		for _, key := range []string{p.keystore, p.truststore} {
			if store, found := present[key]; found {
				stores.Data[key] = store
			}
		}
	}
	return stores, nil
}

// storesOf makes one pair of stores, or takes the present ones.
func (r *reconciler) storesOf(crt types.NamespacedName, p *storePair, password string, material func() (*storeMaterial, error), content, present map[string][]byte) (map[string][]byte, error) {
	made := map[string][]byte{}
	// In this order, always: of two that can not be made, the first is told of.
	for _, key := range []string{p.keystore, p.truststore} {
		trust := key == p.truststore
		if trust && len(content[lifecycle.CACert]) == 0 {
			continue // nothing to trust is known
		}
		id := storeID{crt, key}
		digest := func(store []byte) storeDigest {
			return r.stores.digest(password, p.variant, content[lifecycle.TLSKey], content[lifecycle.TLSCert], content[lifecycle.CACert], store)
		}
		old := present[key]
		if len(old) > 0 && r.stores.knows(id, digest(old)) {
			made[key] = old
			continue
		}
		m, err := material()
		if err != nil {
			return nil, err
		}
		store := old
		switch {
		case len(old) > 0 && !trust && p.format.isKeystore(r.Random, old, password, m):
		case len(old) > 0 && trust && p.format.isTruststore(r.Random, old, password, m):
		case trust:
			store, err = p.format.makeTruststore(r.Random, password, m, r.Clock())
		default:
			store, err = p.format.makeKeystore(r.Random, password, m, r.Clock())
		}
		if err != nil {
			return nil, err
		}
		r.stores.learn(id, digest(store))
		made[key] = store
	}
	return made, nil
}

// storePassword finds the password of a pair of stores, or says what is
// missing.
func (r *reconciler) storePassword(ctx context.Context, namespace string, p *storePair) (password, missing string, err error) {
	if p.password != nil && *p.password != "" {
		return *p.password, "", nil
	}
	ref := p.passwordRef
	secret, err := r.Secrets.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name})
	switch {
	case ref.Name == "":
		return "", fmt.Sprintf("%s is not up to date: it has no password", p.keystore), nil
	case apierrors.IsNotFound(err):
		return "", fmt.Sprintf("%s is not up to date: Secret %q with its password does not exist", p.keystore, ref.Name), nil
	case err != nil:
		return "", "", fmt.Errorf("get password of %s: %w", p.keystore, err)
	case len(secret.Data[ref.Key]) == 0:
		return "", fmt.Sprintf("%s is not up to date: Secret %q has no key %q with its password", p.keystore, ref.Name, ref.Key), nil
	}
	return string(secret.Data[ref.Key]), "", nil
}

// storeMemory remembers which stores were found right, so that they are not
// made again at every pass to be compared. After a restart each is compared
// once.
//
// It is in memory for two reasons. A digest of the password that is kept with
// the Secret, under whatever key, would be one more thing to guess the password
// by, and a faster one than a store with thousands of rounds. And stores that
// another operator has made would have to be written once to get their digest.
type storeMemory struct {
	secret []byte // so that not even a dump of the memory has plain digests

	mu    sync.Mutex
	right map[storeID]storeDigest
}

// storeID is a store of a Certificate.
type storeID struct {
	certificate types.NamespacedName
	key         string
}

// storeDigest stands for a store and everything it was made of.
type storeDigest [sha256.Size]byte

func newStoreMemory(random io.Reader) (*storeMemory, error) {
	m := &storeMemory{secret: make([]byte, sha256.Size), right: map[storeID]storeDigest{}}
	if _, err := io.ReadFull(random, m.secret); err != nil {
		return nil, fmt.Errorf("make key of keystore digests: %w", err)
	}
	return m, nil
}

func (m *storeMemory) digest(password, variant string, parts ...[]byte) storeDigest {
	h := hmac.New(sha256.New, m.secret)
	for _, part := range append(parts, []byte(password), []byte(variant)) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	return storeDigest(h.Sum(nil))
}

func (m *storeMemory) knows(id storeID, digest storeDigest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	right, known := m.right[id]
	return known && right == digest
}

func (m *storeMemory) learn(id storeID, digest storeDigest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.right[id] = digest
}

// forget drops what is known of a Certificate that is gone.
func (m *storeMemory) forget(certificate types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range []string{cmv1.JKSSecretKey, cmv1.JKSTruststoreKey, cmv1.PKCS12SecretKey, cmv1.PKCS12TruststoreKey} {
		delete(m.right, storeID{certificate, key})
	}
}
