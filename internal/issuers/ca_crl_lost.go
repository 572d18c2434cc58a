package issuers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/pki"
)

// recorded is what Revocations say that a CA's key has revoked, by the names of
// the lists. It is asked for when the key has no list: because it is new, or
// because somebody has deleted the Secret. A revocation whose Revocation is
// gone by then is lost.
//
// Issuers that sign with the same key may share a Secret with lists, so that it
// does not matter which of them a Revocation is about. Those of an Issuer are
// in its namespace.
func (k *listKeeper) recorded(ctx context.Context, p *listPass) (map[string][]pki.RevokedCertificate, error) {
	var all v1alpha1.RevocationList
	err := k.client.List(ctx, &all, client.InNamespace(p.issuer.GetNamespace()), client.UnsafeDisableDeepCopy)
	if meta.IsNoMatchError(err) {
		return nil, nil // an installation without the kind
	}
	if err != nil {
		return nil, fmt.Errorf("list revocations: %w", err)
	}
	found := map[string][]pki.RevokedCertificate{}
	for i := range all.Items {
		entry, list, ok := p.entryOf(&all.Items[i])
		if ok {
			found[list] = append(found[list], entry)
		}
	}
	return found, nil
}

// entryOf is the entry that a Revocation has led to, if that is one of the CA's
// key and not outdated.
func (p *listPass) entryOf(r *v1alpha1.Revocation) (entry pki.RevokedCertificate, list string, ok bool) {
	revoked := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.RevocationRevoked)
	if revoked == nil || revoked.Status != "True" {
		return entry, "", false
	}
	certs, err := pki.DecodeCertificates(r.Status.CertificatePEM)
	if err != nil {
		return entry, "", false
	}
	cert := certs[0]
	if p.signed(cert) != nil || p.now.After(cert.NotAfter.Add(p.validity())) {
		return entry, "", false
	}
	at := revoked.LastTransitionTime.Time
	if r.Status.RevokedAt != nil {
		at = r.Status.RevokedAt.Time
	}
	if at.IsZero() {
		at = p.now
	}
	reason, _ := r.Spec.Reason.Code()
	return pki.RevokedCertificate{Serial: cert.SerialNumber, At: at.Truncate(time.Second), Reason: reason, NotAfter: cert.NotAfter}, p.listOf(cert), true
}
