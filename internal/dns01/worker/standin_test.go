package worker

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/dns01"
)

// binary builds the worker, once. With a warm cache it takes some seconds.
var binary = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs("../../../bin/dns01-worker")
	if err != nil {
		return "", err
	}
	// The same flags as in the Makefile, so that the same cache serves.
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Dir, build.Env = "../../../cmd/dns01-worker", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	return path, nil
})

// internet is a proxy behind which servers stand in for those of providers,
// under their names and with certificates that only the workers of a test trust.
type internet struct {
	t     *testing.T
	hosts map[string]http.Handler

	address, roots string
	key            *ecdsa.PrivateKey
	ca             *x509.Certificate
}

func newInternet(t *testing.T, hosts map[string]http.Handler) *internet {
	t.Helper()
	in := &internet{t: t, hosts: hosts}
	var err error
	if in.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der := in.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "stand-ins"}, SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	})
	if in.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	in.roots = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(in.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}

	inner := &pipe{conns: make(chan net.Conn), done: make(chan struct{})}
	site := &http.Server{Handler: http.HandlerFunc(in.serve)}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in.address = listener.Addr().String()
	proxy := &http.Server{Handler: in.proxy(inner)}
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = site.Serve(tls.NewListener(inner, &tls.Config{GetCertificate: in.certificate, MinVersion: tls.VersionTLS12}))
	})
	wg.Go(func() { _ = proxy.Serve(listener) })
	t.Cleanup(func() { _ = proxy.Close(); _ = site.Close(); wg.Wait() })
	return in
}

func (in *internet) sign(template *x509.Certificate) []byte {
	parent := in.ca
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &in.key.PublicKey, in.key)
	if err != nil {
		panic(err)
	}
	return der
}

func (in *internet) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	der := in.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{hello.ServerName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	})
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: in.key}, nil
}

func (in *internet) serve(w http.ResponseWriter, r *http.Request) {
	handler, ok := in.hosts[r.Host]
	if !ok {
		in.t.Errorf("a worker asks %s for %s", r.Host, r.URL)
		http.Error(w, "nobody here", http.StatusBadGateway)
		return
	}
	handler.ServeHTTP(w, r)
}

// proxy hands the connections of CONNECT to the stand-ins.
func (in *internet) proxy(inner *pipe) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			in.t.Errorf("a worker sends %s %s without TLS", r.Method, r.URL)
			return
		}
		w.WriteHeader(http.StatusOK)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			in.t.Error(err)
			return
		}
		select {
		case inner.conns <- &bufferedConn{conn, buffered.Reader}:
		case <-inner.done:
			_ = conn.Close()
		}
	})
}

type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// pipe is a listener of connections that are there already.
type pipe struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error { p.once.Do(func() { close(p.done) }); return nil }

func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

// client is a client whose workers are in that internet, and nowhere else.
func (in *internet) client(environment map[string]string) *Client {
	in.t.Helper()
	path, err := binary()
	if err != nil {
		in.t.Fatal(err)
	}
	c := New(Options{Path: path, Timeout: 30 * time.Second})
	c.lookup = func(name string) (string, bool) {
		switch name {
		case "HTTPS_PROXY", "HTTP_PROXY":
			return "http://" + in.address, true
		case "SSL_CERT_FILE":
			return in.roots, true
		}
		value, ok := environment[name]
		return value, ok
	}
	return c
}

// record is one of the challenges for example.com: wildcard and apex have
// records that differ in nothing but the token.
func record(token string) dns01.Record {
	keyAuthorization := token + ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
	digest := sha256.Sum256([]byte(keyAuthorization))
	return dns01.Record{
		FQDN: "_acme-challenge.example.com.", Zone: "example.com.", Domain: "example.com",
		Value: base64.RawURLEncoding.EncodeToString(digest[:]), KeyAuthorization: keyAuthorization,
	}
}

// twoValues is what every provider has to do right: it adds two values at one
// name, each of them twice, and removes one after the other, where a third value
// of somebody else stays all along. look gives the values that the stand-in has.
func twoValues(t *testing.T, provider func() *Provider, foreign string, look func() []string) {
	t.Helper()
	apex, wildcard := record("apex-token"), record("wildcard-token")
	has := func(step string, want ...string) {
		t.Helper()
		if foreign != "" {
			want = append(want, foreign)
		}
		got := look()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: the record has %q, want %q", step, got, want)
		}
	}
	try := func(step string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	has("at first")
	try("add one", provider().EnsureTXT(t.Context(), apex))
	has("after one is added", apex.Value)
	try("add the other", provider().EnsureTXT(t.Context(), wildcard))
	has("after the other is added", apex.Value, wildcard.Value)
	try("add one again", provider().EnsureTXT(t.Context(), apex))
	has("after one is added again", apex.Value, wildcard.Value)
	try("remove one", provider().RemoveTXT(t.Context(), apex))
	has("after one is removed", wildcard.Value)
	try("remove the other", provider().RemoveTXT(t.Context(), wildcard))
	has("after the other is removed")
}

// settings are settings as a user would give them.
func settings(provider string, config, credentials map[string]string) *Settings {
	return &Settings{Provider: provider, Config: config, Credentials: credentials}
}
