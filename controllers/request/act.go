package request

import (
	"context"
	"fmt"
	"time"

	"github.com/certwright/certwright/internal/issuers"
)

// sign asks the signer of the issuer, whose answer is seen from then on.
func (r *reconciler) sign(ctx context.Context, s *sight, now time.Time) error {
	signer, err := r.Signers.For(s.issuer)
	if err != nil {
		return err
	}
	s.Outcome, err = signer.Sign(ctx, issuers.Input{Request: s.Request, CSR: s.CSR, Issuer: s.issuer, Now: now})
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	return nil
}
