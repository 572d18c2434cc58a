package issuers

import (
	"context"
	"fmt"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
)

// toDeactivate says whether the end of this very account is asked for.
func (r *registration) toDeactivate() bool {
	return r.known.URI != "" && r.isSameKey() && r.issuer.GetAnnotations()[cmv1.DeactivateAccountAnnotation] == r.known.URI
}

// deactivated says whether that has been done. It stays so when the request is
// withdrawn: only another key makes another account.
func (r *registration) deactivated() bool {
	ready := lifecycle.IssuerReady(r.issuer)
	return ready != nil && ready.Reason == cmv1.IssuerReasonAccountDeactivated && r.isSameKey()
}

// deactivate ends the account (RFC 8555, section 7.3.6).
func (a *Accounts) deactivate(ctx context.Context, r *registration) (lifecycle.IssuerVerdict, error) {
	done := lifecycle.IssuerVerdict{
		Reason: cmv1.IssuerReasonAccountDeactivated,
		Message: fmt.Sprintf("The account %s was deactivated, as asked for; to get another one, delete the Secret %q with its key",
			r.known.URI, r.spec.PrivateKey.Name),
	}
	if r.deactivated() {
		return done, nil
	}
	with, _, err := a.connect(r.spec, r.key.signer)
	if err != nil {
		return misconfigured(cmv1.IssuerReasonInvalidConfig, err), nil
	}
	_, err = with.WithAccount(r.known.URI).DeactivateAccount(ctx)
	switch {
	case err == nil, acme.IsAccountDeactivated(err), acme.IsAccountDoesNotExist(err):
		return done, nil
	case ctx.Err() != nil:
		return lifecycle.IssuerVerdict{}, ctx.Err()
	}
	verdict := r.failed(cmv1.IssuerReasonErrUpdateACMEAccount, err)
	return verdict, nil
}
