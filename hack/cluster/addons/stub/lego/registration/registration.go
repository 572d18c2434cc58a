// Package registration holds the registrar's types.
package registration

import (
	"context"
	"errors"

	"github.com/go-acme/lego/v5/acme"
)

// RegisterOptions says how to register.
type RegisterOptions struct{ TermsOfServiceAgreed bool }

// RegisterEABOptions says how to register with an account that exists elsewhere.
type RegisterEABOptions struct {
	TermsOfServiceAgreed bool
	Kid                  string
	HmacEncoded          string
}

// Registrar registers nobody.
type Registrar struct{}

var errNoACME = errors.New("this build of Traefik has no ACME client")

// Register fails.
func (*Registrar) Register(context.Context, RegisterOptions) (*acme.ExtendedAccount, error) {
	return nil, errNoACME
}

// RegisterWithExternalAccountBinding fails.
func (*Registrar) RegisterWithExternalAccountBinding(context.Context, RegisterEABOptions) (*acme.ExtendedAccount, error) {
	return nil, errNoACME
}
