package certificate

import (
	"context"
	"crypto/x509"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/revocationlist"
)

// woken is how many Certificates may be on their way to be looked at because a
// list says something new about them; a list that has more waits.
const woken = 64

// revocationLists tells which certificates are revoked by the lists of their
// CAs, and wakes their Certificates.
type revocationLists = revocationlist.Lists[types.NamespacedName]

func newRevocationLists(cfg revocationlist.Config, wake chan<- turn) *revocationLists {
	return revocationlist.New(cfg, func(ctx context.Context, key types.NamespacedName) {
		select {
		case wake <- turn{Object: key}:
		case <-ctx.Done():
		}
	})
}

// seeRevoked finds out whether the certificate in the Secret is revoked: from
// the Revocations of the namespace, and from its CA's list.
func (r *reconciler) seeRevoked(ctx context.Context, seen *lifecycle.CertificateSeen) error {
	if err := r.seeRevocations(ctx, seen); err != nil {
		return err
	}
	if r.lists == nil {
		return nil
	}
	key := client.ObjectKeyFromObject(seen.Certificate)
	follows, err := r.followsList(ctx, seen)
	if err != nil {
		return err
	}
	if !follows {
		r.lists.Forget(key)
		return nil
	}
	leaf := seen.Secret.Leaf()
	told := lifecycle.FindCertificateCondition(seen.Certificate.Status.Conditions, cmv1.CertificateConditionRevoked) != nil
	answer, known := r.lists.Look(key, revocationlist.Query{Certificate: leaf, Issuers: issuersIn(seen.Secret), Wake: told})
	if !known || seen.Revoked.Known {
		return nil
	}
	seen.Revoked.Known = true
	if answer.Revoked {
		seen.Revoked.Revoked, seen.Revoked.At = true, answer.At
		seen.Revoked.Reason = reasonText(answer.Reason)
		seen.Revoked.Compromise = seen.Revoked.Reason == string(v1alpha1.KeyCompromise)
	}
	return nil
}

// followsList says whether a CA's list is read for the certificate in the Secret.
func (r *reconciler) followsList(ctx context.Context, seen *lifecycle.CertificateSeen) (bool, error) {
	leaf := seen.Secret.Leaf()
	if leaf == nil || len(leaf.CRLDistributionPoints) == 0 || r.Clock().After(leaf.NotAfter) || !seen.IssuedByIssuer() {
		return false, nil
	}
	issuer, err := r.issuerOf(ctx, seen.Certificate)
	if issuer == nil || err != nil {
		return false, err
	}
	return listTells(issuer, seen), nil
}

// listTells says whether the list of an issuer's CA tells more than is known
// otherwise. What an ACME CA with renewal information has revoked is known from
// that: its list says only why.
func listTells(issuer cmv1.GenericIssuer, seen *lifecycle.CertificateSeen) bool {
	switch spec := issuer.GetSpec(); {
	case spec.ACME != nil:
		return seen.ARI.Source == lifecycle.ARINone || seen.RenewalUrged()
	case spec.CA != nil:
		return spec.CA.CRL != nil
	}
	return false
}

// issuersIn are the certificates of a Secret among which that of the issuer is.
func issuersIn(secret *lifecycle.StoredSecret) []*x509.Certificate {
	issuers := secret.Chain[1:]
	if len(issuers) > 0 {
		return issuers
	}
	root, err := pki.DecodeBundle(secret.Data[lifecycle.CACert])
	if err != nil {
		return nil
	}
	return root
}

// reasonText is a reason in the words of RFC 5280, section 5.3.1.
func reasonText(code int) string {
	if reason, ok := v1alpha1.ReasonOfCode(code); ok {
		return string(reason)
	}
	switch code {
	case 6:
		return "certificateHold"
	case 10:
		return "aACompromise"
	}
	return fmt.Sprintf("reason %d", code)
}
