// Package own are providers that are not lego's, because lego's would remove
// the values of other challenges, or could not remove in one process what
// another has added. Each looks at what is there first, so that doing a thing
// twice is doing it once. They take lego's names of variables.
package own

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// Provider adds the value of a request to its record, and removes it. Other
// values at the same name stay.
type Provider interface {
	Ensure(ctx context.Context, request wire.Request) error
	Remove(ctx context.Context, request wire.Request) error
}

// New makes the provider of a code, from the variables of a request. It is nil
// when the provider is not one of ours. Errors are of class config.
func New(code string, values map[string]string, ambient bool) (Provider, error) {
	var p Provider
	var err error
	switch code {
	case "acmedns":
		p, err = newACMEDNS(values)
	case "azuredns":
		p, err = newAzure(values, ambient)
	case "cloudflare":
		p, err = newCloudflare(values)
	case "digitalocean":
		p, err = newDigitalOcean(values)
	case "gcloud":
		p, err = newCloudDNS(values, ambient)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, wire.ConfigError{Err: fmt.Errorf("configure %s: %w", code, err)}
	}
	return p, nil
}

// typeTXT is the type of the records, in all APIs.
const typeTXT = "TXT"

// errAmbient is the error of a provider that was given no credentials.
var errAmbient = errors.New("no credentials are given, and the issuer may not use those of the operator")

// seconds reads a TTL. A request without one gets the provider's default.
func seconds(values map[string]string, name string, fallback int) (int, error) {
	text, ok := values[name]
	if !ok || text == "" {
		return fallback, nil
	}
	ttl, err := strconv.Atoi(text)
	if err != nil || ttl < 1 || ttl > 1<<31-1 { // RFC 2181, section 8
		return 0, fmt.Errorf("%s must be a number of seconds", name)
	}
	return ttl, nil
}
