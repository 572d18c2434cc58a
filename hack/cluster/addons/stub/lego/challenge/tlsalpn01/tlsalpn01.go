// Package tlsalpn01 holds the options of the TLS-ALPN challenge.
package tlsalpn01

import (
	"errors"
	"time"
)

// ACMETLS1Protocol is the protocol's name in ALPN (RFC 8737, section 6.2).
const ACMETLS1Protocol = "acme-tls/1"

// ChallengeOption changes nothing.
type ChallengeOption func()

// SetDelay returns an option.
func SetDelay(time.Duration) ChallengeOption { return func() {} }

// ChallengeBlocks fails.
func ChallengeBlocks(domain, keyAuth string) (certificate, key []byte, err error) {
	return nil, nil, errors.New("this build of Traefik has no ACME client")
}
