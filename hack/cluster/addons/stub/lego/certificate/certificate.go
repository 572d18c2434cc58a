// Package certificate holds the certifier's types.
package certificate

import (
	"context"
	"errors"

	"github.com/go-acme/lego/v5/certcrypto"
)

// Resource is a certificate with its key.
type Resource struct {
	ID          string
	Domains     []string
	PrivateKey  []byte
	Certificate []byte
}

// ObtainRequest asks for a certificate.
type ObtainRequest struct {
	Domains          []string
	Bundle           bool
	EmailAddresses   []string
	Profile          string
	PreferredChain   string
	EnableCommonName bool
	KeyType          certcrypto.KeyType
}

// RenewOptions says how to renew a certificate.
type RenewOptions struct {
	Bundle           bool
	EmailAddresses   []string
	Profile          string
	PreferredChain   string
	EnableCommonName bool
}

// Certifier obtains no certificates.
type Certifier struct{}

var errNoACME = errors.New("this build of Traefik has no ACME client")

// Obtain fails.
func (*Certifier) Obtain(context.Context, ObtainRequest) (*Resource, error) { return nil, errNoACME }

// Renew fails.
func (*Certifier) Renew(context.Context, Resource, *RenewOptions) (*Resource, error) {
	return nil, errNoACME
}
