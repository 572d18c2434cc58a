package stepca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
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

// stepCA is a running step-ca with one ACME provisioner.
type stepCA struct {
	directory string
	http      *http.Client
	root      *x509.Certificate
	web       *web
}

// web answers the validations: HTTP-01 by URL, DNS-01 by name.
type web struct {
	mu      sync.Mutex
	answers map[string]string
}

func (w *web) add(where, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[where] = what
}

func (w *web) get(where string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what, ok := w.answers[where]
	return what, ok
}

// Get implements acme.Client.
func (w *web) Get(url string) (*http.Response, error) {
	body, ok := w.get(url)
	if !ok {
		return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(bytes.NewReader(nil))}, nil
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// LookupTxt implements acme.Client.
func (w *web) LookupTxt(name string) ([]string, error) {
	value, ok := w.get(name)
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{value}, nil
}

// TLSDial implements acme.Client.
func (w *web) TLSDial(string, string, *tls.Config) (*tls.Conn, error) {
	return nil, errors.New("not answered here")
}

// start runs a CA until the test ends.
func start(t *testing.T) *stepCA {
	t.Helper()
	log.SetOutput(io.Discard) // it says what it has loaded
	root, key := newRoot(t)
	intermediate, signer := newIntermediate(t, root, key)
	provisioners, err := newProvisioners()
	if err != nil {
		t.Fatal(err)
	}
	store, err := db.New(&db.Config{Type: "bbolt", DataSource: t.TempDir() + "/db"})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := authority.NewEmbedded(
		authority.WithX509RootCerts(root), authority.WithX509SignerChain([]*x509.Certificate{intermediate}, signer),
		authority.WithDatabase(store), authority.WithConfig(&config.Config{
			DNSNames: []string{"127.0.0.1"}, AuthorityConfig: &config.AuthConfig{Provisioners: provisioners}, DB: &db.Config{}, Address: "127.0.0.1:0",
			SkipValidation: true,
		}),
	)
	if err != nil {
		t.Fatal(err)
	}
	kept, ok := ca.GetDatabase().(nosql.DB)
	if !ok {
		t.Fatal("step-ca has no database")
	}
	orders, err := acmenosql.New(kept)
	if err != nil {
		t.Fatal(err)
	}
	running := &stepCA{root: root, web: &web{answers: map[string]string{}}}
	router := chi.NewRouter()
	router.Use(middleware.GetHead)
	router.Route("/acme", func(r chi.Router) { acmeapi.Route(r) })
	server := httptest.NewUnstartedServer(router)
	server.Config.BaseContext = func(listener net.Listener) context.Context {
		ctx := db.NewContext(authority.NewContext(context.Background(), ca), ca.GetDatabase())
		return acme.NewContext(ctx, orders, running.web, acme.NewLinker(listener.Addr().String(), "acme"), nil)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	running.directory, running.http = server.URL+"/acme/acme/directory", server.Client()
	return running
}

func newProvisioners() (provisioner.List, error) {
	claims := &provisioner.Claims{
		MinTLSDur:     &provisioner.Duration{Duration: time.Minute},
		MaxTLSDur:     &provisioner.Duration{Duration: 90 * 24 * time.Hour},
		DefaultTLSDur: &provisioner.Duration{Duration: 24 * time.Hour},
	}
	return provisioner.List{&provisioner.ACME{Type: "ACME", Name: "acme", Claims: claims}}, nil
}

func newRoot(t *testing.T) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key := newKey(t)
	template := certificateOfACA("step root", 1)
	return sign(t, template, template, key.Public(), key), key
}

func newIntermediate(t *testing.T, root *x509.Certificate, rootKey crypto.Signer) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key := newKey(t)
	return sign(t, certificateOfACA("step intermediate", 2), root, key.Public(), rootKey), key
}

func certificateOfACA(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
