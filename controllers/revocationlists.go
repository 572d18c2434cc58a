package controllers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/issuers"
)

// RevocationLists are the settings with which the operator serves the
// revocation lists of CA issuers.
type RevocationLists struct {
	// ListenAddress is host:port of this process; empty: it serves none.
	ListenAddress string
	// BaseURL is where relying parties reach it. It goes into certificates.
	BaseURL string
}

const (
	// mostListAge is how long a cache may go without asking for a newer list:
	// revocations make one at any time.
	mostListAge = time.Hour

	// Bounds on who fetches lists. A list has up to a megabyte.
	listHeaderTimeout = 5 * time.Second
	listWriteTimeout  = time.Minute
	listIdleTimeout   = time.Minute
	listHeaderBytes   = 8 << 10

	// listLookup bounds how long a request waits for caches after a start, and
	// for the API server.
	listLookup = 10 * time.Second

	// listGrace is how long those who are being served are waited for at the end.
	listGrace = 5 * time.Second

	// maxServed bounds the Secrets whose lists are kept ready.
	maxServed = 1024
)

// listServer serves revocation lists over plain HTTP, as RFC 5280, section
// 4.2.1.13 expects: at <path of the base URL>/<namespace>/<issuer>/<key>.crl,
// with _cluster for ClusterIssuers. Each replica of the operator does. Issuers
// and Secrets come from caches; nothing but lists of issuers with spec.ca.crl
// can be had.
type listServer struct {
	listener  net.Listener
	issuers   client.Reader
	secrets   issuers.SecretReader
	namespace string // of the Secrets of ClusterIssuers
	prefix    string // of paths
	clock     func() time.Time

	mu    sync.Mutex
	ready map[types.NamespacedName]readyLists
}

// readyLists are the lists of one version of a Secret.
type readyLists struct {
	uid     types.UID
	version string
	lists   map[string]readyList
}

type readyList struct {
	der                    []byte
	etag                   string
	thisUpdate, nextUpdate time.Time
}

// setup begins to take requests, if lists are served. Those that come before
// the operator has started wait.
func (r RevocationLists) setup(ctx context.Context, mgr ctrl.Manager, secrets issuers.SecretReader, namespace string, clock func() time.Time) error {
	if r.ListenAddress == "" {
		return nil
	}
	base, err := url.Parse(r.BaseURL)
	if err != nil {
		return fmt.Errorf("serve revocation lists: read base URL: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", r.ListenAddress)
	if err != nil {
		return fmt.Errorf("serve revocation lists: %w", err)
	}
	s := newListServer(listener, mgr.GetClient(), secrets, namespace, base.Path, clock)
	if err := mgr.Add(s); err != nil {
		return fmt.Errorf("serve revocation lists: %w", err)
	}
	return nil
}

func newListServer(listener net.Listener, reader client.Reader, secrets issuers.SecretReader, namespace, prefix string, clock func() time.Time) *listServer {
	return &listServer{
		listener: listener, issuers: reader, secrets: secrets, namespace: namespace, prefix: strings.TrimSuffix(prefix, "/"), clock: clock,
		ready: map[types.NamespacedName]readyLists{},
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *listServer) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s *listServer) Start(ctx context.Context) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: listHeaderTimeout, ReadTimeout: listHeaderTimeout,
		WriteTimeout: listWriteTimeout, IdleTimeout: listIdleTimeout, MaxHeaderBytes: listHeaderBytes,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve revocation lists: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), listGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close() // whoever is still there has had the time
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (s *listServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "lists are there to be fetched", http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), listLookup)
	defer cancel()
	list, err := s.find(ctx, r.URL.Path)
	switch {
	case errors.Is(err, errNoList):
		http.Error(w, errNoList.Error(), http.StatusNotFound)
		return
	case err != nil:
		log.FromContext(ctx).V(1).Info("no list could be served", "path", r.URL.Path, "reason", err.Error())
		w.Header().Set("Retry-After", "10")
		http.Error(w, "the list can not be read at the moment", http.StatusServiceUnavailable)
		return
	}
	age := min(list.nextUpdate.Sub(s.clock()), mostListAge)
	h := w.Header()
	h.Set("Content-Type", "application/pkix-crl")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", max(0, int(age/time.Second))))
	h.Set("Etag", list.etag)
	http.ServeContent(w, r, "", list.thisUpdate, bytes.NewReader(list.der))
}

var errNoList = errors.New("there is no such revocation list")

// find returns the list at a path.
func (s *listServer) find(ctx context.Context, path string) (readyList, error) {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(path, s.prefix), "/"), "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return readyList{}, errNoList
	}
	var issuer cmv1.GenericIssuer = &cmv1.Issuer{}
	key := types.NamespacedName{Namespace: parts[0], Name: parts[1]}
	secret := types.NamespacedName{Namespace: parts[0]}
	if key.Namespace == issuers.ClusterIssuers {
		issuer, key.Namespace, secret.Namespace = &cmv1.ClusterIssuer{}, "", s.namespace
	}
	if err := s.issuers.Get(ctx, key, issuer, client.UnsafeDisableDeepCopy); err != nil {
		return readyList{}, missing(err)
	}
	if secret.Name = cmv1.RevocationListSecret(issuer); secret.Name == "" {
		return readyList{}, errNoList
	}
	lists, err := s.lists(ctx, secret)
	if err != nil {
		return readyList{}, err
	}
	list, ok := lists[parts[2]]
	if !ok {
		return readyList{}, errNoList
	}
	return list, nil
}

// lists are those in a Secret, read once for each version of it.
func (s *listServer) lists(ctx context.Context, key types.NamespacedName) (map[string]readyList, error) {
	secret, err := s.secrets.Get(ctx, key)
	if err != nil {
		return nil, missing(err)
	}
	s.mu.Lock()
	ready, ok := s.ready[key]
	s.mu.Unlock()
	if ok && ready.uid == secret.UID && ready.version == secret.ResourceVersion {
		return ready.lists, nil
	}
	read, err := issuers.ReadRevocationLists(secret)
	if err != nil {
		return nil, errNoList
	}
	ready = readyLists{uid: secret.UID, version: secret.ResourceVersion, lists: make(map[string]readyList, len(read))}
	for name, list := range read {
		digest := sha256.Sum256(list.Raw)
		ready.lists[name] = readyList{der: list.Raw, etag: fmt.Sprintf(`"%x"`, digest[:16]), thisUpdate: list.ThisUpdate, nextUpdate: list.NextUpdate}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) >= maxServed {
		clear(s.ready) // rare, and each is read again when it is asked for
	}
	s.ready[key] = ready
	return ready.lists, nil
}

func missing(err error) error {
	if apierrors.IsNotFound(err) {
		return errNoList
	}
	return err
}
