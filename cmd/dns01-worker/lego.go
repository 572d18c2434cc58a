package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
	"github.com/go-acme/lego/v5/log"
	"github.com/go-acme/lego/v5/providers/dns"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/remember"
	"github.com/certwright/certwright/cmd/dns01-worker/internal/table"
	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// legoProvider is a provider of lego.
type legoProvider struct {
	code   string
	values map[string]string
}

func (l legoProvider) do(ctx context.Context, request wire.Request) (state string, err error) {
	server, err := serveNames(request)
	if err != nil {
		return "", err
	}
	defer server.close()
	dns01.SetDefaultClient(dns01.NewClient(&dns01.Options{RecursiveNameservers: []string{server.address}}))
	log.SetDefault(slog.New(slog.DiscardHandler))

	provider, err := l.make(ctx, request)
	if err != nil {
		return "", wire.ConfigError{Err: err}
	}
	token, _, _ := strings.Cut(request.KeyAuthorization, ".") // RFC 8555, section 8.1
	if request.Operation == wire.CleanUp {
		if request.State != "" {
			if err := remember.Restore(provider, request.State, sealKey(request)); err != nil {
				return "", wire.ConfigError{Err: err}
			}
		}
		err := provider.CleanUp(ctx, request.Domain, token, request.KeyAuthorization)
		if err != nil && request.State == "" && table.Remembers(l.code) {
			return "", wire.ConfigError{Err: fmt.Errorf("what %s answered when the record %s was written is lost; if the record is there, remove it by hand: %w",
				l.code, strings.TrimSuffix(request.FQDN, "."), err)}
		}
		return "", err
	}
	if err := provider.Present(ctx, request.Domain, token, request.KeyAuthorization); err != nil || !table.Remembers(l.code) {
		return "", err
	}
	return remember.Capture(provider, sealKey(request))
}

// make makes the provider, by way of the environment, which is all that lego
// offers for most providers.
func (l legoProvider) make(ctx context.Context, request wire.Request) (challenge.Provider, error) {
	if err := checkAmbient(l.code, l.values, request.Ambient); err != nil {
		return nil, err
	}
	if l.code == "route53" {
		return newRoute53(ctx, l.values, request.Ambient)
	}
	for name, value := range l.values {
		if table.IsContent(name) {
			path, err := contentFile(name, value)
			if err != nil {
				return nil, fmt.Errorf("hold %s: %w", name, err)
			}
			value = path
		}
		if err := os.Setenv(name, strings.TrimSpace(value)); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	return dns.NewDNSChallengeProviderByName(l.code)
}

// checkAmbient refuses settings that have a provider use the identity of the
// machine or pod, unless that is allowed.
func checkAmbient(code string, values map[string]string, allowed bool) error {
	if allowed {
		return nil
	}
	switch code {
	case "lightsail":
		if values["AWS_ACCESS_KEY_ID"] == "" || values["AWS_SECRET_ACCESS_KEY"] == "" {
			return errAmbient
		}
	case "alidns", "aliesa":
		if values["ALICLOUD_RAM_ROLE"] != "" {
			return errAmbient
		}
	case "oraclecloud":
		if values["OCI_AUTH_TYPE"] != "" {
			return errAmbient
		}
	}
	return nil
}

var errAmbient = errors.New("no credentials are given, and the issuer may not use those of the operator")
