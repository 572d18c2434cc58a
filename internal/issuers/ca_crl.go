package issuers

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/pki"
)

// The revocation lists of CA issuers. A list is itself the record of what was
// revoked: it is read, signed anew with more entries, and written back if
// nobody has written it meanwhile. A certificate counts as revoked when that
// has succeeded.

// listKeeper keeps the lists of all CA issuers.
type listKeeper struct {
	client    client.Client
	secrets   SecretReader
	random    io.Reader
	namespace string // of the Secrets of ClusterIssuers
	baseURL   string // where lists are served; empty: nowhere

	mu    sync.Mutex
	books map[types.NamespacedName]*book
}

// book is what is known of one Secret with lists. Losing it does no harm.
type book struct {
	mu sync.Mutex
	// busy is set while somebody signs and writes: others leave what they have
	// in pending, and do not wait.
	busy    bool
	written time.Time // when the last write began
	pending map[string]*pendingEntry
	parsed  *ledger
}

func (k *listKeeper) book(key types.NamespacedName) *book {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.books[key]
	if b == nil {
		b = &book{pending: map[string]*pendingEntry{}}
		k.books[key] = b
	}
	return b
}

// take lets one at a time write a Secret.
func (b *book) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy {
		return false
	}
	b.busy = true
	return true
}

func (b *book) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = false
}

// errForeignSecret means that the Secret for the lists is one for something
// else, which must not be touched.
var errForeignSecret = errors.New("holds something else than revocation lists")

// errNotSigned means that the CA's key does not sign a list, whoever asks.
var errNotSigned = errors.New("no revocation list can be signed")

// read returns the lists in a Secret.
func (k *listKeeper) read(ctx context.Context, key types.NamespacedName, b *book) (*ledger, error) {
	secret, err := k.secrets.Get(ctx, key)
	if apierrors.IsNotFound(err) {
		return readLedger(nil), nil
	}
	if err != nil {
		return nil, err
	}
	if secret.Type != cmv1.RevocationListSecretType {
		return nil, fmt.Errorf("Secret %q in namespace %q %w: its type is %s, not %s; delete it, or name another one in spec.ca.crl.secretName", //nolint:staticcheck // the name of a kind
			key.Name, key.Namespace, errForeignSecret, secret.Type, cmv1.RevocationListSecretType)
	}
	b.mu.Lock()
	kept := b.parsed
	b.mu.Unlock()
	if kept.is(secret) {
		return kept, nil
	}
	l := readLedger(secret)
	b.mu.Lock()
	b.parsed = l
	b.mu.Unlock()
	return l, nil
}

// pass prepares to sign lists. The error is for people.
func (k *listKeeper) pass(issuer cmv1.GenericIssuer, pair *keyPair, now time.Time) (*listPass, error) {
	by, err := pki.NewListSigner(pair.cert, pair.key)
	if err != nil {
		return nil, err
	}
	return &listPass{issuer: issuer, pair: pair, by: by, random: k.random, now: now}, nil
}

// written is what came of a write.
type written struct {
	ledger  *ledger
	rebuilt int // entries that Revocations have brought back
}

// write signs what is due, with more entries, and stores it: in one write, or
// none. The caller has taken the book.
func (k *listKeeper) write(ctx context.Context, key types.NamespacedName, p *listPass, l *ledger, add map[string][]pki.RevokedCertificate) (written, error) {
	out := written{ledger: l}
	if p.usable(l, p.current()) == nil {
		recorded, err := k.recorded(ctx, p)
		if err != nil {
			return out, err
		}
		all := maps.Clone(recorded)
		for name, entries := range recorded {
			out.rebuilt += len(entries)
			all[name] = slices.Clone(entries)
		}
		if all == nil {
			all = map[string][]pki.RevokedCertificate{}
		}
		for name, entries := range add {
			all[name] = append(all[name], entries...)
		}
		add = all
	}
	data, err := p.next(l, add)
	if err != nil {
		return out, fmt.Errorf("%w: %w", errNotSigned, err)
	}
	if data == nil {
		return out, nil
	}
	secret, err := k.store(ctx, key, p, l.secret, data)
	if err != nil {
		return written{ledger: l}, err
	}
	out.ledger = readLedger(secret)
	return out, nil
}

// store writes the data of a Secret, unless somebody else has written it since
// it was read; that is a Conflict.
func (k *listKeeper) store(ctx context.Context, key types.NamespacedName, p *listPass, before *corev1.Secret, data map[string][]byte) (*corev1.Secret, error) {
	after := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Type: cmv1.RevocationListSecretType}
	if before != nil {
		after = before.DeepCopy()
	}
	if after.Labels == nil {
		after.Labels = map[string]string{}
	}
	after.Labels[cmv1.PartOfCertManagerControllerLabelKey] = "true"
	if after.Annotations == nil {
		after.Annotations = map[string]string{}
	}
	after.Data = data
	if list, err := pki.DecodeRevocationList(data[p.current()], nil); err == nil {
		after.Annotations[cmv1.RevocationListAnnotation] = fmt.Sprintf("number %s of %s, %d entries, next update %s",
			list.Number, list.ThisUpdate.Format(time.RFC3339), len(list.Revoked), list.NextUpdate.Format(time.RFC3339))
	}
	var err error
	if before == nil {
		err = k.client.Create(ctx, after, kube.FieldOwner)
	} else {
		err = k.client.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), kube.FieldOwner)
	}
	if err != nil {
		return nil, fmt.Errorf("store revocation lists: %w", err)
	}
	return after, nil
}

// signed says whether the CA's key has signed a certificate, so that it can be
// on one of its lists; the error is for people.
func (p *listPass) signed(cert *x509.Certificate) error {
	ca := p.pair.cert
	switch {
	case cert.Equal(ca):
		return errors.New("it is the CA's own certificate, which no list of the CA can revoke: take it out of the trust stores it is in")
	case ca.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil:
		return fmt.Errorf("it was not signed with the key that is in Secret %q now. A list can only be signed with the key that signed the certificate: put that back for as long as this takes, or let the certificate run out",
			p.issuer.GetSpec().CA.SecretName)
	case p.listOf(cert) == p.current() && !bytes.Equal(cert.RawIssuer, ca.RawSubject):
		return errors.New("it was signed under an earlier name of the CA, whose list nobody keeps any more: let it run out")
	}
	return nil
}

// listOf is the name of the list that a certificate belongs on.
func (p *listPass) listOf(cert *x509.Certificate) string {
	if len(cert.AuthorityKeyId) == 0 || bytes.Equal(cert.AuthorityKeyId, p.pair.cert.SubjectKeyId) {
		return p.current()
	}
	return listKey(cert.AuthorityKeyId)
}
