package issuers

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/api/v1alpha1"
	"github.com/certwright/certwright/internal/lifecycle"
	"github.com/certwright/certwright/internal/pki"
)

// listStore is an API server that has Secrets and Revocations only, and counts
// writes.
type listStore struct {
	client.Client

	mu          sync.Mutex
	version     int
	secrets     map[types.NamespacedName]*corev1.Secret
	revocations []v1alpha1.Revocation
	writes      int
	before      func() error // each write; an error refuses it
}

func newListStore() *listStore {
	return &listStore{secrets: map[types.NamespacedName]*corev1.Secret{}}
}

func (s *listStore) Get(_ context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret := s.secrets[key]; secret != nil {
		return secret, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
}

// asClient is the store as a client, whose Get has other arguments.
type asClient struct {
	client.Client

	*listStore
}

func (c asClient) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.Client.Get(ctx, key, o, opts...)
}

func (c asClient) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	return c.store(o.(*corev1.Secret), func(old *corev1.Secret) error {
		if old != nil {
			return apierrors.NewAlreadyExists(corev1.Resource("secrets"), old.Name)
		}
		return nil
	})
}

func (c asClient) Patch(_ context.Context, o client.Object, _ client.Patch, _ ...client.PatchOption) error {
	secret := o.(*corev1.Secret)
	return c.store(secret, func(old *corev1.Secret) error {
		if old == nil || old.ResourceVersion != secret.ResourceVersion {
			return apierrors.NewConflict(corev1.Resource("secrets"), secret.Name, errors.New("changed"))
		}
		return nil
	})
}

func (c asClient) List(_ context.Context, l client.ObjectList, opts ...client.ListOption) error {
	options := (&client.ListOptions{}).ApplyOptions(opts)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.revocations {
		if options.Namespace == "" || options.Namespace == r.Namespace {
			l.(*v1alpha1.RevocationList).Items = append(l.(*v1alpha1.RevocationList).Items, r)
		}
	}
	return nil
}

func (c asClient) Status() client.SubResourceWriter { return c.Client.Status() }

func (s *listStore) store(secret *corev1.Secret, check func(*corev1.Secret) error) error {
	if s.before != nil {
		if err := s.before(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := client.ObjectKeyFromObject(secret)
	if err := check(s.secrets[key]); err != nil {
		return err
	}
	if n := sizeOf(secret.Data); n > corev1.MaxSecretSize {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("%d bytes", n))
	}
	s.version++
	s.writes++
	secret.ResourceVersion = strconv.Itoa(s.version)
	if secret.UID == "" {
		secret.UID = types.UID("uid-" + secret.ResourceVersion)
	}
	s.secrets[key] = secret.DeepCopy()
	return nil
}

func (s *listStore) put(namespace, name string, data map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.secrets[types.NamespacedName{Namespace: namespace, Name: name}] = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-" + name), ResourceVersion: strconv.Itoa(s.version)},
		Data:       data,
	}
}

func (s *listStore) delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, types.NamespacedName{Namespace: "shop", Name: name})
}

func (s *listStore) secret(name string) *corev1.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secrets[types.NamespacedName{Namespace: "shop", Name: name}]
}

func (s *listStore) countWrites() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// listWorld is a CA issuer with lists.
type listWorld struct {
	store  *listStore
	signer *ca
	root   *authority
	issuer *cmv1.Issuer
}

func mayList(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }

func newListWorld(t testing.TB) *listWorld {
	t.Helper()
	w := &listWorld{store: newListStore(), root: newAuthority(t, "root", nil, mayList), issuer: caIssuer()}
	w.issuer.Spec.CA.CRL = &cmv1.CAIssuerCRL{}
	w.store.put("shop", "ca", w.root.secret(t))
	w.restart()
	return w
}

func (w *listWorld) restart() {
	registry, _ := New(Config{
		Client: asClient{listStore: w.store}, Secrets: w.store, Random: rand.Reader, ClusterResourceNamespace: "certwright", CRLBaseURL: "http://crl.example.com/lists/",
	})
	w.signer = registry.CA.(*ca)
}

func (w *listWorld) check(t testing.TB, now time.Time) *lifecycle.ListVerdict {
	t.Helper()
	v, err := w.signer.Check(t.Context(), w.issuer, now)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Ready {
		t.Fatalf("the issuer is not ready: %s", v.Message)
	}
	return v.Lists
}

