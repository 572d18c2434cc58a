package issuers

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/lifecycle"
)

// acmeRevoker has ACME CAs revoke certificates (RFC 8555, section 7.6).
type acmeRevoker struct {
	accounts *Accounts
}

// Revoke implements Revoker. With Auto the account's key comes first, because
// the CA then knows who has revoked, and the certificate's own is the way out
// where the account is lost, or is not the one that ordered the certificate.
func (r *acmeRevoker) Revoke(ctx context.Context, in RevokeInput) (lifecycle.RevokeOutcome, error) {
	switch in.Authorization {
	case v1alpha1.AuthorizationCertificateKey:
		if in.Key == nil {
			return lifecycle.RevokeRefused{
				Reason:  v1alpha1.ReasonNotAuthorized,
				Message: "the certificate's own key is not there: it is not in the Secret any more; create another Revocation with authorization AccountKey",
			}, nil
		}
		return r.byCertificate(ctx, in)
	case v1alpha1.AuthorizationAccountKey:
		return r.byAccount(ctx, in)
	case v1alpha1.AuthorizationAuto:
	}
	outcome, err := r.byAccount(ctx, in)
	refused, _ := outcome.(lifecycle.RevokeRefused)
	unknown := (*accountError)(nil)
	if in.Key == nil || (refused.Reason != v1alpha1.ReasonNotAuthorized && !errors.As(err, &unknown)) {
		return outcome, err
	}
	return r.byCertificate(ctx, in)
}

// accountError says that the CA was not asked, or was asked in vain, for want
// of an account.
type accountError struct{ err error }

func (e *accountError) Error() string { return e.err.Error() }
func (e *accountError) Unwrap() error { return e.err }

func (r *acmeRevoker) byAccount(ctx context.Context, in RevokeInput) (lifecycle.RevokeOutcome, error) {
	client, err := r.accounts.Client(ctx, in.Issuer)
	if err != nil {
		return nil, &accountError{err}
	}
	outcome, err := revoke(ctx, client, in, nil)
	if acme.IsAccountDoesNotExist(err) {
		// The issuer is being checked because of that, and gets another account.
		return nil, &accountError{err}
	}
	return outcome, err
}

// byCertificate asks without an account.
func (r *acmeRevoker) byCertificate(ctx context.Context, in RevokeInput) (lifecycle.RevokeOutcome, error) {
	client, _, err := r.accounts.connect(in.Issuer.GetSpec().ACME, nil)
	if err != nil {
		return nil, err
	}
	return revoke(ctx, client, in, in.Key)
}

// revoke asks once. A nil key is the account's.
func revoke(ctx context.Context, client *acme.Client, in RevokeInput, key crypto.Signer) (lifecycle.RevokeOutcome, error) {
	code, ok := in.Reason.Code()
	if !ok {
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonReasonRefused, Message: fmt.Sprintf("reason %q is none of RFC 5280", in.Reason)}, nil
	}
	with := v1alpha1.AuthorizationAccountKey
	if key != nil {
		with = v1alpha1.AuthorizationCertificateKey
	}
	err := client.RevokeCertificate(ctx, acme.RevocationRequest{Certificate: in.Certificate, Reason: code, Key: key})
	class := acme.Classify(err, in.Now)
	switch {
	case err == nil:
		return lifecycle.Revoked{At: in.Now, SignedWith: with}, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case acme.IsAlreadyRevoked(err):
		return lifecycle.Revoked{At: in.Now, SignedWith: with, Already: true, Answer: acme.Summary(err)}, nil
	case errors.Is(err, acme.ErrNoRevocation):
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonIssuerNotSupported, Message: nameOf(in.Issuer) + " has a CA whose directory offers no revocation: ask the CA how it revokes"}, nil
	case acme.IsRevocationReasonRefused(err):
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonReasonRefused, Message: acme.Summary(err) + "; " + takenReasons(err) + "; create another Revocation with one of them"}, nil
	case acme.IsAccountDoesNotExist(err):
		return nil, err
	case acme.IsRevocationUnauthorized(err):
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonNotAuthorized, Message: acme.Summary(err) + "; " + otherWay(in, key)}, nil
	case class.Kind == acme.Wait:
		return lifecycle.RevokeWait{Until: class.Until, Message: acme.Summary(err)}, nil
	case class.Kind == acme.Failed:
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonRefused, Message: acme.Summary(err)}, nil
	}
	return nil, err
}

// takenReasons says which reasons the CA takes, where its own words do not.
func takenReasons(err error) string {
	words := strings.ToLower(acme.Summary(err))
	var named []string
	for _, reason := range []v1alpha1.RevocationReason{v1alpha1.Unspecified, v1alpha1.KeyCompromise, v1alpha1.Superseded, v1alpha1.CessationOfOperation} {
		if strings.Contains(words, strings.ToLower(string(reason))) {
			named = append(named, string(reason))
		}
	}
	const several = 2 // one may be the name of what was refused
	if len(named) >= several {
		return "it takes " + strings.Join(named, ", ")
	}
	return "public CAs take unspecified, keyCompromise, superseded and cessationOfOperation"
}

// otherWay says what to do when the CA does not take a key.
func otherWay(in RevokeInput, key crypto.Signer) string {
	switch {
	case key != nil:
		return "the CA takes neither this issuer's account nor the certificate's own key: see that issuerRef names the issuer whose CA has issued the certificate"
	case in.Key != nil:
		return "create another Revocation with authorization CertificateKey"
	}
	return "the certificate was ordered by another account, and its own key is not there; " +
		"some CAs, Let's Encrypt among them, take an account that has proved control of all the names a short time ago: issue a certificate for the same names by this issuer, and create another Revocation"
}
