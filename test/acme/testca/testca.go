// Package testca runs Pebble, a small ACME server, inside a test's process: behind a fault proxy, and with the DNS and web servers
// that its validation asks.
package testca

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"

	"github.com/certwright/certwright/test/acme/faultproxy"
)

// Paths of Pebble's resources, for the rules of the fault proxy. Except for the first three, something follows them.
const (
	PathNonce      = "/nonce-plz"
	PathNewAccount = "/sign-me-up"
	PathNewOrder   = "/order-plz"
	PathDirectory  = "/dir"
	PathAccount    = "/my-account/"
	PathOrder      = "/my-order/"
	PathFinalize   = "/finalize-order/"
	PathAuthz      = "/authZ/"
	PathChallenge  = "/chalZ/"
	PathCert       = "/certZ/"
	PathKeyChange  = "/rollover-account-key"
	PathRenewal    = "/draft-ietf-acme-ari-03/renewalInfo/"
)

// Profiles that each CA offers, by the life of their certificates in seconds.
var profiles = map[string]uint64{"classic": 90 * 24 * 3600, "shortlived": 160 * 3600}

// Options tells how the CA is to be.
type Options struct {
	// ExternalAccounts are MAC keys in base64url by their identifiers. If there are any, an account needs one.
	ExternalAccounts map[string]string
	// Blocked are domains the CA refuses.
	Blocked []string
	// RefusedNonces is the percentage of nonces that the CA itself refuses.
	RefusedNonces int
	// DNS is the server, host and port, that validations ask instead of that of Challenges. It is asked over TCP.
	DNS string
}

// CA is a running server.
type CA struct {
	// URL is the server's base, DirectoryURL that of its directory. Both are https.
	URL, DirectoryURL string
	// HTTPClient trusts the server.
	HTTPClient *http.Client
	// Faults makes the server misbehave.
	Faults *faultproxy.Proxy
	// Challenges answers the validations: AddHTTPOneChallenge, AddDNSTXTRecord and so on. It is shared by all the CAs of a
	// process, so use names and tokens of your own. Every name resolves to 127.0.0.1.
	Challenges *challtestsrv.ChallSrv
	// Roots are the CA's roots: of the default chain, then of the alternate one.
	Roots []*x509.Certificate

	log        *serverLog
	options    Options
	management http.Handler
	front      atomic.Pointer[http.Handler]
}

// setEnvironment makes validations and refusals happen at once and by rule. Pebble reads this when it is made.
var setEnvironment = sync.OnceValue(func() error {
	for name, value := range map[string]string{
		"PEBBLE_VA_NOSLEEP": "1", // else a validation starts after up to 5 s
		"PEBBLE_AUTHZREUSE": "0", // else half of the orders come with valid authorizations, as now one in a hundred
	} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
})

// constructing is held while Pebble reads what differs between the CAs of a process.
var constructing sync.Mutex

// Start runs a CA until the test ends.
func Start(t testing.TB, options Options) *CA {
	t.Helper()
	if err := setEnvironment(); err != nil {
		t.Fatal(err)
	}
	answers, err := startChallengeServers()
	if err != nil {
		t.Fatalf("start challenge servers: %v", err)
	}
	running := &CA{options: options, Challenges: answers.server, log: newServerLog()}
	running.begin(t, answers)
	running.Faults = faultproxy.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*running.front.Load()).ServeHTTP(w, r) }))
	server := httptest.NewUnstartedServer(running.Faults)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that the proxy breaks
	server.StartTLS()
	t.Cleanup(server.Close)
	running.URL, running.DirectoryURL, running.HTTPClient = server.URL, server.URL+PathDirectory, server.Client()
	return running
}

// Forget makes the CA one that has lost all that it knew, its own keys included, at the same URL. Call it between
// requests.
func (c *CA) Forget(t testing.TB) {
	t.Helper()
	answers, err := startChallengeServers()
	if err != nil {
		t.Fatalf("start challenge servers: %v", err)
	}
	c.begin(t, answers)
}

// begin puts a new server behind the proxy.
func (c *CA) begin(t testing.TB, answers *challengeServers) {
	t.Helper()
	options, logger := c.options, log.New(c.log, "", 0)
	store := db.NewMemoryStore()
	for id, key := range options.ExternalAccounts {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			t.Fatal(err)
		}
	}
	for _, domain := range options.Blocked {
		if err := store.AddBlockedDomain(domain); err != nil {
			t.Fatal(err)
		}
	}
	offered := map[string]ca.Profile{}
	for name, seconds := range profiles {
		offered[name] = ca.Profile{Description: "https://ca.example/profiles/" + name, ValidityPeriod: seconds}
	}
	authority := ca.New(logger, store, "", "ecdsa", 1, 2, offered)
	dns := answers.dns
	if options.DNS != "" {
		dns = options.DNS
	}
	validator := va.New(logger, answers.httpPort, answers.httpPort, true, dns, store)
	constructing.Lock()
	defer constructing.Unlock()
	if err := os.Setenv("PEBBLE_WFE_NONCEREJECT", strconv.Itoa(options.RefusedNonces)); err != nil {
		t.Fatal(err)
	}
	frontEnd := wfe.New(logger, store, validator, authority, []string{"ca.example"}, true, len(options.ExternalAccounts) > 0, 3, 3)
	front := frontEnd.Handler()
	c.front.Store(&front)
	c.management, c.Roots = frontEnd.ManagementHandler(), nil
	for i := range authority.GetNumberOfRootCerts() {
		root, err := x509.ParseCertificate(authority.GetRootCert(i).DER)
		if err != nil {
			t.Fatal(err)
		}
		c.Roots = append(c.Roots, root)
	}
}

// challengeServers are what validations ask. They live as long as the process.
type challengeServers struct {
	server   *challtestsrv.ChallSrv
	dns      string // host and port
	httpPort int
}

var startChallengeServers = sync.OnceValues(func() (*challengeServers, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	server, err := challtestsrv.New(challtestsrv.Config{Log: log.New(io.Discard, "", 0), DNSAddrs: []string{address}})
	if err != nil {
		return nil, err
	}
	server.SetDefaultDNSIPv6("")
	server.Run()
	if err := reachable(address); err != nil {
		return nil, err
	}
	web := httptest.NewServer(server)
	_, port, err := net.SplitHostPort(web.Listener.Addr().String())
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	return &challengeServers{server: server, dns: address, httpPort: number}, err
})

// freeAddress finds a port that nobody listens on. The DNS server opens its socket itself.
func freeAddress() (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// reachable waits until something accepts connections.
func reachable(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reach %s: %w", address, err)
		case <-again.C:
		}
	}
}
