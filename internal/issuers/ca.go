package issuers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

const (
	// maxPairs bounds the CAs that are kept parsed.
	maxPairs = 1024

	// secretRecheck is when to look again for a Secret of an issuer that is
	// still said to be Ready. Usually the issuer changes before that.
	secretRecheck = 30 * time.Second
)

// ca signs with the key of a CA in a Secret (contract 2.7), and keeps the lists
// of what was revoked.
type ca struct {
	secrets   SecretReader
	random    io.Reader
	namespace string
	lists     *listKeeper

	mu    sync.Mutex
	pairs map[types.NamespacedName]*keyPair
}

func newCA(cfg Config) *ca {
	return &ca{
		secrets: cfg.Secrets, random: cfg.Random, namespace: cfg.ClusterResourceNamespace, pairs: map[types.NamespacedName]*keyPair{},
		lists: &listKeeper{
			client: cfg.Client, secrets: cfg.Secrets, random: cfg.Random, namespace: cfg.ClusterResourceNamespace, baseURL: cfg.CRLBaseURL,
			books: map[types.NamespacedName]*book{},
		},
	}
}

// Check implements Signer.
func (c *ca) Check(ctx context.Context, issuer cmv1.GenericIssuer, now time.Time) (lifecycle.IssuerVerdict, error) {
	key := c.secretOf(issuer)
	pair, err := c.pair(ctx, key)
	if apierrors.IsNotFound(err) {
		return lifecycle.IssuerVerdict{Reason: cmv1.IssuerReasonErrGetKeyPair, Message: missingSecret(key)}, nil
	}
	if err != nil {
		return lifecycle.IssuerVerdict{}, err
	}
	if err := pair.check(now); err != nil {
		verdict := lifecycle.IssuerVerdict{Reason: cmv1.IssuerReasonErrInvalidKeyPair, Message: unusableSecret(key, err)}
		if errors.Is(err, errNotBegun) {
			verdict.Wake = pair.cert.NotBefore
		}
		return verdict, nil
	}
	verdict := lifecycle.IssuerVerdict{
		Ready:   true,
		Reason:  cmv1.IssuerReasonKeyPairVerified,
		Message: "The key pair of the CA is there and fits",
		Wake:    pair.cert.NotAfter.Add(time.Second),
	}
	if issuer.GetSpec().CA.CRL == nil {
		return verdict, nil
	}
	verdict.Lists, err = c.lists.check(ctx, issuer, pair, now)
	return verdict, err
}

// Sign implements Signer.
func (c *ca) Sign(ctx context.Context, in Input) (lifecycle.Outcome, error) {
	key := c.secretOf(in.Issuer)
	pair, err := c.pair(ctx, key)
	if apierrors.IsNotFound(err) {
		return lifecycle.OutcomePending{
			Reason:  cmv1.CertificateRequestEventSecretMissing,
			Message: missingSecret(key),
			Wake:    in.Now.Add(secretRecheck),
		}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := pair.check(in.Now); err != nil {
		return lifecycle.OutcomePending{
			Reason:  cmv1.CertificateRequestEventSecretInvalidData,
			Message: unusableSecret(key, err),
			Wake:    in.Now.Add(secretRecheck),
		}, nil
	}
	return c.sign(in, pair)
}

func (c *ca) sign(in Input, pair *keyPair) (lifecycle.Outcome, error) {
	serial, err := pki.NewSerial(c.random)
	if err != nil {
		return nil, err
	}
	spec := in.Issuer.GetSpec().CA
	lifetime := lifetimeUnder(pair.cert, durationOf(in.Request), in.Now, spec.NeverOutliveCA)
	template, err := pki.Template(in.CSR, pki.Profile{
		Duration:               lifetime.duration,
		IsCA:                   in.Request.Spec.IsCA,
		Usages:                 usagesOf(in.Request),
		CRLDistributionPoints:  distributionPoints(in.Issuer, pair, c.lists.baseURL),
		OCSPServers:            spec.OCSPServers,
		IssuingCertificateURLs: spec.IssuingCertificateURLs,
	}, serial, in.Now)
	if err != nil {
		return signingError(err), nil
	}
	cert, err := pki.Sign(c.random, template, pair.cert, in.CSR.PublicKey, pair.key)
	if err != nil {
		return signingError(err), nil
	}
	if err := pair.allows(cert); err != nil {
		return signingError(err), nil
	}
	return lifecycle.OutcomeIssued{
		Chain:   slices.Concat(pki.EncodeCertificates(cert), pair.chain),
		CA:      pair.root,
		Warning: lifetime.warning,
	}, nil
}

// secretOf is the Secret with the CA of an issuer.
func (c *ca) secretOf(issuer cmv1.GenericIssuer) types.NamespacedName {
	return types.NamespacedName{Namespace: secretNamespace(issuer, c.namespace), Name: issuer.GetSpec().CA.SecretName}
}

// pair returns the CA in a Secret, parsed once for each version of the Secret.
func (c *ca) pair(ctx context.Context, key types.NamespacedName) (*keyPair, error) {
	secret, err := c.secrets.Get(ctx, key)
	if err != nil {
		c.keep(key, nil)
		return nil, err
	}
	c.mu.Lock()
	kept := c.pairs[key]
	c.mu.Unlock()
	if kept.is(secret) {
		return kept, nil
	}
	pair := parseKeyPair(secret)
	c.keep(key, pair)
	return pair, nil
}

func (c *ca) keep(key types.NamespacedName, pair *keyPair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pair == nil {
		delete(c.pairs, key)
		return
	}
	if len(c.pairs) >= maxPairs {
		clear(c.pairs) // rare, and each is parsed again when it is needed
	}
	c.pairs[key] = pair
}

// missingSecret names the namespace too: that of a ClusterIssuer's Secrets is
// what people get wrong.
func missingSecret(key types.NamespacedName) string {
	return fmt.Sprintf("Secret %q does not exist in namespace %q", key.Name, key.Namespace)
}

func unusableSecret(key types.NamespacedName, err error) string {
	return fmt.Sprintf("Secret %q in namespace %q can not be used: %v", key.Name, key.Namespace, err)
}
