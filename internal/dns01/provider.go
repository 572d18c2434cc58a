package dns01

import (
	"context"
	"time"
)

// Record is the TXT record of one challenge.
type Record struct {
	FQDN             string // where it is written, CNAMEs followed; with the final dot
	Zone             string // the zone that holds it; with the final dot
	Value            string
	Domain           string // the name to be proved, without "*."
	KeyAuthorization string // what Value is the digest of (RFC 8555, section 8.4)
	TTL              time.Duration
}

// Provider writes TXT records at one DNS provider.
type Provider interface {
	// EnsureTXT adds a value to the record, if it is not there. Other values
	// stay.
	EnsureTXT(ctx context.Context, record Record) error
	// RemoveTXT removes a value from the record, if it is there. Other values
	// stay.
	RemoveTXT(ctx context.Context, record Record) error
}
