package issuers

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"time"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Revoker ends certificates of one kind of issuer before their time.
type Revoker interface {
	// Revoke has the CA revoke a certificate. To ask for one that is revoked
	// already does no harm, and is a success.
	Revoke(ctx context.Context, in RevokeInput) (lifecycle.RevokeOutcome, error)
}

// RevokeInput is one request to revoke. Nothing in it may be changed.
type RevokeInput struct {
	Issuer        cmv1.GenericIssuer
	Certificate   *x509.Certificate
	Reason        v1alpha1.RevocationReason
	Authorization v1alpha1.RevocationAuthorization
	// Key is the certificate's own, nil if it is not there.
	Key crypto.Signer
	Now time.Time
}

// RevokerFor returns the revoker of an issuer. The error says why there is
// none, and what to do instead.
func (r Registry) RevokerFor(issuer cmv1.GenericIssuer) (Revoker, error) {
	spec := issuer.GetSpec()
	switch kind := TypeOf(issuer); kind {
	case TypeACME:
		return r.ACMERevoker, nil
	case TypeCA:
		if spec.CA.CRL == nil || r.CARevoker == nil {
			return nil, fmt.Errorf("%s publishes no list of revoked certificates: set spec.ca.crl in it, and create another Revocation", nameOf(issuer))
		}
		return r.CARevoker, nil
	case TypeVault:
		if vaultMount(spec.Vault.Path) == "" || r.VaultRevoker == nil {
			return nil, fmt.Errorf("%s signs at a path of which it can not be told where its engine is mounted: revoke the certificate with the tools of Vault", nameOf(issuer))
		}
		return r.VaultRevoker, nil
	case TypeVenafi:
		return nil, fmt.Errorf("%s is of type venafi, and CyberArk is not asked to revoke: revoke the certificate with the tools of CyberArk Certificate Manager", nameOf(issuer))
	case TypeSelfSigned:
		return nil, fmt.Errorf("%s is selfSigned: nobody can revoke a self-signed certificate; take it out of the trust stores it is in, and issue another", nameOf(issuer))
	case "":
		return nil, fmt.Errorf("%s does not say how it signs: its spec must have exactly one of %s, %s, %s, %s, %s", nameOf(issuer), TypeACME, TypeCA, TypeSelfSigned, TypeVault, TypeVenafi)
	default:
		return nil, fmt.Errorf("%s is of type %s, for which the operator can not revoke: revoke the certificate with the tools of the CA", nameOf(issuer), kind)
	}
}
