package challenge

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/dns01"
	"github.com/certwright/certwright/internal/dns01/rfc2136"
	"github.com/certwright/certwright/internal/dns01/webhook"
)

// Access is what the solvers of an issuer may use.
type Access struct {
	// Namespace is where what the solver refers to is looked for: the issuer's,
	// or that of the Secrets of ClusterIssuers.
	Namespace string
	// Ambient allows the credentials of the operator's own surroundings.
	Ambient bool

	secrets SecretReader
	tokens  client.SubResourceClientConstructor
}

// missingError is about something that is referred to and does not exist.
type missingError struct{ text string }

func (e *missingError) Error() string { return e.text }

// Secret returns all keys of a Secret. The caller must not change them.
func (a Access) Secret(ctx context.Context, name string) (map[string][]byte, error) {
	secret, err := a.secrets.Get(ctx, types.NamespacedName{Namespace: a.Namespace, Name: name})
	if apierrors.IsNotFound(err) {
		return nil, &missingError{fmt.Sprintf("read credentials: Secret %q does not exist in namespace %q", name, a.Namespace)}
	}
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	return secret.Data, nil
}

// SecretKey returns the content of one key of a Secret.
func (a Access) SecretKey(ctx context.Context, ref cmmeta.SecretKeySelector) (string, error) {
	data, err := a.Secret(ctx, ref.Name)
	if err != nil {
		return "", err
	}
	if len(data[ref.Key]) == 0 {
		return "", &missingError{fmt.Sprintf("read credentials: Secret %q in namespace %q has no key %q", ref.Name, a.Namespace, ref.Key)}
	}
	return string(data[ref.Key]), nil
}

func (d *solveDNS) access(c *acmev1.Challenge) Access {
	if c.Spec.IssuerRef.KindOrDefault() == cmv1.ClusterIssuerKind {
		return Access{Namespace: d.ClusterResourceNamespace, Ambient: d.AmbientClusterIssuers, secrets: d.Secrets, tokens: d.client}
	}
	return Access{Namespace: c.Namespace, Ambient: d.AmbientIssuers, secrets: d.Secrets, tokens: d.client}
}

// provider is provide, outside of tests.
func (d *solveDNS) provider(ctx context.Context, c *acmev1.Challenge) (p dns01.Provider, needsKey bool, err error) {
	solver, access := c.Spec.Solver.DNS01, d.access(c)
	switch {
	case solver.RFC2136 != nil:
		p, err = d.rfc2136(ctx, solver.RFC2136, access)
		return p, false, err
	case solver.Webhook != nil:
		p, err = d.webhook(solver.Webhook, access)
		return p, false, err
	}
	p, err = d.byWorker(ctx, c, access)
	return p, true, err
}

func (d *solveDNS) rfc2136(ctx context.Context, spec *acmev1.ACMEIssuerDNS01ProviderRFC2136, access Access) (dns01.Provider, error) {
	config := rfc2136.Config{
		Nameserver: spec.Nameserver, KeyName: spec.TSIGKeyName, KeyAlgorithm: spec.TSIGAlgorithm,
		TCP: spec.Protocol == acmev1.RFC2136UpdateProtocolTCP, Clock: d.clock,
	}
	if spec.TSIGKeyName != "" {
		secret, err := access.SecretKey(ctx, spec.TSIGSecret)
		if err != nil {
			return nil, err
		}
		config.KeySecret = secret
	}
	return rfc2136.New(config)
}

func (d *solveDNS) webhook(spec *acmev1.ACMEIssuerDNS01ProviderWebhook, access Access) (dns01.Provider, error) {
	config := webhook.Config{
		Client: d.http, Server: d.server, GroupName: spec.GroupName, SolverName: spec.SolverName,
		ResourceNamespace: access.Namespace, AllowAmbient: access.Ambient,
	}
	if spec.Config != nil {
		config.Solver = json.RawMessage(spec.Config.Raw)
	}
	return webhook.New(config)
}
