package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certwright/certwright/cmd/dns01-worker/internal/own"
	"github.com/certwright/certwright/cmd/dns01-worker/internal/scrub"
	"github.com/certwright/certwright/cmd/dns01-worker/internal/table"
	"github.com/certwright/certwright/cmd/dns01-worker/internal/wire"
)

// operate does what is asked and says how it went.
func operate(ctx context.Context, request wire.Request) (answer wire.Answer) {
	defer func() {
		// The text of a panic could hold anything.
		if recover() != nil {
			answer = wire.Answer{Class: wire.ClassProvider, Message: "the code of the provider panicked"}
		}
	}()
	state, err := do(ctx, request)
	if err == nil {
		return wire.Answer{OK: true, State: state}
	}
	answer = wire.Answer{Class: wire.ClassProvider, Message: scrub.Text(err.Error(), slices.Sorted(maps.Values(request.Credentials)))}
	var config wire.ConfigError
	switch {
	case errors.As(err, &config):
		answer.Class = wire.ClassConfig
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		answer.Class = wire.ClassTimeout
	}
	return answer
}

func do(ctx context.Context, request wire.Request) (state string, err error) {
	if err := check(request); err != nil {
		return "", wire.ConfigError{Err: err}
	}
	code, err := table.Provider(request)
	if err != nil {
		return "", wire.ConfigError{Err: err}
	}
	if err := table.CheckVariables(code, request); err != nil {
		return "", wire.ConfigError{Err: err}
	}
	if !request.Ambient {
		guardMetadata()
	}
	values := variables(code, request)
	ours, err := own.New(code, values, request.Ambient)
	switch {
	case err != nil:
		return "", err
	case ours == nil:
		return legoProvider{code, values}.do(ctx, request)
	case request.Operation == wire.Present:
		return "", ours.Ensure(ctx, request)
	default:
		return "", ours.Remove(ctx, request)
	}
}

// check refuses what would have lego write something else than the operator
// wants.
func check(request wire.Request) error {
	if request.Operation != wire.Present && request.Operation != wire.CleanUp {
		return fmt.Errorf("operation %q is neither %s nor %s", request.Operation, wire.Present, wire.CleanUp)
	}
	if request.Domain == "" || strings.HasPrefix(request.Domain, "*") {
		return errors.New("domain must be a name without a wildcard")
	}
	for what, name := range map[string]string{"fqdn": request.FQDN, "zone": request.Zone} {
		if !strings.HasSuffix(name, ".") || name == "." {
			return fmt.Errorf("%s %q must end in a dot", what, name)
		}
	}
	if request.FQDN != request.Zone && !strings.HasSuffix(request.FQDN, "."+request.Zone) {
		return fmt.Errorf("fqdn %s is not in zone %s", request.FQDN, request.Zone)
	}
	digest := sha256.Sum256([]byte(request.KeyAuthorization))
	if request.Value != base64.RawURLEncoding.EncodeToString(digest[:]) {
		return errors.New("value is not the digest of the key authorization")
	}
	return nil
}

// variables are all variables of a request, with the TTL among them.
func variables(code string, request wire.Request) map[string]string {
	values := map[string]string{}
	if name := table.TTL(code); name != "" && request.TTL > 0 {
		values[name] = fmt.Sprint(request.TTL)
	}
	maps.Copy(values, request.Config)
	maps.Copy(values, request.Credentials)
	return values
}

// sealKey is what seals a state: it can be used only with the credentials, and
// for the record, with which it came to be.
func sealKey(request wire.Request) []byte {
	// Maps of strings are always JSON, sorted by key.
	text, err := json.Marshal([]any{request.Credentials, request.Provider, request.FQDN, request.Value})
	if err != nil {
		panic(err)
	}
	key := sha256.Sum256(text)
	return key[:]
}
