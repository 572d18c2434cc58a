package issuers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/lifecycle"
)

// What people can do.
const (
	howToSignLists  = `give the CA a certificate whose usages have "crl sign" besides "cert sign"`
	howToEmptyLists = "Entries go when their certificates have expired; a CA with another key begins with an empty list; shorter certificates keep lists short"
)

// listRetry is when to try again to store lists that somebody's rules refuse.
const listRetry = 5 * time.Minute

// check signs the lists of an issuer that are due, and says how they are.
func (k *listKeeper) check(ctx context.Context, issuer cmv1.GenericIssuer, pair *keyPair, now time.Time) (*lifecycle.ListVerdict, error) {
	p, err := k.pass(issuer, pair, now)
	if err != nil {
		return badLists(cmv1.IssuerReasonListNotSigned, fmt.Sprintf("No revocation list can be signed: %v. Certificates are issued without the URL of a list. To have lists, %s", err, howToSignLists), time.Time{}), nil
	}
	key := listSecretOf(issuer, k.namespace)
	b := k.book(key)
	l, err := k.read(ctx, key, b)
	if errors.Is(err, errForeignSecret) {
		return badLists(cmv1.IssuerReasonListNotStored, err.Error(), time.Time{}), nil
	}
	if err != nil {
		return nil, err
	}
	if !b.take() { // whoever writes now signs what is due as well
		if p.usable(l, p.current()) == nil {
			return nil, apierrors.NewConflict(corev1.Resource("secrets"), key.Name, errors.New("it is being written"))
		}
		return k.verdict(p, l, now.Add(listSpacing)), nil
	}
	defer b.release()
	out, err := k.write(ctx, key, p, l, nil)
	if errors.Is(err, errNotSigned) {
		return badLists(cmv1.IssuerReasonListNotSigned, err.Error(), time.Time{}), nil
	}
	if text, refused := kube.Refusal(err); refused {
		return badLists(cmv1.IssuerReasonListNotStored, fmt.Sprintf("Secret %q with the revocation lists can not be written: %s", key.Name, text), now.Add(listRetry)), nil
	}
	if err != nil {
		return nil, err
	}
	v := k.verdict(p, out.ledger, p.wake(out.ledger))
	if out.rebuilt > 0 {
		v.Rebuilt = fmt.Sprintf("Secret %q had no list of the CA's key: a new one has the %d certificates that Revocations say were revoked. What was revoked by Revocations that are gone is not on it", key.Name, out.rebuilt)
	}
	return v, nil
}

func badLists(reason, message string, wake time.Time) *lifecycle.ListVerdict {
	return &lifecycle.ListVerdict{Status: cmmeta.ConditionFalse, Reason: reason, Message: message, Wake: wake}
}

// verdict says how lists are that are stored. It has nothing in it that changes
// with every list: the annotation of the Secret has that.
func (k *listKeeper) verdict(p *listPass, l *ledger, wake time.Time) *lifecycle.ListVerdict {
	name := cmv1.RevocationListSecret(p.issuer)
	size := l.size()
	switch {
	case room(size) == 0:
		return badLists(cmv1.IssuerReasonListFull, fmt.Sprintf("The revocation lists in Secret %q are full: they are kept fresh, and no more certificates can be revoked. %s", name, howToEmptyLists), wake)
	case size > nearlyFullBytes:
		return &lifecycle.ListVerdict{Status: cmmeta.ConditionTrue, Reason: cmv1.IssuerReasonListNearlyFull, Wake: wake,
			Message: fmt.Sprintf("The revocation lists in Secret %q take more than eight tenths of what it can hold. %s", name, howToEmptyLists)}
	}
	where := "certificates do not say where they are: neither spec.ca.crl.url nor the installation (--crl-base-url) names a URL"
	if url := listURL(p.issuer, p.by.KeyID, k.baseURL); url != "" {
		where = "certificates say that they are at " + url
	}
	return &lifecycle.ListVerdict{Status: cmmeta.ConditionTrue, Reason: cmv1.IssuerReasonListSigned, Wake: wake,
		Message: fmt.Sprintf("Revocation lists are kept in Secret %q, each valid for %s; %s", name, p.validity(), where)}
}
