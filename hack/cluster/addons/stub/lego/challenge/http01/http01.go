// Package http01 holds the options of the HTTP challenge.
package http01

import "time"

// PathPrefix is where challenges are answered (RFC 8555, section 8.3).
const PathPrefix = "/.well-known/acme-challenge/"

// ChallengeOption changes nothing.
type ChallengeOption func()

// SetDelay returns an option.
func SetDelay(time.Duration) ChallengeOption { return func() {} }
