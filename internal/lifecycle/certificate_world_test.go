package lifecycle

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"math/rand"
	"sort"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	cmmeta "github.com/certwright/certwright/api/meta/v1"
	"github.com/certwright/certwright/internal/pki"
)

// certificateWorld is one Certificate with its children, a CA and a clock, all
// in memory: what the API server and the controllers around the decision are
// in life.
type certificateWorld struct {
	now      time.Time
	crt      *cmv1.Certificate
	secret   *storedObject
	keys     map[string][]byte // next keys by Secret name
	requests map[string]*cmv1.CertificateRequest
	serial   int64
	parsed   map[string]*SeenRequest // by what is parsed: it dominates the cost of a simulation

	events []Event
	writes int // child writes and status writes
	orders int // requests that were created
}

type storedObject struct {
	labels, annotations map[string]string
	data                map[string][]byte
}

// The CA of all simulated worlds. Ed25519 because it is the cheapest.
var simCA = func() struct {
	key  crypto.Signer
	cert *x509.Certificate
} {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "simulated CA"},
		NotBefore: simStart.AddDate(-1, 0, 0), NotAfter: simStart.AddDate(50, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert, err := pki.Sign(rand.New(rand.NewSource(1)), template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return struct {
		key  crypto.Signer
		cert *x509.Certificate
	}{key, cert}
}()

var simStart = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func newCertificateWorld() *certificateWorld {
	return &certificateWorld{
		now: simStart,
		crt: &cmv1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "uid-web", Generation: 1, CreationTimestamp: metav1.NewTime(simStart)},
			Spec: cmv1.CertificateSpec{
				SecretName: "web-tls",
				DNSNames:   []string{"shop.example.com"},
				IssuerRef:  cmmeta.IssuerReference{Name: "ca"},
				PrivateKey: &cmv1.CertificatePrivateKey{Algorithm: cmv1.Ed25519KeyAlgorithm},
			},
		},
		keys:     map[string][]byte{},
		requests: map[string]*cmv1.CertificateRequest{},
		parsed:   map[string]*SeenRequest{},
	}
}

// read is ReadRequest, once for the same bytes.
func (w *certificateWorld) read(req *cmv1.CertificateRequest) *SeenRequest {
	key := string(req.Spec.Request) + string(req.Status.Certificate)
	if w.parsed[key] == nil {
		if len(w.parsed) > 8 {
			clear(w.parsed)
		}
		w.parsed[key] = ReadRequest(req)
	}
	seen := *w.parsed[key]
	seen.Object = req
	return &seen
}

// snapshot copies the world, for reads that are behind.
func (w *certificateWorld) snapshot() *certificateWorld {
	c := *w
	c.crt = w.crt.DeepCopy()
	if w.secret != nil {
		s := *w.secret
		c.secret = &s
	}
	c.keys, c.requests = map[string][]byte{}, map[string]*cmv1.CertificateRequest{}
	for name, key := range w.keys {
		c.keys[name] = key
	}
	for name, req := range w.requests {
		c.requests[name] = req.DeepCopy()
	}
	return &c
}

// see is what the controller's observe does.
func (w *certificateWorld) see() CertificateSeen {
	seen := CertificateSeen{Certificate: w.crt}
	seen.Wanted, seen.WantedErr = ParseSpec(&w.crt.Spec)
	if w.secret != nil {
		seen.Secret = ReadSecret(w.secret.labels, w.secret.annotations, w.secret.data)
	}
	name := NextKeyNameOf(w.crt)
	if key, found := w.keys[name]; found {
		seen.NextKey = ReadNextKey(name, map[string][]byte{TLSKey: key})
	}
	for other := range w.keys {
		if other != name {
			seen.LeftKeys = append(seen.LeftKeys, other)
		}
	}
	sort.Strings(seen.LeftKeys)
	var owned []*cmv1.CertificateRequest
	for _, req := range w.requests {
		owned = append(owned, req)
	}
	sort.Slice(owned, func(i, j int) bool { return owned[i].Name < owned[j].Name })
	chosen := SortRequests(w.crt, owned)
	seen.Superfluous = chosen.Superfluous
	if chosen.Current != nil {
		seen.Current = w.read(chosen.Current)
	}
	if chosen.Next != nil {
		seen.Next = w.read(chosen.Next)
	}
	return seen
}

// act carries out an action on the real world, whatever was seen. It says
// whether that went well: if not, the pass ends there, as in the controller.
func (w *certificateWorld) act(t testing.TB, seen *CertificateSeen, action CertificateAction) bool {
	t.Helper()
	switch a := action.(type) {
	case NoCertificateAction:
		return true
	case CreateNextKey:
		if _, exists := w.keys[a.Name]; exists {
			return false // AlreadyExists
		}
		if a.Reuse {
			w.keys[a.Name] = seen.Secret.Data[TLSKey]
		} else {
			w.keys[a.Name] = newKeyPEM(t, a.Key)
		}
	case DeleteNextKey:
		delete(w.keys, a.Name)
	case CreateRequest:
		if _, exists := w.requests[a.Name]; exists {
			return false // AlreadyExists
		}
		keyPEM, found := w.keys[seen.NextKey.Name]
		if !found {
			return false
		}
		key, err := pki.DecodeKey(keyPEM)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := pki.CreateRequest(rand.New(rand.NewSource(1)), seen.Wanted.Request, key)
		if err != nil {
			t.Fatal(err)
		}
		req := BuildRequest(seen.Certificate, a, seen.NextKey.Name, csr, DefaultCopiedAnnotations)
		req.CreationTimestamp = metav1.NewTime(w.now)
		w.orders++
		req.UID = types.UID(fmt.Sprintf("uid-request-%d", w.orders))
		w.requests[a.Name] = req
	case DeleteRequest:
		delete(w.requests, a.Name)
	case StoreCertificate:
		keyPEM, found := w.keys[seen.NextKey.Name]
		if !found {
			return false
		}
		issued := seen.Next.Object.Status
		w.apply(ContentOf(seen.Certificate, seen.Next.Chain[0], keyPEM, issued.Certificate, issued.CA))
	case StoreTemporary:
		if _, found := w.keys[seen.NextKey.Name]; !found {
			return false
		}
		key, err := pki.DecodeKey(w.keys[seen.NextKey.Name])
		if err != nil {
			t.Fatal(err)
		}
		chain, err := pki.TemporaryCertificate(rand.New(rand.NewSource(1)), seen.Next.CSR, key, w.now)
		if err != nil {
			t.Fatal(err)
		}
		certs, err := pki.DecodeCertificates(chain)
		if err != nil {
			t.Fatal(err)
		}
		w.apply(ContentOf(seen.Certificate, certs[0], w.keys[seen.NextKey.Name], chain, nil))
	case SyncSecret:
		if w.secret == nil {
			return false
		}
		w.apply(StoredContent(seen))
	}
	w.writes++
	return true
}