func (w *listWorld) leaf(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	in := request(t, newKey(t, pki.ECDSA), pki.Request{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}})
	in.Issuer = w.issuer
	return decodeChain(t, issued(t, sign(t, w.signer, in)).Chain)[0]
}

func (w *listWorld) revoke(t testing.TB, cert *x509.Certificate, now time.Time) lifecycle.RevokeOutcome {
	t.Helper()
	out, err := w.signer.Revoke(t.Context(), RevokeInput{Issuer: w.issuer, Certificate: cert, Reason: v1alpha1.KeyCompromise, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// list is the stored list of the root's key.
func (w *listWorld) list(t testing.TB) *pki.RevocationList {
	t.Helper()
	l := readLedger(w.store.secret("ca-crl")).lists[listKey(w.root.cert.SubjectKeyId)]
	if l == nil || !l.SignedBy(w.root.cert) {
		t.Fatalf("no list of the CA is stored: %v", w.store.secret("ca-crl"))
	}
	return l
}

func TestARevokedLeafIsRefusedByOpenSSLAndItsSuccessorIsNot(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	old, successor := w.leaf(t, "web.example.com"), w.leaf(t, "web.example.com")
	got := w.revoke(t, old, testNow.Add(time.Minute))
	if diff := cmp.Diff(lifecycle.RevokeOutcome(lifecycle.Revoked{At: testNow.Add(time.Minute)}), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"ca": pki.EncodeCertificates(w.root.cert), "old": pki.EncodeCertificates(old), "successor": pki.EncodeCertificates(successor), "list": w.list(t).Raw,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"old": "certificate revoked", "successor": "OK"} {
		cmd := exec.CommandContext(t.Context(), "openssl", "verify", "-crl_check", "-attime", strconv.FormatInt(testNow.Add(2*time.Minute).Unix(), 10), "-CAfile", "ca", "-CRLfile", "list", name)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); !strings.Contains(string(out), want) {
			t.Errorf("openssl says of the %s: %v %s, want %q", name, err, out, want)
		}
	}
}

func TestCertificatesNameTheListOfTheirCA(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	served := "http://crl.example.com/lists/shop/ca/" + listKey(w.root.cert.SubjectKeyId)
	clusterIssuer := &cmv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "ca"}, Spec: w.issuer.Spec}
	w.store.put("certwright", "ca", w.root.secret(t))
	mute := newAuthority(t, "mute", nil, nil)
	w.store.put("shop", "mute", mute.secret(t))
	for name, row := range map[string]struct {
		issuer cmv1.GenericIssuer
		change func(*cmv1.CAIssuer)
		want   []string
	}{
		"the one that is served": {w.issuer, func(*cmv1.CAIssuer) {}, []string{served}},
		"of a cluster issuer":    {clusterIssuer, func(*cmv1.CAIssuer) {}, []string{strings.Replace(served, "/shop/", "/_cluster/", 1)}},
		"the one of the spec":    {w.issuer, func(s *cmv1.CAIssuer) { s.CRL.URL = "http://x.example/ca.crl" }, []string{"http://x.example/ca.crl"}},
		"besides others":         {w.issuer, func(s *cmv1.CAIssuer) { s.CRLDistributionPoints = []string{"http://x.example/a"} }, []string{"http://x.example/a", served}},
		"once":                   {w.issuer, func(s *cmv1.CAIssuer) { s.CRLDistributionPoints = []string{served} }, []string{served}},
		"none without lists":     {w.issuer, func(s *cmv1.CAIssuer) { s.CRL = nil }, nil},
		"none that can not be":   {w.issuer, func(s *cmv1.CAIssuer) { s.SecretName = "mute" }, nil},
	} {
		issuer := row.issuer.DeepCopyObject().(cmv1.GenericIssuer)
		row.change(issuer.GetSpec().CA)
		in := request(t, newKey(t, pki.ECDSA), pki.Request{DNSNames: []string{"a.example"}})
		in.Issuer = issuer
		got := decodeChain(t, issued(t, sign(t, w.signer, in)).Chain)[0].CRLDistributionPoints
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
}

func TestAListIsSignedAnewWhenHalfOfItsLifeIsOver(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	v := w.check(t, testNow)
	if v.Status != cmmeta.ConditionTrue || v.Reason != cmv1.IssuerReasonListSigned || v.Rebuilt != "" {
		t.Errorf("verdict %+v", v)
	}
	first := w.list(t)
	secret := w.store.secret("ca-crl")
	if secret.Labels[cmv1.PartOfCertManagerControllerLabelKey] != "true" || secret.Type != cmv1.RevocationListSecretType {
		t.Errorf("the Secret has labels %v and type %s", secret.Labels, secret.Type)
	}
	want := fmt.Sprintf("number %d of 2026-11-24T08:00:00Z, 0 entries, next update 2026-12-01T08:00:00Z", testNow.UnixMilli())
	if got := secret.Annotations[cmv1.RevocationListAnnotation]; got != want {
		t.Errorf("annotation %q, want %q", got, want)
	}
	half := testNow.Add(84 * time.Hour)
	if v.Wake.After(half) || v.Wake.Before(testNow.Add(75*time.Hour)) {
		t.Errorf("the next list is due at %s", v.Wake)
	}
	w.check(t, v.Wake.Add(-time.Second))
	if w.store.countWrites() != 1 {
		t.Error("a list was signed before it was due")
	}
	again := w.check(t, v.Wake)
	if w.store.countWrites() != 2 || w.list(t).Number.Cmp(first.Number) <= 0 || again.Message != v.Message {
		t.Errorf("after %d writes: number %d, then %d, %q", w.store.countWrites(), first.Number, w.list(t).Number, again.Message)
	}
	w.issuer.Spec.CA.CRL.Validity = &metav1.Duration{Duration: 2 * time.Hour}
	w.check(t, v.Wake.Add(time.Minute))
	if l := w.list(t); l.NextUpdate.Sub(l.ThisUpdate) != 2*time.Hour {
		t.Errorf("with another validity the list is valid from %s to %s", l.ThisUpdate, l.NextUpdate)
	}
}

func TestRevocationsThatComeTogetherAreOneWrite(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	leaves := make([]*x509.Certificate, 20)
	for i := range leaves {
		leaves[i] = w.leaf(t, "a.example")
	}
	before := w.store.countWrites()
	now := testNow.Add(time.Minute)
	waiting := map[int]time.Time{}
	for i, leaf := range leaves {
		switch out := w.revoke(t, leaf, now).(type) {
		case lifecycle.Revoked:
			if i != 0 {
				t.Errorf("revocation %d had a write of its own", i)
			}
		case lifecycle.RevokeTurn:
			waiting[i] = out.At
		default:
			t.Fatalf("%#v", out)
		}
	}
	if len(waiting) != 19 {
		t.Fatalf("%d wait, want 19", len(waiting))
	}
	for i, until := range waiting {
		if diff := cmp.Diff(lifecycle.RevokeOutcome(lifecycle.Revoked{At: now}), w.revoke(t, leaves[i], until)); diff != "" {
			t.Errorf("revocation %d, -want +got:\n%s", i, diff)
		}
	}
	if n := w.store.countWrites() - before; n != 2 {
		t.Errorf("20 revocations took %d writes, want 2", n)
	}
	if n := len(w.list(t).Revoked); n != 20 {
		t.Errorf("%d entries", n)
	}
	got := w.revoke(t, leaves[3], now.Add(time.Hour))
	if diff := cmp.Diff(lifecycle.RevokeOutcome(lifecycle.Revoked{At: now, Already: true}), got); diff != "" {
		t.Errorf("asked again, -want +got:\n%s", diff)
	}
}

func TestNobodyWaitsWhileAListIsWritten(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	a, b := w.leaf(t, "a.example"), w.leaf(t, "b.example")
	now := testNow.Add(time.Minute)
	var meanwhile lifecycle.RevokeOutcome
	w.store.before = func() error {
		w.store.before = nil
		meanwhile = w.revoke(t, b, now)
		w.check(t, now)
		return nil
	}
	if _, ok := w.revoke(t, a, now).(lifecycle.Revoked); !ok {
		t.Error("the first was not revoked")
	}
	if _, ok := meanwhile.(lifecycle.RevokeTurn); !ok {
		t.Errorf("the second got %#v", meanwhile)
	}
	if _, ok := w.revoke(t, b, now.Add(listSpacing)).(lifecycle.Revoked); !ok || len(w.list(t).Revoked) != 2 {
		t.Error("the second was not revoked after that")
	}
}

func TestACertificateIsRevokedOnlyWhenThatIsStored(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	leaf := w.leaf(t, "a.example")
	now := testNow.Add(time.Minute)
	down := errors.New("the API server is down")
	w.store.before = func() error { return down }
	if out, err := w.signer.Revoke(t.Context(), RevokeInput{Issuer: w.issuer, Certificate: leaf, Now: now}); !errors.Is(err, down) || out != nil {
		t.Errorf("outcome %v, error %v", out, err)
	}
	// Somebody else writes in between.
	w.store.before = func() error {
		w.store.before = nil
		other := w.store.secret("ca-crl").DeepCopy()
		other.Data["theirs"] = []byte("x")
		return asClient{listStore: w.store}.Patch(t.Context(), other, nil)
	}
	now = now.Add(time.Minute)
	turn, ok := w.revoke(t, leaf, now).(lifecycle.RevokeTurn)
	if !ok {
		t.Fatal("no other turn after a conflict")
	}
	w.restart() // and all that was pending is gone
	if out, ok := w.revoke(t, leaf, turn.At).(lifecycle.Revoked); !ok || out.Already {
		t.Errorf("outcome %#v", out)
	}
	if string(w.store.secret("ca-crl").Data["theirs"]) != "x" {
		t.Error("what somebody else wrote is gone")
	}
}

func TestARevocationThatNobodyAsksForAgainIsForgotten(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	a, b, c := w.leaf(t, "a.example"), w.leaf(t, "b.example"), w.leaf(t, "c.example")
	w.revoke(t, a, testNow)
	w.revoke(t, b, testNow.Add(time.Second)) // has to wait
	w.revoke(t, c, testNow.Add(time.Hour))
	if _, there := w.list(t).Find(b.SerialNumber); there || len(w.list(t).Revoked) != 2 {
		t.Error("a certificate was revoked an hour after that was asked for the last time")
	}
}

func TestLostListsAreMadeAgainOfWhatRevocationsSay(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	leaf, other := w.leaf(t, "a.example"), newAuthority(t, "other", nil, nil)
	at := testNow.Add(time.Minute)
	w.revoke(t, leaf, at)
	number := w.list(t).Number
	record := func(namespace string, cert *x509.Certificate, revoked metav1.ConditionStatus) v1alpha1.Revocation {
		return v1alpha1.Revocation{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "r"},
			Spec:       v1alpha1.RevocationSpec{Reason: v1alpha1.KeyCompromise},
			Status: v1alpha1.RevocationStatus{
				CertificatePEM: pki.EncodeCertificates(cert), RevokedAt: &metav1.Time{Time: at},
				Conditions: []metav1.Condition{{Type: v1alpha1.RevocationRevoked, Status: revoked}},
			},
		}
	}
	w.store.revocations = []v1alpha1.Revocation{
		record("shop", leaf, metav1.ConditionTrue),
		record("shop", w.leaf(t, "pending.example"), metav1.ConditionFalse),
		record("shop", other.cert, metav1.ConditionTrue),
		record("elsewhere", w.leaf(t, "elsewhere.example"), metav1.ConditionTrue),
		{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "new"}},
	}
	for name, harm := range map[string]func(){
		"deleted": func() { w.store.delete("ca-crl") },
		"damaged": func() {
			secret := w.store.secret("ca-crl").DeepCopy()
			for key := range secret.Data {
				secret.Data[key] = []byte("garbage")
			}
			if err := (asClient{listStore: w.store}).Patch(t.Context(), secret, nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		harm()
		v := w.check(t, at.Add(time.Hour))
		if !strings.Contains(v.Rebuilt, "the 1 certificates that Revocations say") {
			t.Errorf("%s: told %q", name, v.Rebuilt)
		}
		l := w.list(t)
		entry, there := l.Find(leaf.SerialNumber)
		if !there || len(l.Revoked) != 1 || entry.Reason != 1 || !entry.At.Equal(at) || l.Number.Cmp(number) <= 0 {
			t.Errorf("%s: number %d after %d, entries %v", name, l.Number, number, l.Revoked)
		}
	}
}

func TestListsOfAnEarlierKeyStayUntilTheyHaveRunOut(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	leaf := w.leaf(t, "a.example")
	w.revoke(t, leaf, testNow.Add(time.Minute))
	former := listKey(w.root.cert.SubjectKeyId)
	stored := w.store.secret("ca-crl").Data[former]

	w.root = newAuthority(t, "root", nil, mayList)
	w.store.put("shop", "ca", w.root.secret(t))
	w.check(t, testNow.Add(time.Hour))
	if got := w.store.secret("ca-crl").Data[former]; string(got) != string(stored) {
		t.Error("the list of the earlier key is not what it was")
	}
	if n := len(w.list(t).Revoked); n != 0 {
		t.Errorf("the list of the new key has %d entries", n)
	}
	refused, ok := w.revoke(t, leaf, testNow.Add(time.Hour)).(lifecycle.RevokeRefused)
	if !ok || refused.Reason != v1alpha1.ReasonRefused || !strings.Contains(refused.Message, "put that back") {
		t.Errorf("outcome %#v", refused)
	}
	w.check(t, testNow.Add(8*24*time.Hour))
	if data := w.store.secret("ca-crl").Data; data[former] != nil || len(data) != 2 {
		t.Errorf("after its end the list of the earlier key is still there: %v", maps.Keys(data))
	}
}

func TestACARenewedWithItsKeySignsTheListOfItsEarlierIdentifierToo(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	a, b := w.leaf(t, "a.example"), w.leaf(t, "b.example")
	w.revoke(t, a, testNow.Add(time.Minute))
	former, formerCert := listKey(w.root.cert.SubjectKeyId), w.root.cert

	template := &x509.Certificate{
		SerialNumber: a.SerialNumber, Subject: pkix.Name{CommonName: "root"}, NotBefore: testNow, NotAfter: testNow.AddDate(2, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte("another identifier"),
	}
	renewed, err := pki.Sign(rand.Reader, template, template, w.root.key.Public(), w.root.key)
	if err != nil {
		t.Fatal(err)
	}
	w.root = &authority{key: w.root.key, cert: renewed}
	w.store.put("shop", "ca", w.root.secret(t))
	w.check(t, testNow.Add(time.Hour))
	w.revoke(t, b, testNow.Add(time.Hour))
	l := readLedger(w.store.secret("ca-crl")).lists[former]
	if len(l.Revoked) != 2 || !l.SignedBy(formerCert) || len(w.list(t).Revoked) != 0 {
		t.Errorf("the list of the earlier identifier has %v, the other one %v", l.Revoked, w.list(t).Revoked)
	}
	w.check(t, testNow.Add(100*time.Hour))
	if l := readLedger(w.store.secret("ca-crl")).lists[former]; !l.ThisUpdate.Equal(testNow.Add(100 * time.Hour)) {
		t.Errorf("the list of the earlier identifier was last signed at %s", l.ThisUpdate)
	}
}

func TestIssuersOfOneCAMayShareTheirLists(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	second := newAuthority(t, "second", nil, mayList)
	w.store.put("shop", "second", second.secret(t))
	other := w.issuer.DeepCopy()
	other.Name, other.Spec.CA.SecretName, other.Spec.CA.CRL.SecretName = "other", "second", "ca-crl"

	mine := []*x509.Certificate{w.leaf(t, "a.example"), w.leaf(t, "b.example")}
	now := testNow.Add(time.Minute)
	w.revoke(t, mine[0], now)
	w.revoke(t, mine[1], now) // is pending
	w.issuer = other
	theirs := w.leaf(t, "c.example")
	if _, ok := w.revoke(t, theirs, now.Add(listSpacing)).(lifecycle.Revoked); !ok {
		t.Error("the certificate of the other issuer was not revoked")
	}
	if n := len(w.list(t).Revoked); n != 1 {
		t.Errorf("the first CA's list has %d entries, want 1", n)
	}
	w.root = second
	if n := len(w.list(t).Revoked); n != 1 {
		t.Errorf("the other CA's list has %d entries, want 1", n)
	}
}

func TestWhatCanNotBeRevokedIsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	leaf := w.leaf(t, "a.example")
	mute := newAuthority(t, "mute", nil, nil)
	w.store.put("shop", "mute", mute.secret(t))
	muted := w.issuer.DeepCopy()
	muted.Spec.CA.SecretName = "mute"
	renamed := *newAuthority(t, "renamed", nil, mayList)
	for name, row := range map[string]struct {
		in     RevokeInput
		reason string
		want   string
	}{
		"of another CA": {RevokeInput{Certificate: renamed.cert}, v1alpha1.ReasonRefused, `was not signed with the key that is in Secret "ca" now`},
		"the CA's own":  {RevokeInput{Certificate: w.root.cert}, v1alpha1.ReasonRefused, "take it out of the trust stores"},
		"expired":       {RevokeInput{Certificate: leaf, Now: leaf.NotAfter.Add(time.Second)}, v1alpha1.ReasonExpired, "has expired"},
		"no reason":     {RevokeInput{Certificate: leaf, Reason: "dislike"}, v1alpha1.ReasonReasonRefused, `"dislike" is no reason`},
		"no crl sign":   {RevokeInput{Certificate: leaf, Issuer: muted}, v1alpha1.ReasonIssuerNotSupported, `whose usages have "crl sign"`},
	} {
		if row.in.Issuer == nil {
			row.in.Issuer = w.issuer
		}
		if row.in.Now.IsZero() {
			row.in.Now = testNow
		}
		out, err := w.signer.Revoke(t.Context(), row.in)
		if err != nil {
			t.Fatal(err)
		}
		refused, ok := out.(lifecycle.RevokeRefused)
		if !ok || refused.Reason != row.reason || !strings.Contains(refused.Message, row.want) {
			t.Errorf("%s: %#v, want %s with %q", name, out, row.reason, row.want)
		}
	}
	w.store.delete("ca")
	if wait, ok := w.revoke(t, leaf, testNow).(lifecycle.RevokeWait); !ok || !strings.Contains(wait.Message, `Secret "ca" does not exist`) {
		t.Errorf("without the CA's Secret: %#v", wait)
	}
}

func TestTroubleWithListsLeavesTheIssuerReady(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		harm   func(*listWorld)
		reason string
		want   string
	}{
		"another Secret is there": {func(w *listWorld) { w.store.put("shop", "ca-crl", map[string][]byte{"password": []byte("x")}) }, cmv1.IssuerReasonListNotStored, "name another one in spec.ca.crl.secretName"},
		"the CA's own Secret":     {func(w *listWorld) { w.issuer.Spec.CA.CRL.SecretName = "ca" }, cmv1.IssuerReasonListNotStored, "holds something else than revocation lists"},
		"the write is refused": {func(w *listWorld) {
			w.store.before = func() error {
				return apierrors.NewForbidden(corev1.Resource("secrets"), "ca-crl", errors.New("exceeded quota"))
			}
		}, cmv1.IssuerReasonListNotStored, "exceeded quota"},
		"the CA may not": {func(w *listWorld) {
			mute := *w.root
			mute.cert = w.root.cert
			data := w.store.secret("ca").Data
			template := &x509.Certificate{
				SerialNumber: w.root.cert.SerialNumber, Subject: pkix.Name{CommonName: "root"}, NotBefore: testNow, NotAfter: testNow.AddDate(1, 0, 0),
				IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
			}
			cert, err := pki.Sign(rand.Reader, template, template, mute.key.Public(), mute.key)
			if err != nil {
				panic(err)
			}
			w.store.put("shop", "ca", map[string][]byte{tlsKey: data[tlsKey], tlsCert: pki.EncodeCertificates(cert)})
		}, cmv1.IssuerReasonListNotSigned, `whose usages have "crl sign"`},
	} {
		w := newListWorld(t)
		row.harm(w)
		v := w.check(t, testNow)
		if v.Status != cmmeta.ConditionFalse || v.Reason != row.reason || !strings.Contains(v.Message, row.want) {
			t.Errorf("%s: %+v, want %s with %q", name, v, row.reason, row.want)
		}
	}
}

