package issuers

import (
	"context"
	"fmt"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
)

// RenewalInfo asks the CA of an ACME issuer when to renew a certificate
// (RFC 9773). It needs no account: the issuer need not be ready. A CA that has
// no renewal information is acme.ErrNoRenewalInfo, and then nothing is asked
// while its directory is fresh.
func (a *Accounts) RenewalInfo(ctx context.Context, issuer cmv1.GenericIssuer, certificateID string) (*acme.RenewalInfo, error) {
	spec := issuer.GetSpec().ACME
	if spec == nil {
		return nil, fmt.Errorf("%s is not an ACME issuer", nameOf(issuer))
	}
	anonymous, _, err := a.connect(spec, nil)
	if err != nil {
		return nil, err
	}
	return anonymous.RenewalInfo(ctx, certificateID)
}
