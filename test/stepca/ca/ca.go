// Package ca is step-ca with one ACME provisioner, as an HTTP handler.
package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"path/filepath"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/smallstep/certificates/acme"
	acmeapi "github.com/smallstep/certificates/acme/api"
	acmenosql "github.com/smallstep/certificates/acme/db/nosql"
	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/authority/provisioner"
	"github.com/smallstep/certificates/db"
	"github.com/smallstep/nosql"
)

// Directory is the path of the ACME directory.
const Directory = "/acme/acme/directory"

// CA is step-ca, with keys of its own making.
type CA struct {
	Root      *x509.Certificate
	authority *authority.Authority
	orders    acme.DB
}

// New makes a CA that keeps its database in a folder.
func New(folder string) (*CA, error) {
	root, key, err := newRoot()
	if err != nil {
		return nil, err
	}
	intermediate, signer, err := newIntermediate(root, key)
	if err != nil {
		return nil, err
	}
	store, err := db.New(&db.Config{Type: "bbolt", DataSource: filepath.Join(folder, "db")})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	ca, err := authority.NewEmbedded(
		authority.WithX509RootCerts(root), authority.WithX509SignerChain([]*x509.Certificate{intermediate}, signer),
		authority.WithDatabase(store), authority.WithConfig(&config.Config{
			DNSNames: []string{"127.0.0.1"}, AuthorityConfig: &config.AuthConfig{Provisioners: provisioners()}, DB: &db.Config{}, Address: "127.0.0.1:0",
			SkipValidation: true,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("start step-ca: %w", err)
	}
	kept, ok := ca.GetDatabase().(nosql.DB)
	if !ok {
		return nil, errors.New("start step-ca: it has no database")
	}
	orders, err := acmenosql.New(kept)
	if err != nil {
		return nil, fmt.Errorf("start step-ca: %w", err)
	}
	return &CA{Root: root, authority: ca, orders: orders}, nil
}

// Handler answers at an address (host:port), over TLS. The validator asks the
// outside world when names are proved.
func (c *CA) Handler(address string, validator acme.Client) http.Handler {
	router := chi.NewRouter()
	router.Use(middleware.GetHead)
	router.Route("/acme", func(r chi.Router) { acmeapi.Route(r) })
	linker := acme.NewLinker(address, "acme")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := db.NewContext(authority.NewContext(r.Context(), c.authority), c.authority.GetDatabase())
		router.ServeHTTP(w, r.WithContext(acme.NewContext(ctx, c.orders, validator, linker, nil)))
	})
}

func provisioners() provisioner.List {
	claims := &provisioner.Claims{
		MinTLSDur:     &provisioner.Duration{Duration: time.Minute},
		MaxTLSDur:     &provisioner.Duration{Duration: 90 * 24 * time.Hour},
		DefaultTLSDur: &provisioner.Duration{Duration: 24 * time.Hour},
	}
	return provisioner.List{&provisioner.ACME{Type: "ACME", Name: "acme", Claims: claims}}
}

func newRoot() (*x509.Certificate, crypto.Signer, error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template := certificateOfACA("step root", 1)
	root, err := sign(template, template, key.Public(), key)
	return root, key, err
}

func newIntermediate(root *x509.Certificate, rootKey crypto.Signer) (*x509.Certificate, crypto.Signer, error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	intermediate, err := sign(certificateOfACA("step intermediate", 2), root, key.Public(), rootKey)
	return intermediate, key, err
}

func certificateOfACA(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func newKey() (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of the CA: %w", err)
	}
	return x509.ParseCertificate(der)
}
