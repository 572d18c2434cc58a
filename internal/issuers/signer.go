package issuers

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/issuers/venafi"
	"github.com/certwright/certwright/internal/lifecycle"
)

// Signer makes certificates for one kind of issuer.
type Signer interface {
	// Sign asks for the certificate of an approved request, and may be asked
	// again and again until it answers with one.
	Sign(ctx context.Context, in Input) (lifecycle.Outcome, error)

	// Check says whether an issuer can sign, and prepares it for that.
	Check(ctx context.Context, issuer cmv1.GenericIssuer, now time.Time) (lifecycle.IssuerVerdict, error)
}

// Input is one request to sign. Nothing in it may be changed, but for what a
// signer stores in the request itself.
type Input struct {
	Request *cmv1.CertificateRequest
	// Kind is what the request is in the cluster: a CertificateRequest, or a
	// CertificateSigningRequest of Kubernetes that was read as one.
	Kind   schema.GroupVersionKind
	CSR    *x509.CertificateRequest
	Issuer cmv1.GenericIssuer
	Now    time.Time
}

// SecretReader reads Secrets, which must not be changed. A missing one is a
// NotFound error.
type SecretReader interface {
	Get(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error)
}

// Config is what the signers need from outside.
type Config struct {
	Client  client.Client
	Secrets SecretReader
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string
	// Random is the source of serial numbers and signatures.
	Random io.Reader
	// CRLBaseURL is where the revocation lists of CA issuers are served; empty
	// if they are not.
	CRLBaseURL string
	// UserAgent is what ACME CAs are told.
	UserAgent string
	// Observe is told of every HTTP request to an ACME CA; may be nil.
	Observe func(acme.Request)
	// ObserveVenafi is told of every request to a CyberArk Certificate Manager;
	// may be nil.
	ObserveVenafi func(venafi.Call)
	// Clock tells the time to the clients of ACME and Vault.
	Clock func() time.Time
	// AmbientIssuers and AmbientClusterIssuers let Issuers and ClusterIssuers use
	// the operator's own identity in a cloud.
	AmbientIssuers, AmbientClusterIssuers bool
}

// Registry holds the signer of each kind of issuer.
type Registry struct {
	SelfSigned, CA, ACME, Vault, Venafi Signer

	// CARevoker, ACMERevoker and VaultRevoker end what CA, ACME and Vault have
	// signed; see RevokerFor.
	CARevoker, ACMERevoker, VaultRevoker Revoker
}

// New makes the signers, and the ACME accounts that one of them shares with the
// controllers of orders and challenges.
func New(cfg Config) (Registry, *Accounts) {
	accounts := newAccounts(cfg)
	authorities := newCA(cfg)
	vaults := newVault(cfg)
	return Registry{
		SelfSigned: &selfSigned{secrets: cfg.Secrets, random: cfg.Random},
		CA:         authorities,
		ACME:       &acmeSigner{client: cfg.Client, accounts: accounts},
		Venafi:     newVenafi(cfg),
		Vault:      vaults,

		CARevoker:    authorities,
		ACMERevoker:  &acmeRevoker{accounts: accounts},
		VaultRevoker: vaults,
	}, accounts
}

// For returns the signer of an issuer. The error tells the issuer's author what
// is wrong with the spec.
func (r Registry) For(issuer cmv1.GenericIssuer) (Signer, error) {
	switch kind := TypeOf(issuer); kind {
	case TypeSelfSigned:
		return r.SelfSigned, nil
	case TypeCA:
		return r.CA, nil
	case TypeACME:
		return r.ACME, nil
	case TypeVault:
		return r.Vault, nil
	case TypeVenafi:
		return r.Venafi, nil
	case "":
		return nil, fmt.Errorf("the spec must have exactly one of %s, %s, %s, %s, %s", TypeACME, TypeCA, TypeSelfSigned, TypeVault, TypeVenafi)
	default:
		return nil, fmt.Errorf("issuers of type %s are not served", kind)
	}
}

// The types of issuers, named like their fields in the spec.
const (
	TypeACME       = "acme"
	TypeCA         = "ca"
	TypeSelfSigned = lifecycle.TypeSelfSigned
	TypeVault      = "vault"
	TypeVenafi     = "venafi"
)

// TypeOf is the type of an issuer; empty if its spec has none, or several.
func TypeOf(issuer cmv1.GenericIssuer) string {
	spec := issuer.GetSpec()
	found := ""
	for _, t := range []struct {
		name string
		has  bool
	}{
		{TypeACME, spec.ACME != nil},
		{TypeCA, spec.CA != nil},
		{TypeSelfSigned, spec.SelfSigned != nil},
		{TypeVault, spec.Vault != nil},
		{TypeVenafi, spec.Venafi != nil},
	} {
		switch {
		case !t.has:
		case found != "":
			return ""
		default:
			found = t.name
		}
	}
	return found
}

// secretNamespace is where the Secrets of an issuer are.
func secretNamespace(issuer cmv1.GenericIssuer, clusterResourceNamespace string) string {
	if namespace := issuer.GetNamespace(); namespace != "" {
		return namespace
	}
	return clusterResourceNamespace
}

// usagesOf is the usages of a request in the words of pki.
func usagesOf(req *cmv1.CertificateRequest) []string {
	usages := make([]string, len(req.Spec.Usages))
	for i, usage := range req.Spec.Usages {
		usages[i] = string(usage)
	}
	return usages
}

// durationOf is the lifetime that a request asks for.
func durationOf(req *cmv1.CertificateRequest) time.Duration {
	if req.Spec.Duration == nil {
		return cmv1.DefaultCertificateDuration
	}
	return req.Spec.Duration.Duration
}
