package request

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certwright/certwright/internal/issuers"
)

// sign asks the signer of the issuer, whose answer is seen from then on. kind
// is that of the request.
func (c Config) sign(ctx context.Context, s *sight, kind schema.GroupVersionKind, now time.Time) error {
	signer, err := c.Signers.For(s.issuer)
	if err != nil {
		return err
	}
	s.Outcome, err = signer.Sign(ctx, issuers.Input{Request: s.Request, Kind: kind, CSR: s.CSR, Issuer: s.issuer, Now: now})
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	return nil
}
