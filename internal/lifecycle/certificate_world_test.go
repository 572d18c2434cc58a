package lifecycle

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
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
	now time.Time
	crt *cmv1.Certificate
	*simVault

	keys     map[string][]byte // next keys by Secret name
	requests map[string]*cmv1.CertificateRequest
	serial   int64
	keyUIDs  map[string]types.UID
	keySeed  int                 // which of the keys at hand is the next
	others   []*certificateWorld // that may name the same Secret

	wanted    *Wanted // the spec as it is read
	wantedErr error
	wantedOf  int64 // generation

	renewalCA *simRenewalCA // whom to ask when to renew; nil if nobody
	*simKnown
	simRevocations

	// cheap makes certificates that are not signed nor encoded: that, and to
	// read them, is most of the cost of a simulation.
	cheap  bool
	parsed *simParsed

	events []Event
	writes int // child writes and status writes
	orders int // requests that were created
	uids   int
}

// simVault is the place of the Secret, which Certificates may share.
type simVault struct{ secret *storedObject }

// simParsed is what bytes are when read, kept as they are read at every pass.
type simParsed struct {
	requests map[string]*SeenRequest
	chains   map[string][]*x509.Certificate
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
		simVault: &simVault{},
		simKnown: &simKnown{revoked: map[string]RevokedSeen{}},

		simRevocations: simRevocations{revocations: map[string]CreateRevocation{}},
		keys:           map[string][]byte{},
		keyUIDs:        map[string]types.UID{},
		requests:       map[string]*cmv1.CertificateRequest{},
		parsed:         &simParsed{requests: map[string]*SeenRequest{}, chains: map[string][]*x509.Certificate{}},
	}
}

// read is ReadRequest, once for the same bytes.
func (w *certificateWorld) read(req *cmv1.CertificateRequest) *SeenRequest {
	csr := w.parsed.requests[string(req.Spec.Request)]
	if csr == nil {
		bare := *req
		bare.Status = cmv1.CertificateRequestStatus{}
		csr = ReadRequest(&bare)
		w.parsed.requests[string(req.Spec.Request)] = csr
	}
	seen := *csr
	seen.Object = req
	if len(req.Status.Certificate) > 0 {
		seen.Chain, seen.ChainErr = w.readChain(req.Status.Certificate)
	}
	return &seen
}

func (w *certificateWorld) readChain(text []byte) ([]*x509.Certificate, error) {
	if chain := w.parsed.chains[string(text)]; chain != nil {
		return chain, nil
	}
	chain, err := pki.DecodeCertificates(text)
	if err == nil {
		w.parsed.chains[string(text)] = chain
	}
	return chain, err
}

// readSecret is ReadSecret, once for the same bytes.
func (w *certificateWorld) readSecret() *StoredSecret {
	o := w.secret
	if o == nil {
		return nil
	}
	key, chain := o.data[TLSKey], o.data[TLSCert]
	public, known := simPublicKeys[string(key)]
	if !known || len(chain) == 0 {
		return ReadSecret(o.labels, o.annotations, o.data)
	}
	s := &StoredSecret{Labels: o.labels, Annotations: o.annotations, Data: o.data, PublicKey: public}
	s.Chain, s.ChainErr = w.readChain(chain)
	return s
}

