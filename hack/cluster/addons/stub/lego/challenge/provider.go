// Package challenge names what presents a challenge.
package challenge

import "context"

// Provider presents a challenge's answer and removes it.
type Provider interface {
	Present(ctx context.Context, domain, token, keyAuth string) error
	CleanUp(ctx context.Context, domain, token, keyAuth string) error
}
