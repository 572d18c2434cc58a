package issuers

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/issuers/vault"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// signPath is the path of an endpoint that signs, after the mount of its engine.
var signPath = regexp.MustCompile(`^(.+?)/(?:(?:issuer/[^/]+/)?(?:sign|sign-verbatim)(?:/[^/]+)?|(?:root|issuer/[^/]+)/sign-(?:intermediate|self-issued))$`)

// vaultMount is the mount of the engine that an issuer signs with; empty if it
// can not be told.
func vaultMount(path string) string {
	found := signPath.FindStringSubmatch(strings.Trim(path, "/"))
	if found == nil {
		return ""
	}
	return found[1]
}

// Revoke implements Revoker. Vault keeps no reason.
func (v *vaultIssuers) Revoke(ctx context.Context, in RevokeInput) (lifecycle.RevokeOutcome, error) {
	mount := vaultMount(in.Issuer.GetSpec().Vault.Path)
	s, err := v.session(ctx, in.Issuer)
	if err != nil {
		return vaultUnrevoked(ctx, err, in.Now)
	}
	var at time.Time
	err = s.do(ctx, func(token string) (err error) {
		at, err = s.client.Revoke(ctx, token, mount, colons(in.Certificate.SerialNumber.Bytes()), "")
		if isUnknownSerial(err) { // the role has no_store
			at, err = s.client.Revoke(ctx, token, mount, "", string(pki.EncodeCertificates(in.Certificate)))
		}
		return err
	})
	refusal := (*vaultRefusedError)(nil)
	switch {
	case vault.IsForbidden(err) && errors.As(err, &refusal):
		return lifecycle.RevokeRefused{
			Reason:  v1alpha1.ReasonNotAuthorized,
			Message: fmt.Sprintf("%v; the policy of %s in Vault must allow update on %s/revoke", err, nameOf(in.Issuer), mount),
		}, nil
	case errors.As(err, &refusal):
		return lifecycle.RevokeRefused{Reason: v1alpha1.ReasonRefused, Message: err.Error()}, nil
	case err != nil:
		return vaultUnrevoked(ctx, err, in.Now)
	}
	if at.IsZero() || at.After(in.Now) {
		at = in.Now
	}
	return lifecycle.Revoked{At: at}, nil
}

// vaultUnrevoked is the outcome when Vault can not be asked.
func vaultUnrevoked(ctx context.Context, err error, now time.Time) (lifecycle.RevokeOutcome, error) {
	if pause, ok := errors.AsType[*vaultPauseError](err); ok {
		return lifecycle.RevokeWait{Until: pause.until, Message: pause.text}, nil
	}
	if trouble, ok := errors.AsType[*vaultSetupError](err); ok && ctx.Err() == nil {
		return lifecycle.RevokeWait{Until: now.Add(caRecheck), Message: trouble.text}, nil
	}
	return nil, err
}

// isUnknownSerial says whether Vault has not stored the certificate.
func isUnknownSerial(err error) bool {
	e, ok := errors.AsType[*vault.Error](err)
	return ok && (e.Status == http.StatusBadRequest || e.Status == http.StatusNotFound) && strings.Contains(strings.Join(e.Messages, " "), "not found")
}

// colons is a serial number as Vault writes it.
func colons(serial []byte) string {
	parts := make([]string, len(serial))
	for i, b := range serial {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ":")
}
