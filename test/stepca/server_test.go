package stepca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/certwright/certwright/test/stepca/ca"
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
	authority, err := ca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	running := &stepCA{root: authority.Root, web: &web{answers: map[string]string{}}}
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = authority.Handler(server.Listener.Addr().String(), running.web)
	server.StartTLS()
	t.Cleanup(server.Close)
	running.directory, running.http = server.URL+ca.Directory, server.Client()
	return running
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
