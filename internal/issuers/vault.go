package issuers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers/vault"
	"github.com/certwright/certwright/internal/issuers/vault/awsiam"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// vaultIssuers signs by the PKI secrets engine of Vault servers (contract 2.7).
type vaultIssuers struct {
	client    client.Client
	secrets   SecretReader
	namespace string // of the Secrets and service accounts of ClusterIssuers
	userAgent string
	clock     func() time.Time

	ambientIssuers, ambientClusterIssuers bool
	aws                                   awsiam.Ambient
	stsEndpoint                           string // instead of that of the region

	mu       sync.Mutex
	sessions map[string]*vaultSession // by kind, namespace and name of the issuer
}

func newVault(cfg Config) *vaultIssuers {
	return &vaultIssuers{
		client: cfg.Client, secrets: cfg.Secrets, namespace: cfg.ClusterResourceNamespace, userAgent: cfg.UserAgent, clock: cfg.Clock,
		ambientIssuers: cfg.AmbientIssuers, ambientClusterIssuers: cfg.AmbientClusterIssuers,
		aws:      awsiam.Ambient{Client: awsiam.NewHTTPClient(), Getenv: os.Getenv, Read: os.ReadFile, Metadata: awsiam.MetadataURL},
		sessions: map[string]*vaultSession{},
	}
}

const (
	vaultVerifiedMessage = "Vault is there and takes the credentials"

	// vaultRetried ends what a request says while its issuer's server is in
	// trouble. It names no time, which would be another for each attempt.
	vaultRetried = "; tried again by itself, at the latest in five minutes"

	// vaultLeastWake is the least time between two looks at an issuer because of
	// its token. One that lives shorter is replaced when it is needed.
	vaultLeastWake = time.Minute
)

