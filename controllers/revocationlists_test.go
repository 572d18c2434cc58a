package controllers

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/pki"
)

var listTime = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// listObjects are the issuers and Secrets that a server of lists sees.
type listObjects struct {
	client.Reader

	issuers map[types.NamespacedName]cmv1.IssuerConfig
	secrets map[types.NamespacedName]*corev1.Secret
	err     error
}

func (o *listObjects) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	spec, ok := o.issuers[key]
	if !ok {
		return apierrors.NewNotFound(cmv1.GroupVersion.WithResource("issuers").GroupResource(), key.Name)
	}
	into.SetName(key.Name)
	into.SetNamespace(key.Namespace)
	into.(cmv1.GenericIssuer).GetSpec().IssuerConfig = spec
	return nil
}

type listSecrets struct{ *listObjects }

func (s listSecrets) Get(_ context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	if s.err != nil {
		return nil, s.err
	}
	if secret := s.secrets[key]; secret != nil {
		return secret, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
}

// newList signs a list of a new CA.
func newList(t *testing.T, previous *pki.RevocationList, now time.Time) *pki.RevocationList {
	t.Helper()
	key, err := pki.GenerateKey(rand.Reader, pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now, NotAfter: now.AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true}
	cert, err := pki.Sign(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	by, err := pki.NewListSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if previous != nil {
		by.KeyID = previous.AuthorityKeyID
	}
	list, err := pki.SignRevocationList(rand.Reader, by, previous, nil, 7*24*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func listFile(l *pki.RevocationList) string { return hex.EncodeToString(l.AuthorityKeyID) + ".crl" }

func listSecret(version string, lists ...*pki.RevocationList) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{UID: "uid", ResourceVersion: version}, Type: cmv1.RevocationListSecretType, Data: map[string][]byte{"tls.key": []byte("a secret")}}
	for _, l := range lists {
		secret.Data[listFile(l)] = l.Raw
	}
	return secret
}

func newListObjects() *listObjects {
	ca := func(crl *cmv1.CAIssuerCRL) cmv1.IssuerConfig {
		return cmv1.IssuerConfig{CA: &cmv1.CAIssuer{SecretName: "ca", CRL: crl}}
	}
	return &listObjects{
		issuers: map[types.NamespacedName]cmv1.IssuerConfig{
			{Namespace: "shop", Name: "ca"}:     ca(&cmv1.CAIssuerCRL{}),
			{Namespace: "shop", Name: "plain"}:  ca(nil),
			{Namespace: "shop", Name: "self"}:   {SelfSigned: &cmv1.SelfSignedIssuer{}},
			{Namespace: "shop", Name: "sly"}:    ca(&cmv1.CAIssuerCRL{SecretName: "password"}),
			{Namespace: "shop", Name: "absent"}: ca(&cmv1.CAIssuerCRL{}),
			{Name: "everywhere"}:                ca(&cmv1.CAIssuerCRL{SecretName: "lists"}),
		},
		secrets: map[types.NamespacedName]*corev1.Secret{},
	}
}

func TestListsAreServedAsRelyingPartiesExpectThem(t *testing.T) {
	t.Parallel()
	objects := newListObjects()
	own, cluster := newList(t, nil, listTime), newList(t, nil, listTime)
	objects.secrets[types.NamespacedName{Namespace: "shop", Name: "ca-crl"}] = listSecret("1", own)
	objects.secrets[types.NamespacedName{Namespace: "certwright", Name: "lists"}] = listSecret("1", cluster)
	now := listTime.Add(time.Hour)
	s := newListServer(nil, objects, listSecrets{objects}, "certwright", "/lists/", func() time.Time { return now })
	get := func(method, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	path := "/lists/shop/ca/" + listFile(own)
	first := get(http.MethodGet, path)
	if first.Code != http.StatusOK || first.Body.String() != string(own.Raw) {
		t.Fatalf("status %d, %d bytes", first.Code, first.Body.Len())
	}
	for name, want := range map[string]string{
		"Content-Type": "application/pkix-crl", "Cache-Control": "public, max-age=3600",
		"Last-Modified": "Tue, 24 Nov 2026 08:00:00 GMT", "X-Content-Type-Options": "nosniff",
	} {
		if got := first.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if w := get(http.MethodHead, path); w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: status %d, %d bytes, header %v", w.Code, w.Body.Len(), w.Header())
	}
	if w := get(http.MethodGet, path, "If-None-Match", first.Header().Get("Etag")); w.Code != http.StatusNotModified {
		t.Errorf("the same again: status %d", w.Code)
	}
	// A proxy may have taken the path of the base URL away.
	if w := get(http.MethodGet, strings.TrimPrefix(path, "/lists")); w.Code != http.StatusOK {
		t.Errorf("without the prefix: status %d", w.Code)
	}
	if w := get(http.MethodGet, "/_cluster/everywhere/"+listFile(cluster)); w.Code != http.StatusOK || w.Body.String() != string(cluster.Raw) {
		t.Errorf("of the ClusterIssuer: status %d", w.Code)
	}
	if w := get(http.MethodPost, path); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, header %v", w.Code, w.Header())
	}

	next := newList(t, own, listTime.Add(2*time.Hour))
	objects.secrets[types.NamespacedName{Namespace: "shop", Name: "ca-crl"}] = listSecret("2", next)
	if w := get(http.MethodGet, path, "If-None-Match", first.Header().Get("Etag")); w.Code != http.StatusOK || w.Body.String() != string(next.Raw) {
		t.Errorf("after another list was signed: status %d", w.Code)
	}
	now = next.NextUpdate.Add(-time.Minute)
	if got := get(http.MethodGet, path).Header().Get("Cache-Control"); got != "public, max-age=60" {
		t.Errorf("a minute before its end: Cache-Control %q", got)
	}
	now = next.NextUpdate.Add(time.Minute)
	if w := get(http.MethodGet, path); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "public, max-age=0" {
		t.Errorf("after its end: status %d, Cache-Control %q", w.Code, w.Header().Get("Cache-Control"))
	}
	objects.err = errors.New("the API server is down: token=hush")
	if w := get(http.MethodGet, path); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "hush") {
		t.Errorf("in trouble: status %d, %s", w.Code, w.Body)
	}
}

func TestNothingButListsIsServed(t *testing.T) {
	t.Parallel()
	objects := newListObjects()
	list := newList(t, nil, listTime)
	objects.secrets[types.NamespacedName{Namespace: "shop", Name: "ca-crl"}] = listSecret("1", list)
	objects.secrets[types.NamespacedName{Namespace: "shop", Name: "plain-crl"}] = listSecret("1", list)
	password := listSecret("1", list)
	password.Type = corev1.SecretTypeOpaque
	objects.secrets[types.NamespacedName{Namespace: "shop", Name: "password"}] = password
	planted := listSecret("1")
	planted.Data[listFile(list)] = []byte("something else")
	objects.secrets[types.NamespacedName{Namespace: "certwright", Name: "lists"}] = planted
	s := newListServer(nil, objects, listSecrets{objects}, "certwright", "", time.Now)
	file := listFile(list)
	for _, path := range []string{
		"/", "/shop", "/shop/ca", "/shop/ca/", "/shop/ca/tls.key", "/shop/ca/tls.crl", "/shop/ca/" + strings.TrimSuffix(file, ".crl"),
		"/shop/ca/" + file + "/", "/shop/ca//" + file, "//ca/" + file, "/shop//" + file, "/shop/../shop/ca/" + file,
		"/shop/other/" + file, "/other/ca/" + file, "/shop/plain/" + file, "/shop/self/" + file, "/shop/sly/" + file, "/shop/sly/tls.key",
		"/shop/absent/" + file, "/_cluster/ca/" + file, "/_cluster/everywhere/" + file, "/certwright/everywhere/" + file,
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}})
		if w.Code != http.StatusNotFound || w.Body.String() != "there is no such revocation list\n" {
			t.Errorf("%s: status %d, %q", path, w.Code, w.Body)
		}
	}
}

func TestListServerEndsWithTheOperator(t *testing.T) {
	t.Parallel()
	objects := newListObjects()
	list := newList(t, nil, listTime)
	objects.secrets[types.NamespacedName{Namespace: "shop", Name: "ca-crl"}] = listSecret("1", list)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newListServer(listener, objects, listSecrets{objects}, "certwright", "", time.Now)
	if s.NeedLeaderElection() {
		t.Error("only the leader would serve")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/shop/ca/" + listFile(list))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || string(body) != string(list.Raw) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}
