// Package lego holds the client's types.
package lego

import (
	"crypto"
	"crypto/x509"
	"errors"
	"net/http"
	"time"

	"github.com/go-acme/lego/v5/acme"
	"github.com/go-acme/lego/v5/certificate"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
	"github.com/go-acme/lego/v5/challenge/http01"
	"github.com/go-acme/lego/v5/challenge/tlsalpn01"
	"github.com/go-acme/lego/v5/registration"
)

// DirectoryURLLetsEncrypt is the default of a setting that is not used here.
const DirectoryURLLetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

var errNoACME = errors.New("this build of Traefik has no ACME client")

// User owns an account.
type User interface {
	GetEmail() string
	GetRegistration() *acme.ExtendedAccount
	GetPrivateKey() crypto.Signer
}

// CertificateConfig is the part of Config about certificates.
type CertificateConfig struct{ Timeout time.Duration }

// Config configures a client.
type Config struct {
	CADirURL    string
	UserAgent   string
	Certificate CertificateConfig
	HTTPClient  *http.Client
}

// Solvers takes the providers of challenges.
type Solvers struct{}

// Client would speak to a CA.
type Client struct {
	Certificate  *certificate.Certifier
	Challenge    *Solvers
	Registration *registration.Registrar
}

// NewConfig returns a configuration.
func NewConfig(User) *Config { return &Config{} }

// NewClient fails.
func NewClient(*Config) (*Client, error) { return nil, errNoACME }

// CreateCertPool fails.
func CreateCertPool([]string, bool) (*x509.CertPool, error) { return nil, errNoACME }

// SetDNS01Provider fails.
func (*Solvers) SetDNS01Provider(challenge.Provider, ...dns01.ChallengeOption) error {
	return errNoACME
}

// SetHTTP01Provider fails.
func (*Solvers) SetHTTP01Provider(challenge.Provider, ...http01.ChallengeOption) error {
	return errNoACME
}

// SetTLSALPN01Provider fails.
func (*Solvers) SetTLSALPN01Provider(challenge.Provider, ...tlsalpn01.ChallengeOption) error {
	return errNoACME
}
