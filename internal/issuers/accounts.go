package issuers

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/acme"
)

// Accounts knows the ACME accounts of issuers, and how to speak for them. What
// it keeps can be lost at any time; it only saves work.
type Accounts struct {
	client    client.Client
	secrets   SecretReader
	namespace string
	userAgent string
	observe   func(acme.Request)
	clock     func() time.Time

	mu      sync.Mutex
	keys    map[keyPlace]*accountKey
	clients map[string]*accountClient // by kind, namespace and name of the issuer
	servers map[serverID]*server
	// unused are the new keys of rollovers of which it is certain that no CA
	// has been told, as their hashes, by the place of the old key.
	unused map[keyPlace]string
	// lost are the accounts that a CA does not know any more, by the issuer.
	lost map[types.UID]string
	// checks asks for a check of an issuer, by its kind.
	checks map[string]chan event.GenericEvent
}

func newAccounts(cfg Config) *Accounts {
	return &Accounts{
		client:    cfg.Client,
		secrets:   cfg.Secrets,
		namespace: cfg.ClusterResourceNamespace,
		userAgent: cfg.UserAgent,
		observe:   cfg.Observe,
		clock:     cfg.Clock,
		keys:      map[keyPlace]*accountKey{},
		clients:   map[string]*accountClient{},
		servers:   map[serverID]*server{},
		unused:    map[keyPlace]string{},
		lost:      map[types.UID]string{},
		checks: map[string]chan event.GenericEvent{
			cmv1.IssuerKind:        make(chan event.GenericEvent, maxChecks),
			cmv1.ClusterIssuerKind: make(chan event.GenericEvent, maxChecks),
		},
	}
}

// maxChecks bounds the issuers whose check is asked for and has not begun. What
// is more is asked for again by the next request that fails.
const maxChecks = 256

// Lost are the issuers of a kind whose account the CA does not know any more,
// each for a check, which registers it anew.
func (a *Accounts) Lost(kind string) <-chan event.GenericEvent { return a.checks[kind] }

// isLost says whether the CA does not know the account of an issuer any more.
func (a *Accounts) isLost(issuer cmv1.GenericIssuer, uri string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return uri != "" && a.lost[issuer.GetUID()] == uri
}

func (a *Accounts) setLost(issuer cmv1.GenericIssuer, uri string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if uri == "" {
		delete(a.lost, issuer.GetUID())
		return
	}
	if len(a.lost) >= maxKept {
		clear(a.lost)
	}
	a.lost[issuer.GetUID()] = uri
}

// doubt has an issuer checked because the CA does not know its account.
func (a *Accounts) doubt(issuer cmv1.GenericIssuer, uri string) {
	if a.isLost(issuer, uri) {
		return // it is being checked
	}
	object, ok := issuer.(client.Object)
	if !ok {
		return
	}
	a.setLost(issuer, uri)
	select {
	case a.checks[cmKind(issuer)] <- event.GenericEvent{Object: object}:
	default:
		a.setLost(issuer, "")
	}
}

// maxKept bounds the keys that are kept parsed, and the clients.
const maxKept = 1024

// accountClient is the client for the account of one issuer.
type accountClient struct {
	version string // of everything that it is made of
	server  serverID
	client  *acme.Client
}

// serverID tells apart what must not share connections, nonces or the
// directory: other URLs, and the same one trusted in another way.
type serverID struct {
	url      string
	bundle   [sha256.Size]byte
	insecure bool
}

// server is what the accounts at one ACME server share.
type server struct {
	http      *http.Client
	nonces    *acme.NoncePool
	directory *acme.DirectoryCache
}

// Client returns the client for the account of an issuer, which the CA knows
// already. If it does not know it, the error says so: the issuer controller
// registers accounts.
func (a *Accounts) Client(ctx context.Context, issuer cmv1.GenericIssuer) (*acme.Client, error) {
	spec := issuer.GetSpec().ACME
	if spec == nil {
		return nil, fmt.Errorf("%s is not an ACME issuer", nameOf(issuer))
	}
	place := a.placeOf(issuer)
	key, err := a.key(ctx, place)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("the account key of %s does not exist", nameOf(issuer))
	}
	if err != nil {
		return nil, err
	}
	if a.isUnsettled(place, key) {
		return nil, fmt.Errorf("the account key of %s is being replaced", nameOf(issuer))
	}
	status := issuer.GetStatus().ACME
	if status == nil || status.URI == "" {
		return nil, fmt.Errorf("the ACME account of %s is not registered yet", nameOf(issuer))
	}
	id, version := clientOf(issuer, status.URI, key.hash)
	a.mu.Lock()
	kept := a.clients[id]
	a.mu.Unlock()
	if kept != nil && kept.version == version {
		return kept.client, nil
	}
	if status.LastPrivateKeyHash != key.hash {
		return nil, fmt.Errorf("the ACME account of %s is not registered yet", nameOf(issuer))
	}
	made, on, err := a.connect(spec, key.signer)
	if err != nil {
		return nil, err
	}
	uri := status.URI
	made = made.WithAccount(uri).WithLost(func() { a.doubt(issuer, uri) })
	a.keep(id, &accountClient{version: version, server: on, client: made})
	return made, nil
}

// Asked is what annotations ask of an issuer's account: a change of it is a
// reason to check the issuer, as a change of its spec is.
func Asked(issuer cmv1.GenericIssuer) string {
	annotations := issuer.GetAnnotations()
	return fmt.Sprintf("%q", []string{
		annotations[cmv1.AccountKeyAlgorithmAnnotation], annotations[cmv1.RolloverAccountKeyAnnotation], annotations[cmv1.DeactivateAccountAnnotation],
	})
}