// snapshot copies the world, for reads that are behind.
func (w *certificateWorld) snapshot() *certificateWorld {
	c := *w
	c.crt = w.crt.DeepCopy()
	c.revocations = maps.Clone(w.revocations)
	c.simVault = &simVault{}
	if w.secret != nil {
		s := *w.secret
		c.secret = &s
	}
	c.keys, c.requests = map[string][]byte{}, map[string]*cmv1.CertificateRequest{}
	c.keyUIDs = maps.Clone(w.keyUIDs)
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
	if !w.cheap || w.wanted == nil || w.wantedOf != w.crt.Generation {
		wanted, err := ParseSpec(&w.crt.Spec)
		w.wanted, w.wantedErr, w.wantedOf = &wanted, err, w.crt.Generation
	}
	seen.Wanted, seen.WantedErr = *w.wanted, w.wantedErr
	seen.Secret = w.readSecret()
	if len(w.others) > 0 {
		w.shareSecret(&seen)
	}
	name := NextKeyNameOf(w.crt)
	if key, found := w.keys[name]; found {
		if public, known := simPublicKeys[string(key)]; known {
			seen.NextKey = &NextKey{Name: name, UID: w.keyUIDs[name], PublicKey: public}
		} else {
			seen.NextKey = ReadNextKey(name, w.keyUIDs[name], map[string][]byte{TLSKey: key})
		}
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
	w.renewalCA.see(&seen)
	w.simKnown.see(&seen)
	w.seeRevoking(&seen, owned)
	return seen
}

func (w *certificateWorld) shareSecret(seen *CertificateSeen) {
	var sharing []*cmv1.Certificate
	for _, other := range w.others {
		sharing = append(sharing, other.crt)
	}
	issuedFor := ""
	if seen.Secret != nil {
		issuedFor = seen.Secret.Annotations[cmv1.CertificateNameKey]
	}
	seen.SecretOwner, seen.Rivals = ShareSecret(w.crt, sharing, issuedFor)
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
			w.keys[a.Name] = w.newKey(t, a.Key)
		}
		w.uids++
		w.keyUIDs[a.Name] = types.UID(fmt.Sprintf("uid-key-%d", w.uids))
	case DeleteNextKey:
		if a.UID != "" && w.keys[a.Name] != nil && a.UID != w.keyUIDs[a.Name] {
			return false // Conflict
		}
		delete(w.keys, a.Name)
	case CreateRequest:
		if _, exists := w.requests[a.Name]; exists {
			return false // AlreadyExists
		}
		keyPEM, found := w.keys[seen.NextKey.Name]
		if !found {
			return false
		}
		if w.burned(w.read(&cmv1.CertificateRequest{Spec: cmv1.CertificateRequestSpec{Request: simRequest(t, keyPEM, &seen.Wanted.Request)}}).CSR.PublicKey) && len(seen.Compromised) > 0 {
			t.Fatal("a certificate was requested for a key that others know")
		}
		if seen.SecretOwner != "" {
			t.Fatalf("a certificate was requested for a Secret that belongs to %s", seen.SecretOwner)
		}
		req := BuildRequest(seen.Certificate, a, seen.NextKey.Name, simRequest(t, keyPEM, &seen.Wanted.Request), DefaultCopiedAnnotations)
		req.CreationTimestamp = *stamp(w.now)
		seen.MarkRenewal(req, w.now)
		w.orders++
		w.uids++
		req.UID = types.UID(fmt.Sprintf("uid-request-%d", w.uids))
		w.requests[a.Name] = req
	case CreateRevocation, MarkRevoked, SetFinalizer:
		if !w.actOnRevocation(t, a) {
			return false
		}
	case AskRenewalInfo:
		w.renewalCA.ask(t, a.CertificateID, w.now)
		return true // it is no write
	case DeleteRequest:
		if req := w.requests[a.Name]; req != nil && a.UID != "" && a.UID != req.UID {
			return false // Conflict
		}
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
	if w.refuses(d.Action) {
		seen.Revoking.Terminating = w.terminating
		if !w.terminating {
			seen.Refusal = "the quota is used up"
		}
		d = NextCertificate(seen, w.now)
	}
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
	w.serial++
	if w.cheap {
		w.signCheaply(req, lifetime)
		return
	}
	csr, err := pki.DecodeRequest(req.Spec.Request)
	if err != nil {
		t.Fatal(err)
	}
	template, err := pki.Template(csr, pki.Profile{Duration: lifetime, IsCA: req.Spec.IsCA}, big.NewInt(w.serial), w.now)
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

// signCheaply answers with a certificate that only this world can read.
func (w *certificateWorld) signCheaply(req *cmv1.CertificateRequest, lifetime time.Duration) {
	csr := w.read(req).CSR
	text := fmt.Appendf(nil, "certificate %s %d", w.crt.Name, w.serial)
	cert := &x509.Certificate{
		Raw: text, SerialNumber: big.NewInt(w.serial), PublicKey: csr.PublicKey,
		Subject: csr.Subject, RawSubject: csr.RawSubject, DNSNames: csr.DNSNames, Issuer: simCA.cert.Subject,
		NotBefore: w.now.Truncate(time.Second), NotAfter: w.now.Add(lifetime).Truncate(time.Second),
	}
	w.parsed.chains[string(text)] = []*x509.Certificate{cert}
	req.Status.Certificate = text
	w.answer(req, cmmeta.ConditionTrue, cmv1.CertificateRequestReasonIssued, "issued")
}

// refuse answers a request with a failure.
func (w *certificateWorld) refuse(req *cmv1.CertificateRequest, message string) {
	req.Status.FailureTime = stamp(w.now)
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