func (w *certificateWorld) apply(c SecretContent) {
	w.secret = &storedObject{labels: c.Labels, annotations: c.Annotations, data: c.Data}
}

// step is one pass of the controller. It says whether anything changed.
func (w *certificateWorld) step(t testing.TB) (CertificateDecision, bool) {
	t.Helper()
	return w.stepOn(t, w.see(), noCrash)
}

type crashPoint int

const (
	noCrash crashPoint = iota
	crashBeforeAction
	crashBeforeStatus
	crashBeforeEvents
)

func (w *certificateWorld) stepOn(t testing.TB, seen CertificateSeen, crash crashPoint) (CertificateDecision, bool) {
	t.Helper()
	d := NextCertificate(seen, w.now)
	if crash == crashBeforeAction {
		return d, true
	}
	if !w.act(t, &seen, d.Action) || crash == crashBeforeStatus {
		return d, true
	}
	_, idle := d.Action.(NoCertificateAction)
	changed := !idle
	if !equality.Semantic.DeepEqual(seen.Certificate.Status, d.Status) {
		changed = true
		// The write carries the resource version: it fails when the object
		// that was seen is not the present one.
		if equality.Semantic.DeepEqual(seen.Certificate.Status, w.crt.Status) && seen.Certificate.Generation == w.crt.Generation {
			w.crt.Status = d.Status
			w.writes++
			if crash != crashBeforeEvents {
				w.events = append(w.events, d.Events...)
			}
		}
	} else {
		w.events = append(w.events, d.Events...)
	}
	return d, changed
}

// pending is the request that waits for an answer, or nil.
func (w *certificateWorld) pending() *cmv1.CertificateRequest {
	for _, req := range w.requests {
		if r := w.read(req); !r.issued() && r.refused() == nil {
			return req
		}
	}
	return nil
}

// sign answers a request with a certificate of the given lifetime.
func (w *certificateWorld) sign(t testing.TB, req *cmv1.CertificateRequest, lifetime time.Duration) {
	t.Helper()
	csr, err := pki.DecodeRequest(req.Spec.Request)
	if err != nil {
		t.Fatal(err)
	}
	w.serial++
	template, err := pki.Template(csr, pki.Profile{Duration: lifetime}, big.NewInt(w.serial), w.now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.Sign(rand.New(rand.NewSource(1)), template, simCA.cert, csr.PublicKey, simCA.key)
	if err != nil {
		t.Fatal(err)
	}
	req.Status.Certificate = pki.EncodeCertificates(cert)
	req.Status.CA = pki.EncodeCertificates(simCA.cert)
	w.answer(req, cmmeta.ConditionTrue, cmv1.CertificateRequestReasonIssued, "issued")
}

// refuse answers a request with a failure.
func (w *certificateWorld) refuse(req *cmv1.CertificateRequest, message string) {
	req.Status.FailureTime = &metav1.Time{Time: w.now}
	w.answer(req, cmmeta.ConditionFalse, cmv1.CertificateRequestReasonFailed, message)
}

func (w *certificateWorld) answer(req *cmv1.CertificateRequest, status cmmeta.ConditionStatus, reason, message string) {
	req.Status.Conditions = SetRequestCondition(req.Status.Conditions, cmv1.CertificateRequestCondition{
		Type: cmv1.CertificateRequestConditionReady, Status: status, Reason: reason, Message: message,
	}, w.now)
}

func (w *certificateWorld) ready() bool {
	c := FindCertificateCondition(w.crt.Status.Conditions, cmv1.CertificateConditionReady)
	return c != nil && c.Status == cmmeta.ConditionTrue
}

// settle runs passes until nothing changes any more.
func (w *certificateWorld) settle(t testing.TB) CertificateDecision {
	t.Helper()
	for range 50 {
		d, changed := w.step(t)
		if !changed {
			return d
		}
	}
	t.Fatalf("no rest after 50 passes; status %+v", w.crt.Status)
	return CertificateDecision{}
}

// issue brings a world from nothing to a certificate.
func (w *certificateWorld) issue(t testing.TB, lifetime time.Duration) CertificateDecision {
	t.Helper()
	for range 10 {
		d := w.settle(t)
		req := w.pending()
		if req == nil {
			return d
		}
		w.sign(t, req, lifetime)
	}
	t.Fatal("never done")
	return CertificateDecision{}
}

func newKeyPEM(t testing.TB, spec pki.KeySpec) []byte {
	t.Helper()
	key, err := pki.GenerateKey(nil, spec)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := pki.EncodeKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	return keyPEM
}
