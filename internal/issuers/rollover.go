package issuers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/acmeview"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// The rollover of an account key (RFC 8555, section 7.3.5), on request:
//
//	store the new key beside the old one -> tell the CA -> put it in the place of the old one
//
// Whatever is lost on the way, the CA is then asked whether it knows the new
// key. Until it has answered, nobody speaks for the account: half of what is
// asked with the wrong key would be refused for good.

// pending is where the key is that is to replace the one in this place.
func (p keyPlace) pending() string { return p.key + ".pending" }

func (k *accountKey) readPending(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	signer, err := acme.ParseAccountKey(text)
	if err != nil {
		return err
	}
	k.pending = signer
	k.pendingHash, err = keyHash(signer)
	return err
}

// isUnsettled says whether it is not known which of two keys the CA knows.
func (a *Accounts) isUnsettled(place keyPlace, key *accountKey) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return key.pending != nil && a.unused[place] != key.pendingHash
}

func (a *Accounts) setUnused(place keyPlace, hash string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if hash == "" {
		delete(a.unused, place)
		return
	}
	a.unused[place] = hash
}

func (r *registration) rolloverAsked() string {
	return r.issuer.GetAnnotations()[cmv1.RolloverAccountKeyAnnotation]
}

func (r *registration) toRollOver() bool {
	asked := r.rolloverAsked()
	return asked != "" && asked != r.key.rolledOver
}

// settle finds out whether the CA knows the new key of a rollover that did not
// come to its end, and keeps the one that it knows. The verdict is nil if that
// has been done.
func (a *Accounts) settle(ctx context.Context, r *registration, place keyPlace) (*lifecycle.IssuerVerdict, error) {
	known, err := a.isKnown(ctx, r, r.key.pending)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		verdict := r.failed(cmv1.IssuerReasonErrVerifyACMEAccount, err)
		return &verdict, nil
	case known:
		err = a.promote(ctx, r, place, r.key.pending)
	default:
		err = a.discard(ctx, r, place, r.key.rolledOver)
	}
	if message, refused := refusedWrite(err); refused {
		verdict := unverified(message)
		verdict.Wake = r.now.Add(writeRecheck)
		return &verdict, nil
	}
	return nil, err
}

// isKnown asks the CA whether a key is that of an account.
func (a *Accounts) isKnown(ctx context.Context, r *registration, signer crypto.Signer) (bool, error) {
	with, _, err := a.connect(r.spec, signer)
	if err != nil {
		return false, err
	}
	_, err = with.NewAccount(ctx, acme.AccountRequest{OnlyReturnExisting: true})
	if err == nil || acme.IsAccountDoesNotExist(err) {
		return err == nil, nil
	}
	if r.known.URI != "" && isRefusal(err, r.now) { // some CAs let nobody look without an external account
		_, err = with.WithAccount(r.known.URI).GetAccount(ctx)
		if isRefusal(err, r.now) {
			return false, nil
		}
	}
	return err == nil, err
}

// isRefusal: the CA understood the request, and answered it with no.
func isRefusal(err error, now time.Time) bool {
	problem, ok := errors.AsType[*acme.Problem](err)
	return ok && acme.Classify(problem, now).Kind == acme.Stalled
}

// rollOver replaces the key of a registered account.
func (a *Accounts) rollOver(ctx context.Context, r *registration, place keyPlace, algorithm acme.KeyType) (lifecycle.IssuerVerdict, error) {
	speaker, err := a.Client(ctx, r.issuer)
	if err != nil {
		return lifecycle.IssuerVerdict{}, err
	}
	if algorithm == "" {
		algorithm = kindOf(r.key.signer)
	}
	signer, err := acme.GenerateAccountKey(algorithm)
	if err != nil {
		return lifecycle.IssuerVerdict{}, fmt.Errorf("generate account key: %w", err)
	}
	err = a.storePending(ctx, r, place, signer)
	if message, refused := refusedWrite(err); refused {
		verdict := r.rollover(cmv1.IssuerReasonRolloverPending, message+"; the old key stays in use")
		verdict.Wake = r.now.Add(writeRecheck)
		return verdict, nil
	}
	if err != nil {
		return lifecycle.IssuerVerdict{}, err
	}
	if err := speaker.KeyChange(ctx, signer); err != nil {
		return a.notRolledOver(ctx, r, place, signer, err)
	}
	return a.rolledOver(ctx, r, place, signer, speaker)
}

// rolledOver: the CA knows the new key.
func (a *Accounts) rolledOver(ctx context.Context, r *registration, place keyPlace, signer crypto.Signer, speaker *acme.Client) (lifecycle.IssuerVerdict, error) {
	a.setUnused(place, "")
	if err := a.promote(ctx, r, place, signer); err != nil {
		return lifecycle.IssuerVerdict{}, err
	}
	r.known.LastPrivateKeyHash = r.key.hash
	if speaker != nil {
		id, version := clientOf(r.issuer, r.known.URI, r.key.hash)
		_, on, err := a.connect(r.spec, signer)
		if err != nil {
			return lifecycle.IssuerVerdict{}, err
		}
		a.keep(id, &accountClient{version: version, server: on, client: speaker})
	}
	return r.rollover(cmv1.IssuerReasonRolledOver, "The account has a new key, as asked for"), nil
}