// Check implements Signer: it logs in, or renews the token, and asks whether the
// server is up.
func (v *vaultIssuers) Check(ctx context.Context, issuer cmv1.GenericIssuer, now time.Time) (lifecycle.IssuerVerdict, error) {
	s, err := v.session(ctx, issuer)
	if err != nil {
		return vaultVerdict(ctx, err, now)
	}
	if _, err := s.authenticate(ctx, true); err != nil {
		return vaultVerdict(ctx, err, now)
	}
	if err := s.client.Health(ctx); err != nil {
		s.failed(err)
		return vaultVerdict(ctx, err, now)
	}
	s.succeeded()
	verdict := lifecycle.IssuerVerdict{Ready: true, Reason: cmv1.IssuerReasonVaultVerified, Message: vaultVerifiedMessage}
	due, over := s.future()
	switch {
	case !due.IsZero():
		verdict.Wake = later(due, now.Add(vaultLeastWake))
	case !over.IsZero():
		verdict.Message += "; the token runs out at " + over.UTC().Truncate(time.Minute).Format(time.RFC3339) + " and can not be renewed"
		verdict.Wake = later(over, now.Add(vaultLeastWake))
	}
	return verdict, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// vaultVerdict says what is wrong. What mending of is not noticed is tried again
// with growing pauses, such as a role that does not exist.
func vaultVerdict(ctx context.Context, err error, now time.Time) (lifecycle.IssuerVerdict, error) {
	if ctx.Err() != nil || isOfAPI(err) {
		return lifecycle.IssuerVerdict{}, err
	}
	verdict := lifecycle.IssuerVerdict{Reason: cmv1.IssuerReasonVaultError, Message: err.Error()}
	if trouble, ok := errors.AsType[*vaultSetupError](err); ok && trouble.watched {
		return verdict, nil
	}
	verdict.Fault = &lifecycle.Fault{Kind: lifecycle.Retry, Message: err.Error()}
	if pause := vault.RetryAfter(err); pause > 0 {
		verdict.Fault.Kind, verdict.Fault.Until = lifecycle.Wait, now.Add(pause)
	}
	return verdict, nil
}

// isOfAPI says whether an error is of the API server, or of the machine.
func isOfAPI(err error) bool {
	_, own := errors.AsType[*apiError](err)
	return own
}

// Sign implements Signer.
func (v *vaultIssuers) Sign(ctx context.Context, in Input) (lifecycle.Outcome, error) {
	s, err := v.session(ctx, in.Issuer)
	if err != nil {
		return v.unable(ctx, nil, err, in.Now)
	}
	request := vault.SignRequest{
		CommonName: in.CSR.Subject.CommonName,
		DNSNames:   in.CSR.DNSNames,
		IPs:        ipTexts(in.CSR),
		TTL:        durationOf(in.Request),
		CSR:        in.Request.Spec.Request,
	}
	for _, uri := range in.CSR.URIs {
		request.URIs = append(request.URIs, uri.String())
	}
	var issued vault.Issued
	err = s.do(ctx, func(token string) (err error) {
		issued, err = s.client.Sign(ctx, token, in.Issuer.GetSpec().Vault.Path, request)
		return err
	})
	refusal := (*vaultRefusedError)(nil)
	switch {
	case errors.As(err, &refusal):
		return signingError(refusal.err), nil
	case err != nil:
		return v.unable(ctx, s, err, in.Now)
	}
	outcome, err := vaultOutcome(issued, in)
	if err != nil {
		return signingError(fmt.Errorf("sign certificate: the answer of Vault is of no use: %w", err)), nil
	}
	return outcome, nil
}

// vaultRefusedError is the answer to what was asked for: asking again is pointless.
type vaultRefusedError struct{ err error }

func (r *vaultRefusedError) Error() string { return r.err.Error() }
func (r *vaultRefusedError) Unwrap() error { return r.err }

// do makes a request with a token. If Vault forbids it, it may be the token that
// is not taken any more: then once more with another. The error is a
// *vaultRefusedError, or something that keeps Vault from being asked.
func (s *vaultSession) do(ctx context.Context, request func(token string) error) error {
	token, err := s.authenticate(ctx, false)
	if err != nil {
		return err
	}
	err = request(token)
	if vault.IsForbidden(err) && s.doubt(token) {
		if token, err = s.authenticate(ctx, false); err != nil {
			return err
		}
		err = request(token)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case vault.IsPassing(err):
		s.failed(err)
		return err
	}
	s.succeeded()
	if err != nil {
		return &vaultRefusedError{err}
	}
	return nil
}

// unable is the outcome when Vault can not be asked: the request waits, and says
// for what.
func (v *vaultIssuers) unable(ctx context.Context, s *vaultSession, err error, now time.Time) (lifecycle.Outcome, error) {
	if ctx.Err() != nil || isOfAPI(err) {
		return nil, err
	}
	pending := lifecycle.OutcomePending{Reason: cmv1.IssuerReasonVaultError, Message: err.Error(), Wake: now.Add(secretRecheck)}
	if trouble, ok := errors.AsType[*vaultSetupError](err); ok {
		pending.Reason = trouble.reason
	}
	if s != nil {
		pending.Message += vaultRetried
		pending.Wake = later(s.pausedUntil(), now.Add(time.Second))
	}
	return pending, nil
}

// vaultOutcome takes a certificate and its chain out of an answer.
func vaultOutcome(issued vault.Issued, in Input) (lifecycle.Outcome, error) {
	all := append([]string{issued.Certificate, issued.IssuingCA}, issued.CAChain...)
	certs, err := pki.DecodeCertificates([]byte(strings.Join(all, "\n")))
	if err != nil {
		return nil, err
	}
	bundle, err := pki.BuildBundle(certs)
	if err != nil {
		return nil, err
	}
	if err := pki.CheckIssued(bundle.Chain[0], in.CSR, in.Now); err != nil {
		return nil, err
	}
	outcome := lifecycle.OutcomeIssued{Chain: pki.EncodeCertificates(bundle.Chain...)}
	if !bundle.CA.Equal(bundle.Chain[0]) {
		outcome.CA = pki.EncodeCertificates(bundle.CA)
	}
	return outcome, nil
}
