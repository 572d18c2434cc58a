package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/certwright/certwright/internal/dns01"
)

const (
	// maxAnswer is what is read of an answer: the request, which comes back, may
	// hold a configuration of any size that an Issuer can have.
	maxAnswer = 3 << 20
	// maxMessage bounds what a solver says to people.
	maxMessage = 600
)

// Config names a solver and what it is told.
type Config struct {
	// Client speaks for the operator to the API server; Server is that one's
	// URL.
	Client *http.Client
	Server *url.URL

	GroupName, SolverName string
	// Solver is the solver's own configuration, any JSON, or nothing.
	Solver json.RawMessage
	// ResourceNamespace is where the solver finds what its configuration
	// refers to.
	ResourceNamespace string
	// AllowAmbient lets the solver use what its pod is allowed to.
	AllowAmbient bool
}

// Provider asks one solver. It implements dns01.Provider.
type Provider struct{ config Config }

// New makes a provider. Errors are about the configuration.
func New(config Config) (*Provider, error) {
	for _, name := range []struct{ field, text string }{{"groupName", config.GroupName}, {"solverName", config.SolverName}} {
		if name.text == "" || strings.ContainsAny(name.text, "/?#%") || name.text == "." || name.text == ".." {
			return nil, fmt.Errorf("read webhook.%s: %q is not a name", name.field, name.text)
		}
	}
	if len(config.Solver) > 0 && !json.Valid(config.Solver) {
		return nil, errors.New("read webhook.config: not JSON")
	}
	return &Provider{config}, nil
}

// EnsureTXT implements dns01.Provider.
func (p *Provider) EnsureTXT(ctx context.Context, record dns01.Record) error {
	if err := p.ask(ctx, present, record); err != nil {
		return fmt.Errorf("add TXT record %q: webhook %s: %w", record.FQDN, p.name(), err)
	}
	return nil
}

// RemoveTXT implements dns01.Provider.
func (p *Provider) RemoveTXT(ctx context.Context, record dns01.Record) error {
	if err := p.ask(ctx, cleanUp, record); err != nil {
		return fmt.Errorf("remove TXT record %q: webhook %s: %w", record.FQDN, p.name(), err)
	}
	return nil
}

// name is the solver as a resource.
func (p *Provider) name() string { return p.config.SolverName + "." + p.config.GroupName }

func (p *Provider) ask(ctx context.Context, what action, record dns01.Record) error {
	question, err := json.Marshal(payload{
		Kind: kind, APIVersion: apiVersion,
		Request: &request{
			Action: what, Type: typeDNS01, DNSName: record.Domain, Key: record.Value,
			ResourceNamespace: p.config.ResourceNamespace, ResolvedFQDN: record.FQDN, ResolvedZone: record.Zone,
			AllowAmbientCredentials: p.config.AllowAmbient, Config: p.config.Solver,
		},
	})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	at := p.config.Server.JoinPath("apis", p.config.GroupName, version, p.config.SolverName)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(question))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	answer, err := p.config.Client.Do(r)
	if err != nil {
		return fmt.Errorf("ask the API server: %s", dns01.Cause(err))
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read answer: %s", dns01.Cause(err))
	}
	if len(body) > maxAnswer {
		return errors.New("read answer: too long")
	}
	return p.judge(answer, body)
}

// judge says what an answer means.
func (p *Provider) judge(answer *http.Response, body []byte) error {
	isJSON := false
	if media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err == nil {
		isJSON = media == "application/json"
	}
	if answer.StatusCode < http.StatusOK || answer.StatusCode >= http.StatusMultipleChoices {
		var refusal status
		if !isJSON || json.Unmarshal(body, &refusal) != nil {
			refusal.Message = strings.TrimSpace(string(body))
		}
		return p.refusal(answer.StatusCode, refusal.Message)
	}
	var done payload
	if err := json.Unmarshal(body, &done); err != nil || done.Response == nil {
		return errors.New("read answer: it holds no response of a solver")
	}
	if done.Response.Success {
		return nil
	}
	if s := done.Response.Status; s != nil && s.Message != "" {
		return errors.New(bounded(s.Message))
	}
	return errors.New("it failed and did not say why")
}

// refusal explains an answer that is not a solver's.
func (p *Provider) refusal(code int, message string) error {
	switch code {
	case http.StatusNotFound:
		return errors.New("the API server knows no such resource: is the webhook installed, and are groupName and solverName those that it has?")
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("the operator may not ask it: its service account needs the verb create on %s in the API group %s", p.config.SolverName, p.config.GroupName)
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return fmt.Errorf("it can not be reached by the API server (%d %s): look at the APIService %s.%s", code, http.StatusText(code), version, p.config.GroupName)
	}
	if message == "" {
		return fmt.Errorf("%d %s", code, http.StatusText(code))
	}
	return fmt.Errorf("%d %s: %s", code, http.StatusText(code), bounded(message))
}

// bounded cuts a text that is too long, and takes out what can not be read.
func bounded(text string) string {
	text = strings.ToValidUTF8(text, "")
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + " ..."
}
