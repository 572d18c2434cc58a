package acme

import (
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Config is what a Client is made of.
type Config struct {
	// DirectoryURL is where the server's directory is. Required.
	DirectoryURL string
	// HTTPClient sends the requests; see NewHTTPClient. Required. Its redirect policy is replaced: a signed request is never
	// sent to another place than the one it was signed for.
	HTTPClient *http.Client
	// Key is the account key; see ParseAccountKey. Required for everything but Directory and RenewalInfo.
	Key crypto.Signer
	// AccountURL identifies the account in requests, as NewAccount returned it. Required for everything but Directory,
	// RenewalInfo and NewAccount.
	AccountURL string
	// UserAgent is sent with every request (RFC 8555 6.1 demands one). "certwright" if empty.
	UserAgent string
	// Nonces is shared among the clients of one directory. A pool of its own if nil.
	Nonces *NoncePool
	// Directory is shared among the clients of one directory that trust it alike: who may poison this cache may redirect all
	// of them. A cache of its own if nil.
	Directory *DirectoryCache
	// Observe is told of every HTTP request after it ended. Nothing is told if nil.
	Observe func(Request)
	// Clock tells the time. time.Now if nil.
	Clock func() time.Time
}

// Client speaks to one ACME server for one account. It is safe for concurrent use, and immutable but for KeyChange.
type Client struct {
	directoryURL string
	http         *http.Client
	account      *accountKey
	accountURL   string
	userAgent    string
	nonces       *NoncePool
	directory    *DirectoryCache
	observe      func(Request)
	lost         func()
	clock        func() time.Time
}

var (
	errNoKey     = errors.New("client has no account key")
	errNoAccount = errors.New("client has no account URL")
)

// New makes a Client. It sends nothing.
func New(config Config) (*Client, error) {
	if err := checkURL(config.DirectoryURL); err != nil {
		return nil, fmt.Errorf("check directory URL: %w", err)
	}
	if config.HTTPClient == nil {
		return nil, errors.New("make ACME client: no HTTP client")
	}
	c := &Client{
		directoryURL: config.DirectoryURL,
		http:         withRedirectPolicy(config.HTTPClient),
		account:      new(accountKey),
		accountURL:   config.AccountURL,
		userAgent:    config.UserAgent,
		nonces:       config.Nonces,
		directory:    config.Directory,
		observe:      config.Observe,
		clock:        config.Clock,
	}
	if config.Key != nil {
		if err := c.account.set(config.Key); err != nil {
			return nil, fmt.Errorf("check account key: %w", err)
		}
	}
	if config.AccountURL != "" {
		if err := checkURL(config.AccountURL); err != nil {
			return nil, fmt.Errorf("check account URL: %w", err)
		}
	}
	if c.userAgent == "" {
		c.userAgent = "certwright"
	}
	if c.nonces == nil {
		c.nonces = new(NoncePool)
	}
	if c.directory == nil {
		c.directory = new(DirectoryCache)
	}
	c.lost = func() {}
	if c.observe == nil {
		c.observe = func(Request) {}
	}
	if c.clock == nil {
		c.clock = time.Now //nolint:forbidigo // the default of the injected clock
	}
	return c, nil
}

// WithAccount returns a client that acts for the given account URL and shares everything else.
func (c *Client) WithAccount(accountURL string) *Client {
	bound := *c
	bound.accountURL = accountURL
	return &bound
}

// WithLost returns a client that calls a function when the server says that it does not know the account, as a CA does that was set
// up anew, and shares everything else. The function must not block.
func (c *Client) WithLost(lost func()) *Client {
	told := *c
	told.lost = lost
	return &told
}

// AccountURL is the account the client acts for; empty before one is known.
func (c *Client) AccountURL() string { return c.accountURL }

// KeyAuthorization is KeyAuthorization for the client's account key.
func (c *Client) KeyAuthorization(token string) (string, error) {
	key := c.account.signer()
	if key == nil {
		return "", errNoKey
	}
	return KeyAuthorization(token, key.Public())
}

// accountKey is the key that requests are signed with. A change of it waits for the requests that are under way, and those that
// come meanwhile wait for it, so that none is signed by a key that the server knows no more when it arrives.
type accountKey struct {
	mu        sync.RWMutex
	key       crypto.Signer // nil if there is none
	algorithm jose.SignatureAlgorithm
}

func (a *accountKey) signer() crypto.Signer {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.key
}

// set needs the lock, unless nobody else has the client yet.
func (a *accountKey) set(key crypto.Signer) error {
	algorithm, err := signatureAlgorithm(key.Public())
	if err != nil {
		return err
	}
	a.key, a.algorithm = key, algorithm
	return nil
}
