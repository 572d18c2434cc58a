package issuers

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/issuers/venafi"
)

// Keys of the Secrets of Venafi issuers (contract 1.5).
const (
	venafiUsername     = "username"
	venafiPassword     = "password"
	venafiAccessToken  = "access-token"
	venafiClientID     = "client-id"
	venafiClientSecret = "client-secret"
)

// venafiServers makes the clients of Venafi issuers and keeps them, with their
// tokens, for as long as neither an issuer nor one of its Secrets changes.
type venafiServers struct {
	secrets   SecretReader
	namespace string
	userAgent string
	observe   func(venafi.Call)
	clock     func() time.Time
	// transport makes what carries the requests, for a CA bundle.
	transport func(bundle []byte) (http.RoundTripper, error)

	mu   sync.Mutex
	kept map[types.UID]*venafiServer
}

func newVenafi(cfg Config) *venafiSigner {
	return &venafiSigner{client: cfg.Client, servers: &venafiServers{
		secrets: cfg.Secrets, namespace: cfg.ClusterResourceNamespace, userAgent: cfg.UserAgent, observe: cfg.ObserveVenafi, clock: cfg.Clock,
		transport: func(bundle []byte) (http.RoundTripper, error) { return venafi.NewTransport(bundle) },
		kept:      map[types.UID]*venafiServer{},
	}}
}

// venafiServer is the client of one issuer, and what came of its last check.
type venafiServer struct {
	venafi.Server

	version string // of everything that it is made of
	idle    func() // closes its connections

	mu    sync.Mutex
	err   error // of the last check
	until time.Time

	// refusal is why nothing is asked of the server before an instant: it wants
	// fewer requests, whichever they are of.
	refusal *venafi.Error
	again   time.Time
}

// pause is when the server has said how long it wants to be left alone.
func (s *venafiServer) pause(refusal *venafi.Error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal, s.again = refusal, now.Add(refusal.RetryAfter)
}

// paused says why and until when the server is left alone; nil if it is not.
func (s *venafiServer) paused(now time.Time) (*venafi.Error, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == nil || !now.Before(s.again) {
		return nil, time.Time{}
	}
	return s.refusal, s.again
}

// verify checks the credentials and the zone, unless that has been done lately.
// What is neither yes nor no is asked again each time.
func (s *venafiServer) verify(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.until) {
		return s.err
	}
	s.err, s.until = s.Verify(ctx), time.Time{}
	switch {
	case s.err == nil:
		s.until = now.Add(venafiVerifyAgain)
	case venafi.IsKind(s.err, venafi.Unauthorized):
		s.until = now.Add(venafiRefusedAgain)
	}
	return s.err
}

// verifiedUntil is when what verify said is to be asked again.
func (s *venafiServer) verifiedUntil() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.until
}

// venafiConfigError says what is wrong with an issuer or with its Secrets, and
// stays wrong until one of them changes.
type venafiConfigError struct {
	reason, text string
	missing      bool // there is no such Secret
}

// Error implements error.
func (e *venafiConfigError) Error() string { return e.text }

