// Package dns01 holds the options of the DNS challenge.
package dns01

import (
	"strings"
	"time"
)

// Options configure a client.
type Options struct{ RecursiveNameservers []string }

// Client looks nothing up.
type Client struct{}

// ChallengeOption changes nothing.
type ChallengeOption func()

// NewClient returns a client.
func NewClient(*Options) *Client { return &Client{} }

// SetDefaultClient does nothing.
func SetDefaultClient(*Client) {}

// CondOptions returns an option.
func CondOptions(bool, ...ChallengeOption) ChallengeOption { return func() {} }

// DisableAuthoritativeNssPropagationRequirement returns an option.
func DisableAuthoritativeNssPropagationRequirement() ChallengeOption { return func() {} }

// DisableRecursiveNSsPropagationRequirement returns an option.
func DisableRecursiveNSsPropagationRequirement() ChallengeOption { return func() {} }

// PropagationWait returns an option.
func PropagationWait(time.Duration, bool) ChallengeOption { return func() {} }

// UnFqdn removes the final dot of a name. Traefik also calls it when it chooses a certificate for a host.
func UnFqdn(name string) string { return strings.TrimSuffix(name, ".") }