// clientOf names the client of an issuer's account, and a version of it.
func clientOf(issuer cmv1.GenericIssuer, uri, keyHash string) (id, version string) {
	id = strings.Join([]string{cmKind(issuer), issuer.GetNamespace(), issuer.GetName()}, "/")
	return id, fmt.Sprintf("%s %d %s %s", issuer.GetUID(), issuer.GetGeneration(), uri, keyHash)
}

func (a *Accounts) keep(id string, made *accountClient) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.clients) >= maxKept {
		clear(a.clients)
	}
	a.clients[id] = made
	a.dropServers()
}

// connect makes a client without an account.
func (a *Accounts) connect(spec *acmev1.ACMEIssuer, key crypto.Signer) (*acme.Client, serverID, error) {
	id := serverID{url: spec.Server, bundle: sha256.Sum256(spec.CABundle), insecure: spec.SkipTLSVerify}
	a.mu.Lock()
	s := a.servers[id]
	a.mu.Unlock()
	if s == nil {
		h, err := acme.NewHTTPClient(acme.HTTPOptions{CABundle: spec.CABundle, SkipTLSVerify: spec.SkipTLSVerify})
		if err != nil {
			return nil, id, err
		}
		s = &server{http: h, nonces: new(acme.NoncePool), directory: new(acme.DirectoryCache)}
		a.mu.Lock()
		a.servers[id] = s
		a.mu.Unlock()
	}
	c, err := acme.New(acme.Config{
		DirectoryURL: spec.Server,
		HTTPClient:   s.http,
		Key:          key,
		UserAgent:    a.userAgent,
		Nonces:       s.nonces,
		Directory:    s.directory,
		Observe:      a.observe,
		Clock:        a.clock,
	})
	return c, id, err
}

// dropServers forgets the servers of no client, once they are more than a few:
// one that is being registered with has no client yet.
func (a *Accounts) dropServers() {
	if len(a.servers) < 2*len(a.clients)+16 {
		return
	}
	used := map[serverID]bool{}
	for _, c := range a.clients {
		used[c.server] = true
	}
	for id, s := range a.servers {
		if !used[id] {
			s.http.CloseIdleConnections()
			delete(a.servers, id)
		}
	}
}

// keyPlace is where an account key is.
type keyPlace struct {
	types.NamespacedName
	key string
}

// accountKey is an account key, parsed once for each version of its Secret.
type accountKey struct {
	version string
	signer  crypto.Signer
	hash    string // as it stands in status.acme.lastPrivateKeyHash

	pending     crypto.Signer // that is to replace it; nil if there is none
	pendingHash string
	rolledOver  string // the last request to replace it that was dealt with
}

// keyError is about the content of the Secret with an account key.
type keyError struct{ text string }

func (e *keyError) Error() string { return e.text }

func (a *Accounts) placeOf(issuer cmv1.GenericIssuer) keyPlace {
	ref := issuer.GetSpec().ACME.PrivateKey
	place := keyPlace{NamespacedName: types.NamespacedName{Namespace: secretNamespace(issuer, a.namespace), Name: ref.Name}, key: ref.Key}
	if place.key == "" {
		place.key = acmev1.DefaultAccountPrivateKeySecretKey
	}
	return place
}

// key reads an account key. A missing Secret is a NotFound error, a useless one
// a *keyError.
func (a *Accounts) key(ctx context.Context, place keyPlace) (*accountKey, error) {
	secret, err := a.secrets.Get(ctx, place.NamespacedName)
	if err != nil {
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("read account key: %w", err)
		}
		return nil, err
	}
	version := string(secret.UID) + "/" + secret.ResourceVersion
	a.mu.Lock()
	kept := a.keys[place]
	a.mu.Unlock()
	if kept != nil && kept.version == version {
		return kept, nil
	}
	text := secret.Data[place.key]
	if len(text) == 0 {
		return nil, &keyError{fmt.Sprintf("Secret %q in namespace %q has no %s", place.Name, place.Namespace, place.key)}
	}
	signer, err := acme.ParseAccountKey(text)
	if err != nil {
		return nil, &keyError{fmt.Sprintf("Secret %q in namespace %q: %v", place.Name, place.Namespace, err)}
	}
	hash, err := keyHash(signer)
	if err != nil {
		return nil, err
	}
	key := &accountKey{version: version, signer: signer, hash: hash, rolledOver: secret.Annotations[cmv1.AccountKeyRolloverDoneAnnotation]}
	if err := key.readPending(secret.Data[place.pending()]); err != nil {
		return nil, &keyError{fmt.Sprintf("Secret %q in namespace %q: %s: %v", place.Name, place.Namespace, place.pending(), err)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.keys) >= maxKept {
		clear(a.keys)
	}
	a.keys[place] = key
	return key, nil
}

// keyHash recognises a key. For RSA it is the hash that installations have in
// their status today, so that a change of operator registers nothing anew.
func keyHash(signer crypto.Signer) (string, error) {
	var der []byte
	if key, ok := signer.(*rsa.PrivateKey); ok {
		der = x509.MarshalPKCS1PrivateKey(key)
	} else {
		var err error
		if der, err = x509.MarshalPKCS8PrivateKey(signer); err != nil {
			return "", errors.New("hash account key: not a key that can be encoded")
		}
	}
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// nameOf is an issuer in a sentence.
func nameOf(issuer cmv1.GenericIssuer) string {
	return fmt.Sprintf("%s %q", cmKind(issuer), issuer.GetName())
}

func cmKind(issuer cmv1.GenericIssuer) string {
	if issuer.GetNamespace() == "" {
		return cmv1.ClusterIssuerKind
	}
	return cmv1.IssuerKind
}