// of gives the client of an issuer. Errors are *venafiConfigError, or of the API
// server.
func (s *venafiServers) of(ctx context.Context, issuer cmv1.GenericIssuer) (*venafiServer, error) {
	m := &venafiMaterial{servers: s, issuer: issuer, version: []string{strconv.FormatInt(issuer.GetGeneration(), 10)}}
	makeServer, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	version := strings.Join(m.version, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.kept[issuer.GetUID()]; kept != nil && kept.version == version {
		return kept, nil
	}
	made, err := s.make(m, makeServer)
	if err != nil {
		return nil, err
	}
	made.version = version
	if before := s.kept[issuer.GetUID()]; before != nil {
		before.idle()
	} else if len(s.kept) >= maxKept {
		for _, other := range s.kept {
			other.idle()
		}
		clear(s.kept) // rare, and each is made again when it is needed
	}
	s.kept[issuer.GetUID()] = made
	return made, nil
}

func (s *venafiServers) make(m *venafiMaterial, makeServer func(venafi.Options) (venafi.Server, error)) (*venafiServer, error) {
	transport, err := s.transport(m.bundle)
	if err != nil {
		return nil, m.useless(cmv1.IssuerReasonErrorSetup, fmt.Sprintf("%s: %v", m.bundleFrom, err))
	}
	server, err := makeServer(venafi.Options{
		Zone: m.issuer.GetSpec().Venafi.Zone, UserAgent: s.userAgent, Transport: transport, Observe: s.observe, Clock: s.clock,
	})
	if err != nil {
		return nil, m.useless(cmv1.IssuerReasonErrorSetup, "venafi: "+err.Error())
	}
	return &venafiServer{Server: server, idle: (&http.Client{Transport: transport}).CloseIdleConnections}, nil
}

// venafiMaterial is what a client is made of, as it is read.
type venafiMaterial struct {
	servers *venafiServers
	issuer  cmv1.GenericIssuer
	version []string

	bundle     []byte
	bundleFrom string // where it is from, for people
}

// read reads the Secrets, and gives what makes a client of them.
func (m *venafiMaterial) read(ctx context.Context) (func(venafi.Options) (venafi.Server, error), error) {
	spec := m.issuer.GetSpec().Venafi
	switch {
	case spec == nil:
		return nil, fmt.Errorf("%s is not a Venafi issuer", nameOf(m.issuer))
	case spec.TPP != nil:
		return m.readTPP(ctx, spec.TPP)
	case spec.Cloud != nil:
		return m.readCloud(ctx, spec.Cloud)
	case spec.NGTS != nil:
		return m.readNGTS(ctx, spec.NGTS)
	}
	return nil, m.useless(cmv1.IssuerReasonInvalidConfig, "venafi: set exactly one of tpp, cloud and ngts")
}

func (m *venafiMaterial) readTPP(ctx context.Context, spec *cmv1.VenafiTPP) (func(venafi.Options) (venafi.Server, error), error) {
	secret, err := m.secret(ctx, spec.CredentialsRef.Name)
	if err != nil {
		return nil, err
	}
	access := venafi.TPP{
		URL: spec.URL, AccessToken: text(secret, venafiAccessToken), ClientID: text(secret, venafiClientID),
		Username: text(secret, venafiUsername), Password: string(secret.Data[venafiPassword]),
	}
	if access.AccessToken == "" && (access.Username == "" || access.Password == "") {
		return nil, m.useless(cmv1.IssuerReasonAuthFailed, fmt.Sprintf("Secret %q in namespace %q has neither %s nor %s and %s", secret.Name, secret.Namespace, venafiAccessToken, venafiUsername, venafiPassword))
	}
	m.bundle, m.bundleFrom = spec.CABundle, "tpp.caBundle"
	if ref := spec.CABundleSecretRef; ref != nil && len(spec.CABundle) == 0 {
		if m.bundle, err = m.key(ctx, *ref, caCert); err != nil {
			return nil, err
		}
		m.bundleFrom = fmt.Sprintf("Secret %q", ref.Name)
	}
	return func(o venafi.Options) (venafi.Server, error) { return venafi.NewTPP(access, o) }, nil
}

func (m *venafiMaterial) readCloud(ctx context.Context, spec *cmv1.VenafiCloud) (func(venafi.Options) (venafi.Server, error), error) {
	value, err := m.key(ctx, spec.APITokenSecretRef, cmv1.DefaultVenafiCloudAPITokenSecretKey)
	if err != nil {
		return nil, err
	}
	access := venafi.Cloud{URL: spec.URL, APIKey: strings.TrimSpace(string(value))}
	return func(o venafi.Options) (venafi.Server, error) { return venafi.NewCloud(access, o) }, nil
}

func (m *venafiMaterial) readNGTS(ctx context.Context, spec *cmv1.VenafiNGTS) (func(venafi.Options) (venafi.Server, error), error) {
	secret, err := m.secret(ctx, spec.CredentialsRef.Name)
	if err != nil {
		return nil, err
	}
	access := venafi.NGTS{
		URL: spec.URL, TokenEndpoint: spec.TokenEndpoint, TSGID: spec.TSGID,
		ClientID: text(secret, venafiClientID), ClientSecret: text(secret, venafiClientSecret),
	}
	if access.ClientID == "" || access.ClientSecret == "" {
		return nil, m.useless(cmv1.IssuerReasonAuthFailed, fmt.Sprintf("Secret %q in namespace %q must have %s and %s", secret.Name, secret.Namespace, venafiClientID, venafiClientSecret))
	}
	return func(o venafi.Options) (venafi.Server, error) { return venafi.NewNGTS(access, o) }, nil
}

// text is a value of a Secret without the line end that editors leave behind.
func text(secret *corev1.Secret, key string) string {
	return strings.TrimSpace(string(secret.Data[key]))
}

// secret reads a Secret of the issuer.
func (m *venafiMaterial) secret(ctx context.Context, name string) (*corev1.Secret, error) {
	key := types.NamespacedName{Namespace: secretNamespace(m.issuer, m.servers.namespace), Name: name}
	secret, err := m.servers.secrets.Get(ctx, key)
	if apierrors.IsNotFound(err) {
		useless := m.useless(cmv1.IssuerReasonErrorSetup, missingSecret(key))
		useless.missing = true
		return nil, useless
	}
	if err != nil {
		return nil, fmt.Errorf("read secret of venafi issuer: %w", err)
	}
	m.version = append(m.version, string(secret.UID), secret.ResourceVersion)
	return secret, nil
}

// key reads one value of a Secret.
func (m *venafiMaterial) key(ctx context.Context, ref cmmeta.SecretKeySelector, otherwise string) ([]byte, error) {
	secret, err := m.secret(ctx, ref.Name)
	if err != nil {
		return nil, err
	}
	name := cmp.Or(ref.Key, otherwise)
	if len(secret.Data[name]) == 0 {
		return nil, m.useless(cmv1.IssuerReasonErrorSetup, fmt.Sprintf("Secret %q in namespace %q has no %s", secret.Name, secret.Namespace, name))
	}
	return secret.Data[name], nil
}

func (*venafiMaterial) useless(reason, text string) *venafiConfigError {
	return &venafiConfigError{reason: reason, text: text}
}