// notRolledOver: the CA did not say that it took the new key. What is no clear
// refusal may be an answer that was lost.
func (a *Accounts) notRolledOver(ctx context.Context, r *registration, place keyPlace, signer crypto.Signer, cause error) (lifecycle.IssuerVerdict, error) {
	if ctx.Err() != nil {
		a.setUnused(place, "")
		return lifecycle.IssuerVerdict{}, ctx.Err()
	}
	kind := acmeview.Fault(cause, r.now).Kind
	final := kind == lifecycle.Failed || kind == lifecycle.Stalled
	reason, done := cmv1.IssuerReasonRolloverPending, r.key.rolledOver
	switch {
	case acme.IsKeyChangeUnsupported(cause):
		reason, done = cmv1.IssuerReasonRolloverUnsupported, r.rolloverAsked()
	case final:
		reason, done = cmv1.IssuerReasonRolloverRefused, r.rolloverAsked()
	default:
		switch known, err := a.isKnown(ctx, r, signer); {
		case known:
			return a.rolledOver(ctx, r, place, signer, nil)
		case err != nil:
			a.setUnused(place, "")
			return r.stillPending(cause), nil //nolint:nilerr // it tells as little as the cause
		}
	}
	if err := a.discard(ctx, r, place, done); err != nil {
		return lifecycle.IssuerVerdict{}, err
	}
	switch reason {
	case cmv1.IssuerReasonRolloverUnsupported:
		return r.rollover(reason, "The CA can not change the key of an account; the old key stays in use"), nil
	case cmv1.IssuerReasonRolloverRefused:
		return r.rollover(reason, acme.Summary(cause)+"; the old key stays in use; set another value of the annotation to ask again"), nil
	}
	return r.stillPending(cause), nil
}

func (r *registration) stillPending(cause error) lifecycle.IssuerVerdict {
	fault := acmeview.Fault(cause, r.now)
	verdict := r.rollover(cmv1.IssuerReasonRolloverPending, fault.Message+"; tried again")
	verdict.Fault = &fault
	return verdict
}

// rollover is the verdict about a registered issuer that was asked for another
// key.
func (r *registration) rollover(reason, message string) lifecycle.IssuerVerdict {
	verdict := r.registered()
	verdict.Condition = &cmv1.IssuerCondition{Type: cmv1.IssuerConditionAccountKeyRollover, Status: cmmeta.ConditionFalse, Reason: reason, Message: message}
	if reason == cmv1.IssuerReasonRolledOver {
		verdict.Condition.Status = cmmeta.ConditionTrue
	}
	return verdict
}

// storePending stores the new key before the CA hears of it.
func (a *Accounts) storePending(ctx context.Context, r *registration, place keyPlace, signer crypto.Signer) error {
	text, err := acme.MarshalAccountKey(signer)
	if err != nil {
		return err
	}
	hash, err := keyHash(signer)
	if err != nil {
		return err
	}
	a.setUnused(place, hash)
	return a.edit(ctx, r, place, func(secret *corev1.Secret) { secret.Data[place.pending()] = text })
}

// promote puts the new key in the place of the old one.
func (a *Accounts) promote(ctx context.Context, r *registration, place keyPlace, signer crypto.Signer) error {
	text, err := acme.MarshalAccountKey(signer)
	if err != nil {
		return err
	}
	hash, err := keyHash(signer)
	if err != nil {
		return err
	}
	done := r.rolloverAsked()
	err = a.edit(ctx, r, place, func(secret *corev1.Secret) {
		secret.Data[place.key] = text
		delete(secret.Data, place.pending())
		setAnnotation(secret, cmv1.AccountKeyRolloverDoneAnnotation, done)
	})
	if err != nil {
		return err
	}
	r.key = &accountKey{signer: signer, hash: hash, rolledOver: done}
	return nil
}

// discard removes the new key, and notes which request is dealt with by that.
func (a *Accounts) discard(ctx context.Context, r *registration, place keyPlace, done string) error {
	err := a.edit(ctx, r, place, func(secret *corev1.Secret) {
		delete(secret.Data, place.pending())
		setAnnotation(secret, cmv1.AccountKeyRolloverDoneAnnotation, done)
	})
	if err != nil {
		return err
	}
	a.setUnused(place, "")
	r.key = &accountKey{signer: r.key.signer, hash: r.key.hash, rolledOver: done}
	return nil
}

func setAnnotation(secret *corev1.Secret, name, value string) {
	if value == "" {
		return
	}
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[name] = value
}

// edit changes the Secret of an account key, unless somebody else has changed
// it since it was read.
func (a *Accounts) edit(ctx context.Context, r *registration, place keyPlace, change func(*corev1.Secret)) error {
	before, err := r.secret, error(nil)
	if before == nil {
		before, err = a.secrets.Get(ctx, place.NamespacedName)
	}
	if err != nil {
		return fmt.Errorf("read account key: %w", err)
	}
	signer, err := acme.ParseAccountKey(before.Data[place.key])
	if err != nil {
		return fmt.Errorf("read account key: %w", err)
	}
	if hash, err := keyHash(signer); err != nil || hash != r.key.hash {
		return errors.New("store account key: the key in the Secret has become another one")
	}
	after := before.DeepCopy()
	change(after)
	err = a.client.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), kube.FieldOwner)
	if apierrors.IsConflict(err) {
		return errors.New("store account key: the Secret has changed meanwhile")
	}
	if err != nil {
		return fmt.Errorf("store account key: %w", err)
	}
	r.secret = after
	return nil
}

// kindOf is the kind of key to replace a key by, if nobody says which.
func kindOf(signer crypto.Signer) acme.KeyType {
	if key, ok := signer.(*ecdsa.PrivateKey); ok {
		if key.Curve == elliptic.P384() {
			return acme.KeyECDSAP384
		}
		return acme.KeyECDSAP256
	}
	return acme.KeyRSA2048
}