func TestFullListsRefuseMoreAndSayWhatToDo(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	leaf := w.leaf(t, "a.example")
	fill := func(entries int) {
		var add []pki.RevokedCertificate
		for range entries {
			serial, err := pki.NewSerial(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			add = append(add, pki.RevokedCertificate{Serial: serial, At: testNow, Reason: 1, NotAfter: testNow.AddDate(0, 3, 0)})
		}
		l := readLedger(w.store.secret("ca-crl"))
		p, err := w.signer.lists.pass(w.issuer, w.signer.pairs[types.NamespacedName{Namespace: "shop", Name: "ca"}], testNow)
		if err != nil {
			t.Fatal(err)
		}
		data, err := p.next(l, map[string][]pki.RevokedCertificate{p.current(): add})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.signer.lists.store(t.Context(), types.NamespacedName{Namespace: "shop", Name: "ca-crl"}, p, l.secret, data); err != nil {
			t.Fatalf("%d more entries do not fit: %v", entries, err)
		}
	}
	fill(10_000)
	if v := w.check(t, testNow); v.Reason != cmv1.IssuerReasonListSigned {
		t.Errorf("with 10,000 entries: %+v", v)
	}
	fill(6_000)
	if v := w.check(t, testNow); v.Status != cmmeta.ConditionTrue || v.Reason != cmv1.IssuerReasonListNearlyFull {
		t.Errorf("with 16,000 entries: %+v", v)
	}
	fill(room(readLedger(w.store.secret("ca-crl")).size()))
	for left := room(readLedger(w.store.secret("ca-crl")).size()); left > 0; left = room(readLedger(w.store.secret("ca-crl")).size()) {
		fill(left)
	}
	t.Logf("full with %d entries in %d bytes", len(w.list(t).Revoked), sizeOf(w.store.secret("ca-crl").Data))
	if v := w.check(t, testNow); v.Status != cmmeta.ConditionFalse || v.Reason != cmv1.IssuerReasonListFull {
		t.Errorf("full: %+v", v)
	}
	if refused, ok := w.revoke(t, leaf, testNow).(lifecycle.RevokeRefused); !ok || !strings.Contains(refused.Message, "are full") {
		t.Errorf("full: %#v", refused)
	}
	before := w.list(t)
	w.check(t, testNow.Add(100*time.Hour))
	if w.list(t).Number.Cmp(before.Number) <= 0 || len(w.list(t).Revoked) != len(before.Revoked) {
		t.Error("a full list is not kept fresh")
	}
}

func TestTenThousandRevocationsAreAFewWrites(t *testing.T) {
	t.Parallel()
	w := newListWorld(t)
	w.check(t, testNow)
	before := w.store.countWrites()
	// One certificate under many serial numbers: what is signed is not looked
	// at here, only how writes are shared.
	b := w.signer.lists.book(types.NamespacedName{Namespace: "shop", Name: "ca-crl"})
	first := w.leaf(t, "a.example")
	now := testNow.Add(time.Minute)
	w.revoke(t, first, now)
	for range 10_000 {
		serial, err := pki.NewSerial(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if turn := b.enqueue(&pendingEntry{
			list: listKey(w.root.cert.SubjectKeyId), key: string(w.root.cert.RawSubjectPublicKeyInfo), asked: now,
			entry: pki.RevokedCertificate{Serial: serial, At: now, Reason: 1, NotAfter: first.NotAfter},
		}, now); turn.IsZero() {
			t.Fatal("one of them got the turn")
		}
	}
	if _, ok := w.revoke(t, w.leaf(t, "b.example"), now.Add(listSpacing)).(lifecycle.Revoked); !ok {
		t.Error("the last one was not revoked")
	}
	if n := w.store.countWrites() - before; n != 2 || len(w.list(t).Revoked) != 10_002 {
		t.Errorf("%d writes for %d entries, want 2 for 10,002", n, len(w.list(t).Revoked))
	}
}

func FuzzReadLedger(f *testing.F) {
	w := newListWorld(f)
	w.check(f, testNow)
	secret := w.store.secret("ca-crl")
	for name, der := range secret.Data {
		f.Add(name, der, secret.Data[strings.TrimSuffix(name, ListSuffix)+expiriesSuffix])
	}
	pair := parseKeyPair(w.store.secret("ca"))
	f.Fuzz(func(t *testing.T, name string, der, expiries []byte) {
		damaged := secret.DeepCopy()
		damaged.Data = map[string][]byte{name: der, strings.TrimSuffix(name, ListSuffix) + expiriesSuffix: expiries}
		l := readLedger(damaged)
		p, err := w.signer.lists.pass(w.issuer, pair, testNow)
		if err != nil {
			t.Fatal(err)
		}
		data, err := p.next(l, nil)
		if err != nil {
			t.Fatalf("what somebody has put there keeps the CA from signing: %v", err)
		}
		if data == nil {
			data = damaged.Data
		}
		if list := readLedger(&corev1.Secret{Data: data}).lists[p.current()]; list == nil || !list.SignedBy(w.root.cert) {
			t.Error("there is no list of the CA after that")
		}
	})
}
